"""zoo.catalogue.contract.data_references: names of datasets, paths that stand for one, options at the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoo.catalogue.contract.data_references import Reference, absolute, as_reference, parse_reference, with_options_of
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import DatasetSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import PluginError, UsageError

REGISTRY = default_registry()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist", Reference(name="mnist")),
        ("cifar10[frog]", Reference(name="cifar10", selection="frog")),
        ("images:./photos", Reference(name="images", path=Path("photos"))),
        ("images:/a b/c[1].tar", Reference(name="images", path=Path("/a b/c[1].tar"))),
        ("images[Big Cats]:x:y", Reference(name="images", selection="Big Cats", path=Path("x:y"))),
        ("acme/photos[x]", Reference(name="acme/photos", selection="x")),
        ("images:./a#1#fit=pad", Reference(name="images", path=Path("a#1"), options={"fit": "pad"})),
        ("toy[x]#a=1#b=2.5", Reference(name="toy", selection="x", options={"a": "1", "b": "2.5"})),
        ("images:./#fit=Pad", Reference(name="images", path=Path("#fit=Pad"))),
    ],
)
def test_a_reference_is_taken_apart(text: str, expected: Reference) -> None:
    """A reference is a name, perhaps with a namespace, a class in brackets, a path after a colon, and options."""
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "Cifar10", "cifar10[]", "cifar10[frog", "cifar10]", "[frog]", "a/b/c", "examples:", "../x", "a[b]c", "é"],
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    """A text that is no reference is a UsageError that shows the form."""
    with pytest.raises(UsageError, match=r"cifar10\[frog\]"):
        parse_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "./x",
        "../x",
        "/x y",
        "~/x",
        ".",
        "photos.tar",
        "a/b.tar",
        "a/b/c",
        "Photos/Cats/2019",
        "My Photos",
        "./x#fit=pad",
    ],
)
@pytest.mark.parametrize("modality", [None, "image"])
def test_a_path_is_the_dataset_of_that_path(text: str, modality: str | None, here: Path) -> None:
    """What has a separator, or is here and names no dataset, is the pictures there."""
    (here / "My Photos").mkdir()
    assert as_reference(text, REGISTRY, modality) == f"images:{text}"
    assert as_reference(here / text, REGISTRY, modality) == f"images:{here / text}"


def test_the_ending_tells_kinds_of_data_apart(here: Path) -> None:
    """A text file is text, all else pictures; to a model of text a folder is texts."""
    assert as_reference("./book.TXT", REGISTRY) == "text:./book.TXT"
    assert as_reference("./book.md", REGISTRY) == "images:./book.md"
    assert as_reference("./book.txt", REGISTRY, "image") == "images:./book.txt"
    assert as_reference("./books", REGISTRY, "text") == "text:./books"
    assert as_reference("./book.md", REGISTRY, "text") == "text:./book.md"
    with pytest.raises(PluginError, match="endings are those of files"):
        DatasetSpec(name="x", summary="x", load="a:b", licence="x", modality="text", endings=(".txt",))


@pytest.mark.parametrize(
    "text", ["mnist", "cifar10[cat]", "images:./x", "images[a.tar]:x", "", "nothing", "imagse:./x", "cifar[cat]"]
)
def test_a_name_of_a_dataset_stays_one(text: str, here: Path) -> None:
    """Names, also where a folder of that name is here, selections, full references and misspelt ones are left alone."""
    (here / "mnist").mkdir()
    assert as_reference(text, REGISTRY) == text


def test_a_name_of_a_plugin_stays_one(here: Path) -> None:
    """A name with a namespace, of a plugin that is not here perhaps, is a path where it leads to something only."""
    assert as_reference("acme/dots", REGISTRY) == "acme/dots"
    (here / "acme" / "dots").mkdir(parents=True)
    assert as_reference("acme/dots", REGISTRY) == "images:acme/dots"
    spec = REGISTRY.dataset("shapes")
    assert as_reference("acme/dots", Registry.of([Owned(name="acme/dots", spec=spec, owner="acme")])) == "acme/dots"


def test_a_class_of_a_folder_can_be_named(here: Path) -> None:
    """Brackets after a folder name one of its classes, unless they belong to the folder's own name."""
    (here / "pets").mkdir()
    (here / "pets[2019]").mkdir()
    assert as_reference("./pets[cat]#fit=pad", REGISTRY) == "images[cat]:./pets#fit=pad"
    assert as_reference("./pets[2019]", REGISTRY) == "images:./pets[2019]"


def test_a_path_that_no_dataset_reads_is_asked_about() -> None:
    """Where none or several datasets read a path alone, the error says how to name one."""
    with pytest.raises(UsageError, match="of the modality waves, no dataset reads a path alone; write DATASET:PATH"):
        as_reference("./x", REGISTRY, "waves")
    other = DatasetSpec(
        name="sounds", summary="", licence="", load="a:b", modality="waves", takes_path=True, plain=True
    )
    registry = Registry.of([REGISTRY.owned("dataset", "images"), Owned(name="sounds", spec=other, owner="acme")])
    with pytest.raises(UsageError, match=r"^images and sounds read a path alone; write DATASET:PATH"):
        as_reference("./x", registry)
    assert as_reference("./x", registry, "waves") == "sounds:./x"


def test_a_path_that_is_not_text_is_refused() -> None:
    """A path whose bytes are no UTF-8 could not be written into a run: one line says so, and what to do."""
    with pytest.raises(UsageError, match=r"caf\\xe9: the path is not UTF-8; rename it, or name a link to it"):
        as_reference(os.fsdecode(b"./caf\xe9"), REGISTRY)


def test_a_path_from_the_root_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run keeps its data's path from the root on, where that is text; what has no path stays."""
    assert absolute("images[cat]:./x/#fit=pad") == f"images[cat]:{here}/x/#fit=pad"
    assert absolute("cifar10[frog]") == "cifar10[frog]"
    odd = here / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    monkeypatch.chdir(odd)
    assert absolute("images:./x") == "images:./x"


def test_data_are_read_as_those_of_the_model() -> None:
    """The options of a model's own data hold for others of that dataset, unless they have their own."""
    assert with_options_of("images:./x", "images:photos#fit=pad") == "images:./x#fit=pad"
    assert with_options_of("images:./x#fit=crop", "images:photos#fit=pad") == "images:./x#fit=crop"
    assert with_options_of("mnist", "images:photos#fit=pad") == "mnist"


def test_an_option_of_a_spec_is_a_word_with_its_values() -> None:
    """A spec says which values an option may have, the default first; no value, or no word, is refused."""
    common = {"name": "x", "summary": "", "licence": "", "load": "a:b", "modality": "image"}
    assert DatasetSpec(**common, options={"fit": ("crop", "pad")}).options["fit"][0] == "crop"  # type: ignore[arg-type]
    for options in ({"fit": ()}, {"Fit": ("crop",)}, {"fit": ("a b",)}):
        with pytest.raises(PluginError, match="a name is lower-case"):
            DatasetSpec(**common, options=options)  # type: ignore[arg-type]
