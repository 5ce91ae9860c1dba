"""The pages for plugin authors: every block of python, sh and toml is executed, in order, in a clean environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback_hub import TOKEN, LoopbackHub

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = ("plugin-tutorial.md", "plugin-anatomy.md", "plugin-howto.md", "plugin-kinds.md", "plugin-players.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (append to )?([\w.-]+(?:/[\w.-]+)+)\n")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int

    @property
    def file(self) -> re.Match[str] | None:
        return FILE.match(self.text)


def blocks(page: str) -> list[Block]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [Block(m[1], m[2], text[: m.start()].count("\n") + 1) for m in BLOCK.finditer(text)]


class Desk:
    """An author's folder, and an environment of its own that sees the packages of this one."""

    def __init__(self, folder: Path, hub: str) -> None:
        self.work, self.env_folder, home = folder / "work", folder / "env", folder / "home"
        self.work.mkdir()
        home.mkdir()
        venv.create(self.env_folder, with_pip=False)
        (site,) = self.env_folder.glob("lib/python*/site-packages")
        seen = [path for path in sys.path if path.endswith("site-packages") and Path(path).is_dir()]
        lines = [f"import site; site.addsitedir({path!r})\n" for path in seen]
        (site / "seen.pth").write_text("".join(lines), encoding="utf-8")
        for name in ("zoo", "pytest"):
            script = self.env_folder / "bin" / name
            script.write_text(f'#!/bin/sh\nexec "{self.env_folder}/bin/python" -P -m {name} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        self.env = {
            "PATH": f"{self.env_folder}/bin:{os.environ['PATH']}",
            "HOME": str(home),
            "HF_HOME": str(folder / "hub-cache"),
            "HF_ENDPOINT": hub,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def do(self, block: Block) -> str:
        """Write the file that a block is, or run it; gives what went wrong."""
        if found := block.file:
            path = self.work / found[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if found[1] else "w", encoding="utf-8") as stream:
                stream.write("\n\n" + block.text.partition("\n")[2] if found[1] else block.text)
            return ""
        command = {"python": ["python", "-W", "error", "-"], "sh": ["bash", "-euo", "pipefail"]}[block.language]
        program = shutil.which(command[0], path=self.env["PATH"])
        assert program
        done = subprocess.run(
            [program, *command[1:]], input=block.text, cwd=self.work, env=self.env, capture_output=True, text=True
        )
        return "" if done.returncode == 0 else f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk beside a Hub of its own."""
    with LoopbackHub() as hub:
        yield Desk(tmp_path, hub.url)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_the_page_runs(page: str, desk: Desk) -> None:
    """In a clean environment, from top to bottom, each block writes its file or ends well."""
    for block in blocks(page):
        if block.language in ("python", "sh") or block.file:
            wrong = desk.do(block)
            assert not wrong, f"{page}:{block.line}: {wrong}"
    if page == "plugin-tutorial.md":
        from PIL import Image

        colours = Image.open(desk.work / "sixteen.png").convert("RGB").getcolors(10**6)
        assert len(colours or ()) > 500  # pictures, not one grey
        assert list((desk.work / "acme-zoo" / "dist").glob("acme_zoo-0.1.0-*.whl"))


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_a_language_that_is_executed(page: str) -> None:
    """A page has python and sh blocks; what is not executed is toml in passing, or has no language."""
    found = blocks(page)
    assert {"python", "sh"} <= {block.language for block in found} <= {"python", "sh", "toml", ""}
    assert (DOCS / page).read_text(encoding="utf-8").count("\n```") == 2 * len(found)


def test_the_pages_are_linked() -> None:
    """docs/plugins.md names every page for authors, and every link of theirs leads to a file."""
    for page in (*PAGES, "plugins.md"):
        text = BLOCK.sub("", (DOCS / page).read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (DOCS / target).exists(), f"{page}: {target}"
    assert all(f"({page})" in (DOCS / "plugins.md").read_text(encoding="utf-8") for page in PAGES)
