"""zoo plugins add: the command that fits how the zoo was installed, printed and never run; nonsense is refused."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from zoo.catalogue.plugins import install_command as installing
from zoo.catalogue.plugins.install_command import install_command
from zoo.errors import UsageError

STDLIB = Path(sysconfig.get_path("stdlib")).relative_to(sys.base_prefix)


@pytest.fixture(autouse=True)
def _by_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """However these tests were installed."""
    monkeypatch.setattr(installing, "_installer_of", lambda name: "pip")


@pytest.mark.parametrize(
    ("mark", "command", "editable"),
    [
        ("pipx_metadata.json", "pipx inject genzoo acme-zoo", "pipx inject --editable genzoo acme-zoo"),
        (
            "uv-receipt.toml",
            "uv tool install genzoo --with acme-zoo",
            "uv tool install genzoo --with-editable acme-zoo",
        ),
        ("", f"{sys.executable} -m pip install acme-zoo", f"{sys.executable} -m pip install --editable acme-zoo"),
        (
            f"{STDLIB}/EXTERNALLY-MANAGED",
            f"{sys.executable} -m pip install --break-system-packages acme-zoo",
            f"{sys.executable} -m pip install --break-system-packages --editable acme-zoo",
        ),
        (
            "conda-meta/history",
            f"{sys.executable} -m pip install acme-zoo",
            f"{sys.executable} -m pip install --editable acme-zoo",
        ),
    ],
)
def test_the_command_fits_the_environment(mark: str, command: str, editable: str, tmp_path: Path) -> None:
    """pipx injects, a tool of uv is installed with it, the system's pip is told to, and pip of this Python serves."""
    prefix = tmp_path / "genzoo"
    (prefix / mark).parent.mkdir(parents=True, exist_ok=True)
    if mark:
        (prefix / mark).write_text("")
    assert install_command("acme-zoo", prefix=prefix) == command
    assert install_command("acme-zoo", editable=True, prefix=prefix) == editable


RECEIPT = """
[tool]
requirements = [
    { name = "genzoo", extras = ["train", "eval"], specifier = ">=0.1" },
    { name = "acme-zoo", specifier = ">=0.5,<2" },
    { name = "bird.zoo", editable = "/home/me/bird zoo" },
    { name = "fish-zoo", directory = "/home/me/fish" },
    { name = "frog-zoo", path = "/home/me/frog-1.whl", extras = ["x"] },
    { name = "moth-zoo", git = "https://example.org/moth?rev=v1&subdirectory=a" },
    { name = "newt-zoo", url = "https://example.org/newt.zip" },
    { name = "tensorboard", marker = "python_full_version >= '3.11'" },
]
constraints = [{ name = "pluggy", specifier = "==1.7.0" }, { name = "zoo-absent-package", specifier = "==1" }]
"""
KEPT = {
    "acme-zoo": ["--with", "acme-zoo>=0.5,<2"],
    "bird-zoo": ["--with-editable", "/home/me/bird zoo"],
    "fish-zoo": ["--with", "/home/me/fish"],
    "frog-zoo": ["--with", "frog-zoo[x] @ file:///home/me/frog-1.whl"],
    "moth-zoo": ["--with", "moth-zoo @ git+https://example.org/moth@v1#subdirectory=a"],
    "newt-zoo": ["--with", "newt-zoo @ https://example.org/newt.zip"],
    "tensorboard": ["--with", "tensorboard ; python_full_version >= '3.11'"],
    "pluggy": ["--with", "pluggy==1.7.0"],
}


@pytest.mark.parametrize("what", ["./own", "own-zoo", "Acme_Zoo[audio]==3", "bird-zoo"])
def test_a_tool_of_uv_keeps_all_it_was_installed_with(what: str, tmp_path: Path) -> None:
    """Every requirement of the receipt is named again, of every form, but the one that is given anew."""
    prefix = tmp_path / "genzoo"
    prefix.mkdir()
    (prefix / "uv-receipt.toml").write_text(RECEIPT)
    again = {"Acme_Zoo[audio]==3": "acme-zoo", "bird-zoo": "bird-zoo"}.get(what)
    kept = [word for name, words in KEPT.items() if name != again for word in words]
    wanted = ["uv", "tool", "install", "genzoo[train,eval]>=0.1", *kept, "--with", what]
    assert shlex.split(install_command(what, prefix=prefix)) == wanted


def wheel(folder: Path, name: str, points: str) -> None:
    """A wheel with an empty module and entry points."""
    module = name.replace("-", "_")
    with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as made:
        made.writestr(f"{module}.py", "def main(): print('here')")
        files = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "entry_points.txt": points,
            "RECORD": "",
        }
        for file, text in files.items():
            made.writestr(f"{module}-1.0.dist-info/{file}", text)


def test_the_command_does_as_it_says_with_the_real_uv(tmp_path: Path) -> None:
    """A second plugin that is added as the printed command says leaves the first one where it was."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "genzoo", "[console_scripts]\nzoo = genzoo:main\n")
    for name in ("acme", "bird"):
        wheel(wheels, f"{name}-zoo", f"[zoo]\n{name} = {name}_zoo\n")
    names = ("CACHE_DIR", "TOOL_DIR", "TOOL_BIN_DIR")
    env = {**os.environ, **{f"UV_{name}": str(tmp_path / name.lower()) for name in names}}
    env |= {"UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}

    def run(*words: str) -> None:
        subprocess.run([uv, *words], env=env, check=True, capture_output=True)

    run("tool", "install", "genzoo", "--python", sys.executable)
    prefix = tmp_path / "tool_dir" / "genzoo"
    for what in ("acme-zoo", "bird-zoo>=0.5,<2", str(wheels / "acme_zoo-1.0-py3-none-any.whl"), "acme-zoo==1.0"):
        tool, *words = shlex.split(install_command(what, prefix=prefix))
        assert tool == "uv"
        run(*words)
    found = {path.name for path in prefix.rglob("*.dist-info")}
    assert found == {"genzoo-1.0.dist-info", "acme_zoo-1.0.dist-info", "bird_zoo-1.0.dist-info"}


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
