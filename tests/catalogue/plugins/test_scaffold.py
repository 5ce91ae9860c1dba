"""zoo plugins new: a package that works as it is written, all or nothing, and never over what is there."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sites import Site

from zoo.catalogue.plugins.scaffold import TEMPLATES, write_plugin
from zoo.errors import StorageError, UsageError


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_package_is_whole(template: str, tmp_path: Path) -> None:
    """Metadata, specs, recipe, test, CI, card and licence are there, and no placeholder is left."""
    folder = write_plugin("acme", template, tmp_path / "deep" / "er")
    assert folder == tmp_path / "deep" / "er" / "acme-zoo"
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", ".gitignore", ".github/workflows/check.yml"}
    assert wanted | {"src/acme_zoo/__init__.py", "tests/test_conformance.py", "src/acme_zoo/py.typed"} <= set(files)
    assert any(name.startswith("src/acme_zoo/recipes/") for name in files)
    for name, path in files.items():
        text = path.read_text(encoding="utf-8")
        assert "$" not in text.replace("${{ matrix", ""), name
        assert "_package_" not in text
        assert not name.endswith(".tmpl")
        if name.endswith(".py"):
            compile(text, name, "exec")
    project = tomllib.loads(files["pyproject.toml"].read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["zoo"] == {"acme": "acme_zoo"}
    assert (project["name"], project["dependencies"]) == ("acme-zoo", ["genzoo>=0.1"])


@pytest.mark.parametrize("template", ["vae", "gan"])
def test_the_networks_are_about_forty_lines(template: str, tmp_path: Path) -> None:
    """The architectures of the templates are short enough to be read at once: at most 45 lines of code."""
    text = (write_plugin("acme", template, tmp_path) / "src/acme_zoo/networks.py").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    assert len([line for line in lines if line and not line.startswith(('"""', "#"))]) <= 45


FORM = "a name begins with a letter, and is lower-case letters a to z and digits, words joined by '-'"


