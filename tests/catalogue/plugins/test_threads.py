"""A first load from several threads at once: one builds the catalogue, the others wait, nothing is left changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import BROAD, GOOD, Site, beside, sings

TOGETHER = f"""
import os, sys, threading, warnings
import zoo

def state():
    return (sys.stdout, sys.stderr, warnings.showwarning, {BROAD}, os.getcwd(), dict(os.environ), os.fstat(1).st_ino,
            os.umask(os.umask(18)))

def ask():
    barrier.wait()
    try:
        got.append(action())
    except BaseException as error:
        got.append(repr(error))

def all_at_once(number=8):
    global barrier, got
    barrier, got = threading.Barrier(number), []
    threads = [threading.Thread(target=ask) for _ in range(number)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return got

before = state()
"""


@pytest.mark.parametrize("attempt", range(4))
def test_eight_threads_load_at_once(attempt: int, tmp_path: Path) -> None:
    """Eight first calls of `zoo.load` in eight threads give the same samples; streams stay what they were."""
    code = TOGETHER + (
        "action = lambda: zoo.load('dcgan-cifar-frog').sample(3, seed=1)\n"
        "first, *others = all_at_once()\n"
        "assert first.shape == (3, 3, 32, 32) and all(bool((one == first).all()) for one in others)\n"
        "assert state() == before\nprint('here')\n"
    )
    assert beside(tmp_path, "print('hello')\n" + GOOD, code) == (0, "hello\nhere\n", "")


def test_a_plugin_is_imported_once_whoever_asks(tmp_path: Path) -> None:
    """Beside a slow, loud plugin and a broken one eight threads see one catalogue, and one warning names the latter."""
    site = Site(tmp_path)
    site.install("slow", "import time; time.sleep(0.2)\nprint('once')\n" + GOOD)
    site.install("torn", "import time; time.sleep(0.1); raise RuntimeError('ouch')")
    code = TOGETHER + (
        "from zoo.catalogue.plugins.loading import default_registry\naction = default_registry\n"
        "assert len(set(map(id, all_at_once()))) == 1\nassert state() == before\n"
    )
    ended, out, err = site.python("-c", code)
    assert (ended, out) == (0, "once\n")
    assert err.count("plugin torn (torn-zoo 1.2) failed: RuntimeError: ouch") == 1


def test_two_threads_of_which_one_imports_what_fails(tmp_path: Path) -> None:
    """An implementation that fails in one thread costs the other nothing, whose own is loaded at the same time."""
    site = Site(tmp_path)
    for name, code in {"bad": "raise OSError('torn')", "good": "VALUE = 7"}.items():
        (site.folder / f"{name}_code.py").write_text(f"import os, time\nos.chdir('/')\ntime.sleep(0.1)\n{code}\n")
    code = TOGETHER + (
        "from zoo.catalogue.contract.references import import_reference\n"
        "turns = iter(['good_code:VALUE', 'bad_code:VALUE'])\n"
        "action = lambda: import_reference(next(turns), 'acme')\n"
        "good, bad = sorted(all_at_once(2), key=str)\n"
        "assert good == 7 and 'cannot import bad_code:VALUE (OSError: torn)' in bad\nassert state() == before\n"
    )
    assert site.python("-c", code) == (0, "", "")


def test_a_library_call_redirects_nothing(tmp_path: Path) -> None:
    """What a plugin prints at import goes where the program's own output goes: only the command line puts it aside."""
    site = Site(tmp_path)
    site.install("acme", "print('hello')\n" + GOOD)
    assert site.python("-c", "import zoo; zoo.list_models()") == (0, "hello\n", "")
    assert site.run("list", "--json")[2] == "hello\n"


def test_what_the_code_of_a_verb_prints_at_import_is_put_aside_too(tmp_path: Path) -> None:
    """In the command line, output of a module that a spec refers to leaves standard output to the command."""
    site = Site(tmp_path)
    sings(site, "print('aside')\ndef run(arguments): print('la')\n")
    assert site.run("acme/sing") == (0, "la\n", "aside\n")
