"""The pytest front: one case for each spec and check, by the same engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testing.mutants.workshop import Change

from zoo.errors import NotFoundError
from zoo.testing import conformance

CODE = """
from zoo.testing import conformance

test_conformance = conformance("acme", expected_failures={
    "datasets.licence acme/dots": "its author is asked",
    "package.licence": "expected to fail, and does not",
})
"""


def test_a_name_that_is_not_installed_is_an_error() -> None:
    """A misspelt plugin fails at collection, with what is near."""
    with pytest.raises(NotFoundError, match="did you mean 'zoo_gan'"):
        conformance("zoo_gann")


def test_an_author_runs_it_with_pytest(acme: Callable[[Change], Any], tmp_path: Path) -> None:
    """Two lines in a test file: cases named by spec and check, that pass, fail with a reason, or xfail strictly."""
    change = Change(
        edits=(
            ("__init__.py", 'licence="CC0-1.0"', 'licence=""'),
            ("__init__.py", '"train": 32', '"train": 33'),
        )
    )
    site = acme(change).site
    (tmp_path / "test_acme.py").write_text(CODE, encoding="utf-8")
    paths = os.pathsep.join([str(site), *filter(None, sys.path)])
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-rA", "test_acme.py"]
    command += ["-k", "datasets or package or commands"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    said = done.stdout
    assert done.returncode == 1, said + done.stderr
    assert "test_acme.py::test_conformance[acme/hello-commands.runs] PASSED" in said
    assert "test_acme.py::test_conformance[acme/dots-datasets.licence] XFAIL" in said
    assert "datasets.splits of dataset acme/dots: the split train has 32 examples, declared are 33" in said
    assert "package.licence of plugin acme: it passes, and was expected to fail" in said
    assert "2 failed" in said
    assert "1 xfailed" in said
