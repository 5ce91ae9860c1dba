"""What importing and asking the catalogue loads: subprocesses, so that nothing another test imported counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "torchvision", "huggingface_hub", "safetensors", "numpy", "PIL", "accelerate", "gradio", "tqdm")


def loaded_after(code: str) -> set[str]:
    """The heavy packages that are in sys.modules after `code` in a new Python."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])) & set(HEAVY)


def test_the_probe_sees_what_is_loaded() -> None:
    """A module that is imported is found by the probe of this file."""
    assert loaded_after("import PIL") == {"PIL"}


def test_importing_the_zoo_loads_nothing_heavy() -> None:
    """`import zoo` and its version load neither torch nor any other heavy package."""
    assert loaded_after("import zoo\nassert zoo.__version__ and dir(zoo)") == set()


def test_asking_the_catalogue_loads_nothing_heavy() -> None:
    """All lists, and `info` of every model, architecture and dataset, are answered without a heavy package."""
    code = (
        "import zoo\n"
        "names = zoo.list_models() + zoo.list_architectures() + zoo.list_datasets()\n"
        "assert all(zoo.info(name)['name'] == name for name in names) and len(names) >= 3"
    )
    assert loaded_after(code) == set()


def test_importing_the_plugin_door_loads_nothing_heavy() -> None:
    """`zoo.api`, the door `zoo.nn`, and each first-party plugin's `__init__`, load no heavy package."""
    assert (
        loaded_after("import zoo.api, zoo.nn, zoo.data, zoo.images, zoo.training, zoo_gan, zoo_gan.configs, zoo_images")
        == set()
    )


def test_finding_bundled_weights_loads_nothing_heavy() -> None:
    """Locating and hashing folders, reading recipes and naming picture files load no heavy package."""
    assert (
        loaded_after(
            "import zoo.catalogue.weights.locate, zoo.catalogue.recipes.recipe, zoo.images.sheet\n"
            "import zoo.files, zoo.catalogue.questions"
        )
        == set()
    )


def test_the_command_line_module_loads_nothing_heavy() -> None:
    """`zoo.cli` imports what a command needs inside the command."""
    assert loaded_after("import zoo.cli") == set()


def test_looking_at_runs_loads_nothing_heavy(tmp_path: Path) -> None:
    """`zoo runs list` and `zoo runs show` read a run folder without a heavy package."""
    recipe = {"name": "a", "architecture": "dcgan", "dataset": "shapes", "trainer": "adversarial"}
    (tmp_path / "a").mkdir()
    facts = {"data": {"name": "shapes"}, "torch": "2", "threads": 1}
    (tmp_path / "a" / "recipe.json").write_text(json.dumps({"recipe": recipe, "facts": facts}))
    code = (
        "from zoo.cli.main import main\n"
        f"assert main(['runs', 'list', {str(tmp_path)!r}, '--json']) == 0\n"
        f"assert main(['runs', 'show', {str(tmp_path / 'a')!r}, '--json']) == 0\n"
        "import zoo.catalogue.recipes.starters, zoo.catalogue.runs.curves"
    )
    assert loaded_after(code) == set()
