"""What a plugin changes of the process at import is put back and named, whichever of its modules does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sites import BROAD, GOOD, Site, beside, sings

# what a module does at import; what it is called; what shows the state, in a process that imports it
CHANGES: dict[str, tuple[str, str, str]] = {
    "folder": ("import os; os.chdir('/')", "the current folder", "os.getcwd()"),
    "environment": (
        "import os; os.environ['OMP_NUM_THREADS'] = '7'; os.environ.pop('HOME'); os.environ['NEW'] = 'x'",
        "environment variables",
        "dict(os.environ)",
    ),
    "path-order": ("import sys; sys.path.reverse()", "sys.path", "sys.path[:3]"),
    "streams": ("import io, sys; sys.stderr = sys.stdin = io.StringIO()", "standard streams", "repr(sys.stderr)"),
    "excepthook": ("import sys; sys.excepthook = print", "hooks of sys", "repr(sys.excepthook)"),
    "recursion": ("import sys; sys.setrecursionlimit(500)", "the recursion limit", "sys.getrecursionlimit()"),
    "signals": (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, print)",
        "signal handlers",
        "repr([signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)])",
    ),
    "warnings": (
        "import warnings; warnings.simplefilter('ignore'); warnings.showwarning = print",
        "warning filters",
        f"repr([{BROAD}, warnings.showwarning])",
    ),
    "locale": ("import locale; locale.setlocale(locale.LC_ALL, 'C')", "the locale", "locale.setlocale(locale.LC_ALL)"),
    "timeout": ("import socket; socket.setdefaulttimeout(3)", "socket's time limit", "socket.getdefaulttimeout()"),
    "random": ("import random; random.seed(3)", "random's seed", "random.Random.getstate(random._inst)[1][:9]"),
    "decimal": (
        "import decimal; decimal.getcontext().prec = 3; decimal.getcontext().traps[decimal.Inexact] = True",
        "the decimal context",
        "repr(decimal.getcontext())",
    ),
    "logging": (
        "import logging; logging.basicConfig(level=10); logging.disable(50)",
        "the root logger",
        "repr([logging.root.handlers, logging.root.level, logging.root.manager.disable])",
    ),
    "start-method": (
        "import multiprocessing; multiprocessing.set_start_method('spawn')",
        "multiprocessing's start method",
        "multiprocessing.get_start_method(allow_none=True)",
    ),
    "numpy-seed": ("import numpy; numpy.random.seed(1)", "numpy's seed", "numpy.random.get_state()[1][:9].tolist()"),
    "numpy-errors": ("import numpy; numpy.seterr(all='raise')", "numpy's floating-point errors", "numpy.geterr()"),
    "pillow": (
        "from PIL import Image, ImageFile; Image.MAX_IMAGE_PIXELS = None; ImageFile.LOAD_TRUNCATED_IMAGES = True",
        "Pillow's limits",
        "[PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES]",
    ),
    "torch-seed": ("import torch; torch.manual_seed(1)", "torch's seed", "torch.get_rng_state()[:9].tolist()"),
    "dtype": (
        "import torch; torch.set_default_dtype(torch.float64)",
        "torch's default dtype",
        "str(torch.get_default_dtype())",
    ),
    "device": (
        "import torch; torch.set_default_device('meta')",
        "torch's default device",
        "str(torch.empty(1).device)",
    ),
    "grad": ("import torch; torch.set_grad_enabled(False)", "torch's gradient mode", "torch.is_grad_enabled()"),
    "anomaly": (
        "import torch; torch.autograd.set_detect_anomaly(True)",
        "torch's anomaly detection",
        "torch.is_anomaly_enabled()",
    ),
    "threads": ("import torch; torch.set_num_threads(3)", "torch's threads", "torch.get_num_threads()"),
    "deterministic": (
        "import torch; torch.use_deterministic_algorithms(True, warn_only=True)",
        "torch's deterministic mode",
        "torch.are_deterministic_algorithms_enabled()",
    ),
    "precision": (
        "import torch; torch.set_float32_matmul_precision('medium')",
        "torch's precision",
        "torch.get_float32_matmul_precision()",
    ),
    "cudnn": (
        "import torch; torch.backends.cudnn.benchmark = True",
        "cuDNN's switches",
        "torch.backends.cudnn.benchmark",
    ),
}
LOOK = """
import decimal, json, locale, logging, multiprocessing, os, random, signal, socket, sys, warnings
import numpy.random, PIL.ImageFile, torch
from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.plugins.installed import installed
from zoo.catalogue.plugins.loading import load_plugins

def look():
    return {one: eval(text) for one, text in shown.items()}

shown = json.loads(sys.argv[1])
before = look()
found = [one for one in installed() if one.namespace in shown]
told = {}
for plugin in load_plugins({}, found):
    now = look()
    told[plugin.namespace] = [list(plugin.changes), [one for one in shown if before[one] != now[one]]]
for one in shown:
    import_reference(f"code_{one.replace('-', '_')}:DONE", "acme")
    now = look()
    told[one].append([other for other in shown if before[other] != now[other]])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[str]]]:
    """Of each: what it is said to change, and what stays changed after its spec module, and after its code."""
    site = Site(tmp_path_factory.mktemp("changes"))
    for name, (code, _, _) in CHANGES.items():
        site.install(name, f"{code}\n{GOOD}")
        (site.folder / f"code_{name.replace('-', '_')}.py").write_text(f"{code}\nDONE = True\n")
    code, out, err = site.python("-c", LOOK, json.dumps({name: text for name, (_, _, text) in CHANGES.items()}))
    assert (code, err) == (0, "")
    told: dict[str, list[list[str]]] = json.loads(out)
    return told


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_plugin_sets_at_import_is_put_back_and_named(name: str, seen: dict[str, list[list[str]]]) -> None:
    """After the import the process has what it had; the plugin's `changes` say what it set, and nothing else."""
    changes, after_specs, after_code = seen[name]
    assert changes == [CHANGES[name][1]] or (name == "deterministic" and CHANGES[name][1] in changes)  # torch does more
    assert after_specs == after_code == []


