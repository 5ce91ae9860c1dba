"""Build the documentation site: `python docs/build.py` writes build/site. Needs `pip install 'genzoo[docs]'`.

The pages link to what lies elsewhere in the repository: models' cards, samples, the example package. Those are copied
beside the pages first (into build/site-source), so that every link leads to a file of the site. What the chapter lets
be heard is made by its own commands, which takes some seconds. The pages can be read from the folder; the search wants
a server: `python -m http.server --directory build/site`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "site"
SHOWN = ("samples.*", "manifold.png", "neighbours.*", "reconstructions.*", "scatter.png")  # of a weights folder
HEARD = re.compile(r"^zoo (.* -o (\S+\.wav))$", re.MULTILINE)  # a command of the chapter
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)  # the Hub's, of a card


def gather(target: Path) -> None:
    """Copy mkdocs.yml, the pages, and what they show of the models and the example, into a folder that is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    docs = target / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("__pycache__", "dist", "*.egg-info"))
    for script in docs.glob("*.py"):
        script.unlink()
    shutil.copy(ROOT / "mkdocs.yml", target)
    for page in docs.glob("*.md"):
        page.write_text(page.read_text(encoding="utf-8").replace("](../weights/", "](weights/"), encoding="utf-8")
    for card in sorted(ROOT.glob("weights/*/README.md")):
        folder = docs / "weights" / card.parent.name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(FRONT_MATTER.sub("", card.read_text(encoding="utf-8")), encoding="utf-8")
        for picture in (path for pattern in SHOWN for path in card.parent.glob(pattern)):
            shutil.copy(picture, folder)


def play(docs: Path) -> None:
    """Write the sounds that the chapter's commands make into the folder `sounds`. Raises CalledProcessError."""
    (docs / "sounds").mkdir()
    for command, _ in HEARD.findall((docs / "chapter.md").read_text(encoding="utf-8")):
        run(["zoo", *shlex.split(command)], docs / "sounds")


def run(module: list[str], folder: Path) -> None:
    """Run a module of Python, and its arguments, in a folder, with the code of this tree."""
    paths = [str(ROOT), str(ROOT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}  # where mkdocstrings looks for the code, too
    subprocess.run([sys.executable, "-m", *module], cwd=folder, env=environment, check=True)


def build(target: Path = OUT) -> Path:
    """Build the site, every warning an error; gives its folder. Raises CalledProcessError where there is a fault."""
    source = target.parent / f"{target.name}-source"
    gather(source)
    play(source / "docs")
    run(["zensical", "build", "--strict", "--config-file", str(source / "mkdocs.yml")], source)
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(source / "site", target)
    return target


if __name__ == "__main__":
    build()