@pytest.mark.parametrize(
    ("name", "reason", "instead"),
    [
        ("Acme", FORM, "write 'acme'"),
        ("Äcme", FORM, "write 'acme'"),
        ("ÄCME-Straße", FORM, "write 'acme-strasse'"),
        ("My_Frogs", FORM, "write 'my-frogs'"),
        ("acme.frogs", FORM, "write 'acme-frogs'"),
        ("a/b", FORM, "write 'a-b'"),
        ("a--b", FORM, "write 'a-b'"),
        ("acme-", FORM, "write 'acme'"),
        ("-acme", FORM, "write 'acme'"),
        ("Acme Zoo", FORM, "write 'acme'"),
        ("3D-frogs", FORM, "write 'd-frogs'"),
        ("3", FORM, "choose another"),
        ("..", FORM, "choose another"),
        ("", FORM, "choose another"),
        ("日本", FORM, "choose another"),
        ("Class", FORM, "choose another"),
        ("Zoo", FORM, "choose another"),
        ("Training", FORM, "choose another"),
        ("acme-zoo", "the package gets the ending '-zoo' by itself", "write 'acme'"),
        ("zoo-zoo", "the package gets the ending '-zoo' by itself", "choose another"),
        ("a" * 41, "it has 41 letters; 40 is the most", f"write '{'a' * 40}'"),
        ("a" * 39 + "-b", "it has 41 letters; 40 is the most", f"write '{'a' * 39}'"),
        ("class", "it is a keyword of Python", "choose another"),
        ("match", "it is a keyword of Python", "choose another"),
        ("zoo", "it is the zoo's own", "choose another"),
        (
            "training",
            "training (genzoo 0.1.0) is installed and has that namespace",
            "choose another",
        ),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_reason(name: str, reason: str, instead: str, tmp_path: Path) -> None:
    """Nothing is written for a name that no plugin can have; the name that is proposed for it can be had."""
    with pytest.raises(UsageError) as caught:
        write_plugin(name, "vae", tmp_path / "new")
    assert str(caught.value) == f"a plugin cannot be named {name!r:.60}: {reason}; {instead}"
    assert not (tmp_path / "new").exists()
    if instead.startswith("write "):
        assert write_plugin(instead.split("'")[1], "vae", tmp_path).is_dir()


@pytest.mark.parametrize("name", ["json", "torch", "a1-2b", "con", "a" * 40])
def test_a_name_that_only_looks_taken_can_be_had(name: str, tmp_path: Path) -> None:
    """The package is NAME-zoo: modules of the standard library and installed packages stand in nobody's way."""
    assert write_plugin(name, "dataset", tmp_path).name == f"{name}-zoo"


def test_names_that_are_installed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution or a module of the package's name that is installed is named."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "frog_zoo.py").touch()
    (tmp_path / "toad_zoo-2.1.dist-info").mkdir()
    (tmp_path / "toad_zoo-2.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toad-zoo\nVersion: 2.1\n"
    )
    with pytest.raises(UsageError, match="a module 'frog_zoo' is installed already"):
        write_plugin("frog", "dataset", tmp_path / "new")
    with pytest.raises(UsageError, match=r"the distribution toad-zoo 2\.1 is installed"):
        write_plugin("toad", "dataset", tmp_path / "new")
    with pytest.raises(UsageError, match="no template is named 'zebra'"):
        write_plugin("acme", "zebra", tmp_path / "new")


@pytest.mark.parametrize("there", ["folder", "file", "link", "empty folder"])
def test_what_exists_is_left_as_it_is(there: str, tmp_path: Path) -> None:
    """A folder, file or link in the place of the new folder is an error, and stays."""
    target = tmp_path / "acme-zoo"
    if there == "link":
        target.symlink_to(tmp_path / "nowhere")
    elif there == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        if there == "folder":
            (target / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="nothing was written"):
        write_plugin("acme", "vae", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["acme-zoo"]
    assert there != "folder" or [path.name for path in target.iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up in the middle there is no folder, and the same command succeeds afterwards."""
    written = 0
    write_text = Path.write_text

    def full(path: Path, *args: object, **more: object) -> int:
        nonlocal written
        written += 1
        if written == 5:
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(StorageError, match="No space left"):
            write_plugin("acme", "dataset", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert write_plugin("acme", "dataset", tmp_path).is_dir()


# --- built and installed -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One package of each template, written by the command, built as a wheel and installed into a folder of its own."""
    site = Site(tmp_path_factory.mktemp("new"))
    for template in TEMPLATES:
        code, out, err = site.run("plugins", "new", f"my-{template}", "--template", template, "--into", "plugins")
        assert (code, err, f"zoo plugins check my-{template}" in out) == (0, "", True)
        folder = site.home / "plugins" / f"my-{template}-zoo"
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", folder]
        subprocess.run(command, cwd=site.home, check=True, capture_output=True)
    wheels = sorted((site.home / "dist").glob("*.whl"))
    assert len(wheels) == len(TEMPLATES)
    options = ["--no-deps", "--no-index", "--quiet", "--target", site.folder]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *wheels], check=True)
    return site


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_package_passes_the_check_from_its_wheel(template: str, built: Site) -> None:
    """`zoo plugins check`, its own conformance test under pytest, and the examination find nothing wrong."""
    code, out, err = built.run("plugins", "check", f"my-{template}")
    assert code == 0, out + err
    assert " failed" not in out
    test = built.home / "plugins" / f"my-{template}-zoo" / "tests"
    code, out, err = built.python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(test))
    assert code == 0, out + err
    (row,) = built.rows("plugins", "examine", f"my-{template}").values()
    assert row["problems"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "ending"),
    [
        ("my-vae/tiny-shapes", "png"),
        ("my-gan/gan-shapes", "png"),
        ("my-dataset/vae-rings", "png"),
        ("my-weights/my-shapes", "png"),
        ("my-trainer/copied-shapes", "png"),
        ("my-modality/sound-tones", "wav"),
    ],
)
def test_the_recipe_of_a_new_package_trains(model: str, ending: str, built: Site) -> None:
    """Its recipe is listed, trains for a few steps, and exports a folder that verifies and samples."""
    assert model in built.rows("list", model)
    name = model.partition("/")[2]
    code, _, err = built.run("train", model, "--examples", "1280", "--threads", "1", "--out", f"run-{name}")
    assert code == 0, err
    assert built.run("export", f"run-{name}", "-o", f"./{name}")[0] == 0
    assert built.run("verify", f"./{name}")[0] == 0
    assert built.run("sample", f"./{name}", "-n", "4", "-o", f"{name}.{ending}")[0] == 0
    assert (built.home / f"{name}.{ending}").stat().st_size > 100
    assert os.listdir(built.folder)