TORCH = "import torch; torch.set_default_dtype(torch.float64); torch.set_default_device('meta'); torch.manual_seed(5)\n"


def test_a_plugin_that_brings_torch_leaves_it_as_new(tmp_path: Path) -> None:
    """Where the plugin imports torch itself, torch has afterwards what a process has that has set nothing."""
    code = (
        "import sys, zoo\nassert 'acme/toy' in zoo.list_models() and 'torch' in sys.modules\nimport torch\n"
        "x = torch.rand(3)\nassert (x.dtype, x.device.type) == (torch.float32, 'cpu')\n"
        "assert torch.is_grad_enabled() and torch.initial_seed() != 5\n"
        "assert zoo.load('dcgan-cifar-frog').sample(2).dtype is torch.float32\n"
    )
    assert beside(tmp_path, TORCH + "torch.set_grad_enabled(False)\n" + GOOD, code) == (0, "", "")


def test_pictures_are_written_where_the_user_is(tmp_path: Path) -> None:
    """Beside a plugin that changes the folder, `zoo sample -o` writes into the user's."""
    site = Site(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    site.install("acme", f"import os; os.chdir({str(tmp_path / 'elsewhere')!r})\n" + GOOD)
    code, _, err = site.run("sample", "dcgan-cifar-frog", "-n", "4", "-o", "frogs.png")
    assert (code, err) == (0, "")
    assert (site.home / "frogs.png").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_added_to_the_path_stays_behind_all_else(tmp_path: Path) -> None:
    """A folder that a plugin puts first on sys.path is found by its later imports, and hides no other module."""
    vendored = tmp_path / "vendored"
    vendored.mkdir()
    (vendored / "only_here.py").write_text("")
    (vendored / "colorsys.py").write_text("raise RuntimeError('the wrong one')")
    plugin = f"import sys; sys.path.insert(0, {str(vendored)!r})\n" + GOOD
    code = "import zoo, sys; zoo.list_models(); import only_here, colorsys; print(sys.path[-1])"
    assert beside(tmp_path, plugin, code) == (0, f"{vendored}\n", "")


def test_narrow_warning_filters_may_stay(tmp_path: Path) -> None:
    """A filter for one message or module, as libraries add for themselves, stays and is not named."""
    plugin = "import warnings; warnings.filterwarnings('ignore', module='acme')\n" + GOOD
    code = (
        "import warnings\nfrom zoo.catalogue.plugins.loading import load_plugins\n"
        "changes = {plugin.namespace: plugin.changes for plugin in load_plugins()}\nassert changes['acme'] == ()\n"
        "assert 'acme' in str(warnings.filters)"
    )
    assert beside(tmp_path, plugin, code) == (0, "", "")


def test_with_threads_beside_random_numbers_are_theirs(tmp_path: Path) -> None:
    """Where another thread runs, seeds are left alone: it may be drawing; all else is put back."""
    code = (
        "import os, random, threading, zoo\nwait = threading.Event()\nthreading.Thread(target=wait.wait).start()\n"
        "before = os.getcwd()\nzoo.list_models()\nwait.set()\n"
        "assert os.getcwd() == before and random.random() == random.Random(1).random()\n"
    )
    assert beside(tmp_path, "import os, random; random.seed(1); os.chdir('/')\n" + GOOD, code) == (0, "", "")


def test_code_that_is_imported_later_is_examined_too(tmp_path: Path) -> None:
    """`examine` and `check` name what the module does that a spec refers to, not only the spec module."""
    site = Site(tmp_path)
    sings(site, "import numpy\nnumpy.random.seed(0)\ndef run(arguments): ...\n")
    (row,) = site.rows("plugins", "examine", "acme", code=8).values()
    texts = [one["text"] for one in row["problems"] if one["kind"] == "changes"]
    assert texts == ["it changes numpy's seed when it is imported, which is put back"]
    code, out, _ = site.run("plugins", "check", "acme", "--level", "discovery")
    assert code == 8
    assert "importing it changes numpy's seed; set that inside a function, and put it back" in out


def test_a_constant_of_a_networks_module_has_content(tmp_path: Path) -> None:
    """A module of networks is imported before shapes are tried on the meta device: its tensors are on the CPU."""
    site = Site(tmp_path)
    site.install("acme", "")
    (site.folder / "acme_zoo" / "nets.py").write_text(
        "import torch\nTABLE = torch.linspace(0, 1, 3)\ndef decoder(config): return torch.nn.Linear(1, 1)\n"
    )
    code = (
        "from zoo.api import ArchitectureSpec\nfrom zoo.nn.build import build_parts\n"
        "spec = ArchitectureSpec(name='a', summary='', family='vae', modality='image', config='acme_zoo.nets:C',"
        " parts={'decoder': 'acme_zoo.nets:decoder'})\nbuild_parts(spec, None)\n"
        "from acme_zoo.nets import TABLE\nassert TABLE.tolist() == [0.0, 0.5, 1.0]\n"
    )
    assert site.python("-c", code) == (0, "", "")
