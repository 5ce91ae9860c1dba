"""A wheel that leaves to the Hub what was published: pushed, pinned, built, installed and pulled, on the loopback."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from loopback_hub import TOKEN, LoopbackHub

from zoo.catalogue.contract.pins import read_pins

ROOT = Path(__file__).resolve().parent.parent
MODELS = sorted(path.name for path in (ROOT / "weights").iterdir() if path.is_dir())
MOST_LIGHT, MOST_WHOLE = 12 * 10**6, 75 * 10**6  # bytes of the two wheels

pytestmark = pytest.mark.slow


def run(*command: str | Path, code: int = 0, **more: Any) -> str:
    """The output and errors of a command that must end with that code."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def wheel_of(source: Path, out: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source, cwd=out)
    (wheel,) = out.glob("*.whl")
    return wheel


def carried(wheel: Path) -> set[str]:
    names = zipfile.ZipFile(wheel).namelist()
    return {match[1] for name in names if (match := re.fullmatch(r"zoo/weights/([^/]+)/model\.safetensors", name))}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All bundled models on a Hub, the source tree whose pins file says where, and its wheel, installed alone."""
    place = tmp_path_factory.mktemp("light")
    left = shutil.ignore_patterns(".git", ".venv", "runs", "dist", "__pycache__", ".*_cache", "node_modules")
    source = Path(shutil.copytree(ROOT, place / "source", ignore=left))
    for name in ("whole", "light", "site"):
        (place / name).mkdir()
    whole = wheel_of(source, place / "whole")
    with LoopbackHub() as hub:
        env = {"PATH": os.environ["PATH"], "HOME": str(place / "home"), "HF_ENDPOINT": hub.url}
        push = ("push", "--all", "--to", "zoo-org", "--pins", source / "weights" / "pins.toml")
        said = run(sys.executable, "-m", "zoo", *push, cwd=ROOT, env={**env, "HF_TOKEN": TOKEN})
        light = wheel_of(source, place / "light")
        pip = ("-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", place / "site", light)
        run(sys.executable, *pip, cwd=place)
        env |= {"PYTHONPATH": str(place / "site"), "HF_HOME": str(place / "hf")}
        yield SimpleNamespace(hub=hub, source=source, said=said, whole=whole, light=light, env=env, place=place)


def zoo(published: Any, *words: str, code: int = 0, **env: str) -> str:
    where = published.place / "site"
    return run(sys.executable, "-m", "zoo", *words, code=code, cwd=where, env={**published.env, **env})


def test_a_push_of_all_writes_the_pins(published: Any) -> None:
    """Repository, commit and sha256 of each file stand in the file, and are those of what is on the Hub."""
    pins = read_pins(published.source / "weights" / "pins.toml")
    assert sorted(pins) == MODELS
    for name, told in pins.items():
        files = published.hub.repos[told["repo_id"]].commits[told["revision"]]
        assert told["repo_id"] == f"zoo-org/{name}"
        assert {file: hashlib.sha256(files[file]).hexdigest() for file in told["files"]} == told["files"]
    assert f"{len(MODELS)} models pinned" in published.said
    bare = {name: {"files": told["files"]} for name, told in pins.items()}
    assert bare == read_pins(ROOT / "weights" / "pins.toml")


def test_a_wheel_carries_all_or_the_default_models(published: Any) -> None:
    """Without places in the pins file it carries every folder; with them the default ones; both are small enough."""
    assert carried(published.whole) == set(MODELS)
    assert published.whole.stat().st_size < MOST_WHOLE
    assert carried(published.light) == {"dcgan-cifar-frog", "vae-mnist"}
    assert published.light.stat().st_size < MOST_LIGHT


def test_what_was_left_out_is_pulled_and_verified(published: Any) -> None:
    """`zoo.load("vae-faces")` fetches the pinned bytes, once; a carried model asks nobody; lists say where each is."""
    listed = zoo(published, "list", "vae-*")
    assert re.search(r"vae-faces +hub ", listed)
    assert re.search(r"vae-mnist +bundled ", listed)
    code = "import zoo; m = zoo.load('{}'); print(m.origin, tuple(m.sample(2, seed=0).shape))"
    asked = len(published.hub.log)
    told = run(sys.executable, "-c", code.format("dcgan-cifar-frog"), cwd=published.place, env=published.env)
    assert (told.strip(), len(published.hub.log)) == ("bundled (2, 3, 32, 32)", asked)
    told = run(sys.executable, "-c", code.format("vae-faces"), cwd=published.place, env=published.env)
    commit = published.hub.repos["zoo-org/vae-faces"].refs["main"]
    assert told.strip() == f"hf://zoo-org/vae-faces@{commit} (2, 3, 64, 64)"
    asked = len(published.hub.log)
    assert "True" in zoo(published, "verify", "vae-faces", ZOO_OFFLINE="1")
    assert len(published.hub.log) == asked


def test_offline_says_what_is_missing(published: Any) -> None:
    """In one line, with a model that needs no network; what the Hub then gives instead is refused."""
    said = zoo(published, "sample", "frog-gan", "-o", "x.png", code=5, ZOO_OFFLINE="1")
    assert "hf://zoo-org/frog-gan@" in said
    assert "model.safetensors" in said
    assert "'dcgan-cifar-frog' is bundled and needs no network" in said
    repo = published.hub.repos["zoo-org/frog-gan"]
    for files in repo.commits.values():
        if "model.safetensors" in files:
            files["model.safetensors"] = files["model.safetensors"][:-1] + b"\0"
    assert "pinned is" in zoo(published, "pull", "frog-gan", code=6)
