"""The sdist and the wheel, built from this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MODELS = sorted(path.name for path in (ROOT / "weights").iterdir() if path.is_dir())

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked into a folder of its own; its dependencies are those of this environment."""
    target = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    command = ("-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", target, wheel)
    run(sys.executable, *command, cwd=target)
    return target


def test_the_wheel_carries_core_plugins_recipes_and_weights(built: Path) -> None:
    """All that a user needs is in the wheel, and no test or run."""
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    needed = {"zoo/py.typed", "zoo/cli/main.py", "zoo_gan/networks.py", "zoo_images/__init__.py"}
    needed |= {f"zoo_gan/recipes/{path.name}" for path in (ROOT / "plugins/zoo_gan/recipes").glob("*.toml")}
    for model in MODELS:
        needed |= {f"zoo/weights/{model}/{path.name}" for path in (ROOT / "weights" / model).iterdir()}
    assert needed <= names, needed - names
    assert not [name for name in names if name.startswith(("tests", "runs", "benchmarks"))]


def test_the_sdist_builds_the_same_wheel(built: Path) -> None:
    """The sdist carries the weights, the tests and the licence."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    needed = {
        "LICENSE",
        "README.md",
        "constraints.txt",
        "hatch_build.py",
        "weights/pins.toml",
        "tests/test_distribution.py",
    }
    needed |= {f"weights/{model}/model.safetensors" for model in MODELS}
    assert needed <= names, needed - names


@pytest.mark.parametrize("home", ["missing", "read-only"])
def test_an_installed_wheel_samples_offline_without_a_home(installed: Path, tmp_path: Path, home: str) -> None:
    """No network, and a home that is missing or cannot be written: the bundled models sample and verify."""
    where = tmp_path / "home"
    if home == "read-only":
        where.mkdir(mode=0o555)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "HOME": str(where),
        "HF_HUB_OFFLINE": "1",
        "ZOO_OFFLINE": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    run(sys.executable, "-c", f"import zoo; assert zoo.__file__.startswith({str(installed)!r})", cwd=tmp_path, env=env)
    for model in MODELS:
        (shown,) = (ROOT / "weights" / model).glob("samples.*")
        out = tmp_path / f"{model}{shown.suffix}"
        run(sys.executable, "-m", "zoo", "sample", model, "-n", "4", "-o", out, cwd=tmp_path, env=env)
        if shown.suffix == ".png":  # grey pictures have 256 colours at most
            assert len(Image.open(out).convert("RGB").getcolors(10**6) or []) > 100
        assert out.stat().st_size > 100
        run(sys.executable, "-m", "zoo", "verify", model, cwd=tmp_path, env=env)
    assert list(where.iterdir()) == [] if home == "read-only" else not where.exists()


WITHOUT_EXTRAS = """
import importlib.abc, re, sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from packaging.requirements import Requirement

def plain(name):
    return re.sub("[-_.]+", "-", name).lower()

brought, ahead = set(), ["genzoo"]
while ahead:
    name = plain(ahead.pop())
    if name not in brought | {"torchvision"}:  # a dependency for what downloads data; on no way that loads
        brought.add(name)
        try:
            needs = [Requirement(line) for line in distribution(name).requires or []]
        except PackageNotFoundError:
            continue
        ahead += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
away = {module for module, owners in packages_distributions().items() if not brought & set(map(plain, owners))}
assert {"torchvision", "pytest"} <= away and not {"torch", "zoo", "zoo_gan"} & away

class Away(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in away:
            raise ModuleNotFoundError(f"{name} is not what genzoo brings", name=name)

sys.meta_path.insert(0, Away())
import zoo
for name in zoo.list_models(trained=True):
    print(name, tuple(zoo.load(name).sample(2, seed=0).shape))
"""


def test_what_an_installation_brings_is_enough_to_load_and_sample(installed: Path, tmp_path: Path) -> None:
    """Without the extras, and without torchvision, every bundled model loads and samples."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HOME": str(tmp_path), "ZOO_OFFLINE": "1"}
    said = run(sys.executable, "-c", WITHOUT_EXTRAS, cwd=tmp_path, env=env)
    assert [line.partition(" ")[0] for line in said.splitlines()] == MODELS
