"""docs/examples/meadow-zoo: a third party's package, built, installed beside the zoo's wheel, and used."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import TOKEN, LoopbackHub
from PIL import Image

from zoo.catalogue.weights.folder import FILES

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "meadow-zoo"
MODEL = "meadow/splat-butterflies"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
MOST_BYTES = 300_000  # of the bundled weights folder

PICTURES = """
import sys, torch, zoo
model = zoo.load(sys.argv[1])
images = model.sample(16, seed=0)
assert images.shape == (16, 3, 32, 32) and images.dtype == torch.float32
assert 0 <= images.min() and images.max() <= 1
large = model.decoder.paint(model.latents(16, seed=0), side=64)
assert (torch.nn.functional.avg_pool2d(large, 2) - images).abs().mean() < 0.01
zoo.grid(images).save(sys.argv[2])
"""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Desk:
    """A clean environment with the two wheels in it, a home of its own, and the Hub on the loopback."""

    def __init__(self, folder: Path, hub: LoopbackHub) -> None:
        self.hub, self.work, self.dist = hub, folder / "work", folder / "dist"
        self.work.mkdir()
        (folder / "home").mkdir()
        for package in (ROOT, EXAMPLE):
            build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", self.dist, package)
            run(sys.executable, *build, cwd=self.work)
        self.folder = folder / "env"
        venv.create(self.folder, with_pip=False)
        (site,) = self.folder.glob("lib/python*/site-packages")
        # torch and the rest are those of this environment; as plain folders, so that no .pth of theirs is read
        seen = [path for path in sys.path if path.endswith("site-packages") and Path(path).is_dir()]
        (site / "seen.pth").write_text("".join(f"{path}\n" for path in seen), encoding="utf-8")
        self.python = self.folder / "bin" / "python"
        install = ("install", "--no-deps", "--no-index", "--ignore-installed", "--quiet")
        run(sys.executable, "-m", "pip", "--python", self.python, *install, *self.dist.iterdir(), cwd=self.work)
        self.env = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "HF_HOME": str(folder / "cache"),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1",
        }

    def zoo(self, *words: str | Path, **env: str) -> str:
        """`zoo WORDS…` by the installed script; gives standard output."""
        return run(self.folder / "bin" / "zoo", *words, cwd=self.work, env=self.env | env)

    def rows(self, *words: str | Path, **env: str) -> dict[str, dict[str, Any]]:
        """What `zoo WORDS… --json` prints, by name."""
        return {row["name"]: row for row in json.loads(self.zoo(*words, "--json", **env))}

    def pictures(self, name: str, file: str, **env: str) -> bytes:
        """The pixels of the grid of 16 samples of a model, drawn in a fresh process."""
        run(self.python, "-W", "error", "-c", PICTURES, name, file, cwd=self.work, env=self.env | env)
        return Image.open(self.work / file).convert("RGB").tobytes()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The two wheels, built from this checkout and installed outside it."""
    with LoopbackHub() as hub:
        yield Desk(tmp_path_factory.mktemp("example"), hub)


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of the files of the format in a weights folder."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES if (folder / name).is_file()
    }


def test_the_weights_in_the_checkout_are_the_pinned_ones_and_small() -> None:
    """What the example's spec module pins is what lies beside it, and all of it is at most 300 kB."""
    folder = EXAMPLE / "src" / "meadow_zoo" / "weights" / "splat-butterflies"
    text = (EXAMPLE / "src" / "meadow_zoo" / "__init__.py").read_text(encoding="utf-8")
    found = hashes(folder)
    assert {"config.json", "model.safetensors", "golden.safetensors"} == set(found)
    assert all(f'"{name}": "{digest}"' in text for name, digest in found.items())
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES


def test_the_readme_names_files_that_are_there() -> None:
    """Its links lead to files, and its table of files names them all."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (EXAMPLE / target).exists(), target
    named = set(re.findall(r"^\| `((?:src|tests|pyproject)[^`]*)`", README, re.MULTILINE))
    assert all((EXAMPLE / name).exists() for name in named)
    package = {f"src/meadow_zoo/{path.name}" + "/" * path.is_dir() for path in (EXAMPLE / "src/meadow_zoo").iterdir()}
    assert package - {"src/meadow_zoo/__pycache__/", "src/meadow_zoo/py.typed"} <= named


@pytest.mark.slow
def test_the_wheels_hold_what_they_should(desk: Desk) -> None:
    """The example's has code, recipe, weights and licence and no tests; the zoo's has nothing of the example."""
    names = {wheel.name.partition("-")[0]: zipfile.ZipFile(wheel).namelist() for wheel in desk.dist.iterdir()}
    weights = {
        f"meadow_zoo/weights/splat-butterflies/{name}" for name in (*hashes(desk.work), "README.md", "samples.png")
    }
    needed = {"meadow_zoo/__init__.py", "meadow_zoo/py.typed", "meadow_zoo/recipes/splat-butterflies.toml"} | weights
    needed |= {"meadow_zoo-0.1.0.dist-info/licenses/LICENSE"}
    assert needed <= set(names["meadow_zoo"])
    assert not [name for name in names["meadow_zoo"] if "test" in name]
    assert not [name for name in names["genzoo"] if "meadow" in name]
    where = run(desk.python, "-c", "import zoo, meadow_zoo; print(zoo.__file__, meadow_zoo.__file__)", cwd=desk.work)
    assert all(Path(path).is_relative_to(desk.folder) for path in where.split())


@pytest.mark.slow
def test_it_is_listed_and_gives_pictures(desk: Desk) -> None:
    """`zoo list` and `zoo info` show what it brings; `zoo.load` and `zoo sample` give the same coloured pictures."""
    row = desk.rows("list", "meadow/*")[MODEL]
    assert (row["available"], row["architecture"], row["dataset"]) == (
        "bundled",
        "meadow/splat-vae",
        "meadow/butterflies",
    )
    assert "meadow/butterflies" in desk.zoo("list", "--datasets")
    assert "splat-vae" in desk.zoo("info", "meadow/splat-vae")
    offline = {"ZOO_OFFLINE": "1"}
    pixels = desk.pictures(MODEL, "sixteen.png", **offline)
    assert len(set(zip(*[iter(pixels)] * 3, strict=True))) > 1000  # colours
    desk.zoo("sample", MODEL, "-n", "16", "--seed", "0", "--scale", "1", "-o", "again.png", **offline)
    assert Image.open(desk.work / "again.png").convert("RGB").tobytes() == pixels
    assert desk.rows("verify", MODEL, **offline)[MODEL]["ok"]


@pytest.mark.slow
def test_what_its_readme_shows_works(desk: Desk) -> None:
    """The python of README.md runs: sixteen butterflies, and one painted by the same weights at 512 pixels."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    run(desk.python, "-W", "error", "-c", code, cwd=desk.work, env=desk.env)
    assert len(Image.open(desk.work / "butterflies.png").convert("RGB").getcolors(10**6) or ()) > 1000
    with Image.open(desk.work / "large.png") as large:
        assert large.size == (512, 512)


@pytest.mark.slow
def test_the_kit_and_the_doctor_find_nothing_wrong(desk: Desk) -> None:
    """Every check passes or does not apply, those of the weights and the datasets among them."""
    row = desk.rows("plugins", "check", "meadow")["meadow"]
    counts, outcomes = row["counts"], {one["check"]: one["outcome"] for one in row["rows"]}
    assert row["ok"]
    assert counts["passed"] == counts["run"] > 45
    for check in ("weights.pins", "weights.golden", "weights.card", "datasets.splits", "behaviour.trains"):
        assert outcomes[check] == "passed"
    assert desk.rows("plugins", "examine", "meadow")["meadow"]["problems"] == []


@pytest.mark.slow
def test_its_own_tests_pass(desk: Desk) -> None:
    """An author's `python -m pytest`, in a copy outside the repository: the kit, and what is particular to it."""
    shutil.copytree(EXAMPLE / "tests", desk.work / "author" / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", desk.work / "author")
    command = (desk.python, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider")
    said = run(*command, cwd=desk.work / "author", env=desk.env)
    assert "failed" not in said
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None
    assert int(passed[1]) > 45


@pytest.mark.slow
def test_it_is_trained_pushed_and_pulled_back(desk: Desk) -> None:
    """Train, export, push; then a clean cache pulls the same bytes, and they give the same samples."""
    desk.zoo("train", MODEL, "--examples", "640", "--threads", "1", "--out", "run")
    desk.zoo("export", "run", "-o", "./mine")
    mine = desk.pictures("./mine", "mine.png")
    assert mine != desk.pictures(MODEL, "bundled.png")
    pushed = desk.zoo("push", "./mine", "--to", "meadow/splat-butterflies")
    found = hashes(desk.work / "mine")
    assert all(digest in pushed for digest in found.values())
    commit = desk.hub.repos["meadow/splat-butterflies"].refs["main"]
    assert commit in pushed
    clean = {"HF_HOME": str(desk.work / "clean-cache"), "HF_TOKEN": ""}
    (row,) = desk.rows("pull", "hf://meadow/splat-butterflies", **clean).values()
    assert row["origin"] == f"hf://meadow/splat-butterflies@{commit}"
    assert hashes(Path(row["path"])) == found
    assert desk.pictures("hf://meadow/splat-butterflies", "pulled.png", **clean, ZOO_OFFLINE="1") == mine
