"""The Python of README.md and of the pages for users is right by its types: `mypy --strict` has nothing to say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What the pages take as the reader's own; pages for plugin authors are executed instead (test_author_docs.py).
GIVEN = """
from pathlib import Path
from torch import Tensor
import zoo
photos: Tensor
smiling: Tensor
not_smiling: Tensor
gender_of_smiling: Tensor
gender_of_others: Tensor
greener: Tensor
others: Tensor
folder: Path
"""


@pytest.mark.slow
def test_the_examples_pass_a_strict_type_checker(tmp_path: Path) -> None:
    """The blocks of each page, read one after the other, pass `mypy --strict`."""
    pages = [ROOT / "README.md", *(p for p in sorted(ROOT.glob("docs/*.md")) if not p.name.startswith("plugin"))]
    files = []
    for page in pages:
        if found := BLOCK.findall(page.read_text(encoding="utf-8")):
            files.append(tmp_path / f"{page.stem.lower().replace('-', '_')}_examples.py")
            files[-1].write_text(GIVEN + "\n".join(found), encoding="utf-8")
    assert len(files) >= 4
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    command = [sys.executable, "-m", "mypy", "--strict", *config, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
