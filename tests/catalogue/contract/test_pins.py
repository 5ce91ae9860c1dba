"""zoo.catalogue.contract.pins: the files in which pins are kept, and the weights that they pin."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from zoo.catalogue.contract.pins import WeightsSpec, pins_text, read_pins, weights_of
from zoo.errors import ConfigError, NotFoundError, PluginError

DIGEST, COMMIT = "a" * 64, "b" * 40
FILES = {"config.json": DIGEST, "model.safetensors": "c" * 64}
PLACE = {"repo_id": "org/toy", "revision": COMMIT}
PINS: dict[str, dict[str, Any]] = {
    "toy": {"files": FILES},
    "acme/tiny-toy": {**PLACE, "files": {"vae/config.json": DIGEST}},
    "v1.5": {**PLACE, "files": FILES},
}


def test_what_is_written_is_toml_and_is_read_again(tmp_path: Path) -> None:
    """Any TOML reader reads it as it is read here; what was written by hand in another way is read, too."""
    path = tmp_path / "pins.toml"
    path.write_text(pins_text(PINS), encoding="utf-8")
    assert read_pins(path) == tomllib.loads(path.read_text()) == PINS
    assert pins_text(read_pins(path)) == path.read_text()
    path.write_text(f"[toy]\n  files = {{ 'config.json' = '{DIGEST}' }}  # by hand\n")
    assert read_pins(path) == {"toy": {"files": {"config.json": DIGEST}}}
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_pins(path) == {"toy": {"files": {"config.json": DIGEST}}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[toy", "is no pins file"),
        ("files = 3", "must be a table"),
        ("[toy]\nfiles = 3", "must be a table"),
        ("[toy]\ncode = 'x'\n[toy.files]", "must be a table"),
        (f'[toy.files]\n"a" = "{DIGEST}"\n"a" = "{DIGEST}"', "is no pins file"),
        ('[toy.files]\n"config.json" = "main"', "no sha256"),
        (f'[toy]\nrepo_id = "org/toy"\n[toy.files]\n"a" = "{DIGEST}"', "needs a repo_id"),
        (f'[toy]\nrepo_id = "../toy"\nrevision = "{COMMIT}"\n[toy.files]\n"a" = "{DIGEST}"', "needs a repo_id"),
        ("[" * 100_000, "is no pins file"),
    ],
)
def test_a_malformed_file_is_one_line(text: str, told: str, tmp_path: Path) -> None:
    """With the file's name."""
    (tmp_path / "pins.toml").write_text(text)
    with pytest.raises(ConfigError, match=f"pins.toml.*{told}") as caught:
        read_pins(tmp_path / "pins.toml")
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_too_many(tmp_path: Path) -> None:
    """Both are refused."""
    for raw in (b"\xff\xfe", b"#" * (2**22 + 1)):
        (tmp_path / "pins.toml").write_bytes(raw)
        with pytest.raises(ConfigError, match="is no pins file"):
            read_pins(tmp_path / "pins.toml")


def test_a_package_carries_pins_beside_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is named as its model; the Hub's place is there where the file says it; an edit is seen."""
    package = tmp_path / "zoo_pins_test"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    reference = "zoo_pins_test:weights/pins.toml"
    with pytest.raises(NotFoundError, match="zoo_pins_test"):
        weights_of(reference)
    (package / "weights" / "pins.toml").write_text(pins_text({"toy": PINS["toy"]}))
    assert weights_of(reference) == {"toy": WeightsSpec(files=FILES, bundled="zoo_pins_test:weights/toy")}
    (package / "weights" / "pins.toml").write_text(pins_text({"v1.5": PINS["v1.5"]}))
    (found,) = weights_of(reference).values()
    assert found == WeightsSpec(files=FILES, bundled="zoo_pins_test:weights/v1.5", **PLACE)
    with pytest.raises(PluginError, match="package:path"):
        weights_of("../pins.toml")


FOREIGN: dict[str, Any] = {"format": "diffusers", "repo_id": "org/toy"}


def test_weights_of_another_format_may_have_no_pins() -> None:
    """Then neither files nor a commit; with pins the files may have any name that leads nowhere else."""
    assert not WeightsSpec(**FOREIGN).pinned
    assert WeightsSpec(**FOREIGN, revision=COMMIT, files={"vae/config.json": DIGEST}).pinned


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 3}, "format must be a string"),
        ({"repo_id": None}, "weights need"),
        ({"repo_id": None, "bundled": "acme:toy"}, "are on the Hub"),
        ({"bundled": "acme:toy"}, "are on the Hub"),
        ({"revision": COMMIT}, "or neither"),
        ({"revision": "main", "files": FILES}, "or neither"),
        ({"files": FILES}, "or neither"),
        ({"revision": COMMIT, "files": {"../x": DIGEST}}, "no name of a file"),
        ({"format": ""}, "must pin config.json"),
    ],
)
def test_what_cannot_be_meant_of_them(changes: dict[str, Any], told: str) -> None:
    """Is refused when the plugin is loaded."""
    with pytest.raises(PluginError, match=told):
        WeightsSpec(**FOREIGN | changes)


def test_the_zoos_own_pins_are_those_of_its_folders() -> None:
    """Every folder beside the file has its table there, and the file is written as `zoo pin` writes it."""
    path = Path(__file__).parents[3] / "weights" / "pins.toml"
    found = read_pins(path)
    assert set(found) == {folder.name for folder in path.parent.iterdir() if folder.is_dir()}
    assert path.read_text(encoding="utf-8") == pins_text(found)
