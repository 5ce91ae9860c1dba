"""zoo plugins add: the command that fits how the zoo was installed, printed and never run; nonsense is refused."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from zoo.catalogue.plugins import install_command as installing
from zoo.catalogue.plugins.install_command import install_command
from zoo.errors import UsageError


@pytest.fixture(autouse=True)
def _by_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """However these tests were installed."""
    monkeypatch.setattr(installing, "_installer_of", lambda name: "pip")


@pytest.mark.parametrize(
    ("prefix", "command", "editable"),
    [
        ("home/.local/pipx/venvs/genzoo", "pipx inject genzoo acme-zoo", "pipx inject --editable genzoo acme-zoo"),
        (
            "home/.local/share/uv/tools/genzoo",
            "uv tool install genzoo --with acme-zoo",
            "uv tool install genzoo --with-editable acme-zoo",
        ),
        ("venv", f"{sys.executable} -m pip install acme-zoo", f"{sys.executable} -m pip install --editable acme-zoo"),
    ],
)
def test_the_command_fits_the_environment(prefix: str, command: str, editable: str, tmp_path: Path) -> None:
    """pipx injects, a tool of uv is installed with it, and pip of this very Python serves the others."""
    assert install_command("acme-zoo", prefix=tmp_path / prefix) == command
    assert install_command("acme-zoo", editable=True, prefix=tmp_path / prefix) == editable


def test_an_environment_of_uv_is_left_to_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uv made the environment, or installed the zoo, `uv pip` is named with the interpreter."""
    wanted = f"uv pip install --python {sys.executable} acme-zoo"
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.5.1\n")
    assert install_command("acme-zoo", prefix=tmp_path) == wanted
    monkeypatch.setattr(installing, "_installer_of", lambda name: "uv")
    assert install_command("acme-zoo", prefix=tmp_path / "other") == wanted


def test_without_pip_another_pip_is_pointed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that has no pip is served by one outside it."""
    monkeypatch.setattr(installing.importlib.util, "find_spec", lambda name: None)
    assert install_command("acme-zoo", prefix=tmp_path) == f"python3 -m pip --python {sys.executable} install acme-zoo"


@pytest.mark.parametrize(
    "what", ["acme-zoo[audio]>=1,<2", "acme==1.0", "./acme-zoo", ".", "git+https://example.org/acme.git", "a b/c;d"]
)
def test_what_is_given_stays_one_word_of_the_shell(what: str, tmp_path: Path) -> None:
    """Requirements, paths and addresses are quoted, so that pasting the command runs nothing else."""
    assert shlex.split(install_command(what, prefix=tmp_path))[-1] == what


@pytest.mark.parametrize(
    "what", ["", "-r evil.txt", "--index-url=http://x/y", "a;b", "a && b", "a\nb/c", "$(x)", "a b"]
)
def test_what_is_no_package_is_refused(what: str, tmp_path: Path) -> None:
    """Options, shell words and nonsense are a UsageError."""
    with pytest.raises(UsageError, match="is no package"):
        install_command(what, prefix=tmp_path)
