"""contract.specs: descriptions that refuse what is malformed, and references resolved without surprises."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from zoo.api import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    ExportSpec,
    FeaturesSpec,
    ModelSpec,
    TrainerSpec,
    WeightsSpec,
)
from zoo.catalogue.contract.names import check_name
from zoo.catalogue.contract.references import import_reference, resource
from zoo.catalogue.contract.specs import to_json
from zoo.errors import NotFoundError, PluginError

DIGEST = "0123456789abcdef" * 4
WEIGHTS: dict[str, Any] = {
    "files": {"config.json": DIGEST, "model.safetensors": DIGEST},
    "bundled": "acme:weights/toy",
    "repo_id": "acme/toy",
    "revision": "a" * 40,
}
GOOD: dict[type, dict[str, Any]] = {
    ArchitectureSpec: {
        "name": "toy",
        "summary": "",
        "family": "gan",
        "modality": "image",
        "config": "acme.toy:Config",
        "parts": {"generator": "acme.toy:Net"},
        "presets": {"small": {"width": 1}},
    },
    DatasetSpec: {"name": "toy", "summary": "", "load": "acme.toy:load", "licence": "MIT", "modality": "image"},
    ModelSpec: {
        "name": "toy",
        "summary": "",
        "architecture": "toy",
        "dataset": "toy",
        "licence": "MIT",
        "recipe": "acme:recipes/toy.toml",
        "weights": WeightsSpec(**WEIGHTS),
    },
    TrainerSpec: {"name": "toy", "summary": "", "family": "gan", "settings": "acme.toy:S", "trainer": "acme.toy:T"},
    CommandSpec: {"name": "toy", "summary": "", "run": "acme.toy:run"},
    ExportSpec: {"name": "toy", "summary": "", "code": "acme.toy:write", "suffix": ".toy"},
    FeaturesSpec: {
        "name": "toy",
        "summary": "",
        "modality": "image",
        "licence": "MIT",
        "weights": "acme:toy.bin",
        "sha256": DIGEST,
        "features": "acme.toy:features",
    },
    WeightsSpec: WEIGHTS,
}


@pytest.mark.parametrize("cls", GOOD)
def test_a_spec_is_frozen_and_survives_json(cls: type) -> None:
    """A well-formed spec is accepted, cannot be changed, and is JSON-able data with all its fields."""
    spec: Any = cls(**GOOD[cls])
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"
    assert set(json.loads(json.dumps(to_json(spec)))) == {f.name for f in dataclasses.fields(spec)}


@pytest.mark.parametrize("name", ["a", "dcgan", "dcgan-cifar-frog", "v1.2", "a_b", "0", "x" * 96])
def test_names_are_lower_case_words(name: str) -> None:
    """Lower-case letters and digits joined by '-', '.' or '_' are a name."""
    assert check_name(name, "model") == name


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "-a", "a-", "a--b", "..", "a\n", "é", "x" * 97, 3, None, b"a"])
def test_other_names_are_refused(name: object) -> None:
    """Anything else is a PluginError that shows it and says what a name is."""
    with pytest.raises(PluginError, match="lower-case") as caught:
        check_name(name, "model")
    assert repr(name) in str(caught.value)


BAD = [
    (ArchitectureSpec, {"name": "Toy"}, "lower-case"),
    (ArchitectureSpec, {"summary": None}, "summary must be a string"),
    (ArchitectureSpec, {"family": 3}, "family must be a string"),
    (ArchitectureSpec, {"config": "acme.toy"}, "package.module:attribute"),
    (ArchitectureSpec, {"config": "acme.toy:Config()"}, "package.module:attribute"),
    (ArchitectureSpec, {"config": len}, "package.module:attribute"),
    (ArchitectureSpec, {"parts": {}}, "no parts"),
    (ArchitectureSpec, {"parts": {"generator": "os.system"}}, "part generator"),
    (ArchitectureSpec, {"presets": {"small": 3}}, "preset 'small' must be a table"),
    (ArchitectureSpec, {"presets": {1: {}}}, "preset 1 must be a table"),
    (DatasetSpec, {"load": "../x:y"}, "load is '../x:y'"),
    (DatasetSpec, {"licence": ["MIT"]}, "licence must be a string"),
    (ModelSpec, {"recipe": "acme:../recipe.toml"}, "package:path/inside"),
    (ModelSpec, {"recipe": "/etc/passwd"}, "package:path/inside"),
    (ModelSpec, {"recipe": "acme:/etc/passwd"}, "package:path/inside"),
    (ModelSpec, {"recipe": None, "weights": None}, "needs weights or a recipe"),
    (ModelSpec, {"weights": {"files": {}}}, "weights must be a WeightsSpec"),
    (ModelSpec, {"architecture": None}, "architecture must be a string"),
    (TrainerSpec, {"trainer": "acme:"}, "trainer is 'acme:'"),
    (TrainerSpec, {"settings": ""}, "settings is ''"),
    (CommandSpec, {"run": "rm -rf"}, "run is 'rm -rf'"),
    (CommandSpec, {"arguments": "--all"}, "arguments is '--all'"),
    (ExportSpec, {"code": "acme.toy"}, "package.module:attribute"),
    (ExportSpec, {"suffix": "toy"}, "write it as '.onnx'"),
    (ExportSpec, {"suffix": None}, "write it as '.onnx'"),
    (ExportSpec, {"parts": "encoder"}, "parts must be true or false"),
    (FeaturesSpec, {"modality": None}, "modality must be a string"),
    (FeaturesSpec, {"family": None}, "family must be a string"),
    (FeaturesSpec, {"weights": "../toy.bin"}, "package:path/inside"),
    (FeaturesSpec, {"features": "acme"}, "package.module:attribute"),
    (FeaturesSpec, {"sha256": DIGEST[:-1]}, "is no sha256"),
    (WeightsSpec, {"files": {"model.safetensors": DIGEST}}, "must pin config.json"),
    (WeightsSpec, {"files": {"config.json": DIGEST, "model.safetensors": DIGEST.upper()}}, "is no sha256"),
    (WeightsSpec, {"files": {"config.json": DIGEST, "model.safetensors": DIGEST[:-1]}}, "is no sha256"),
    (WeightsSpec, {"files": {"config.json": DIGEST, "model.safetensors": DIGEST + "0"}}, "is no sha256"),
    (WeightsSpec, {"files": {"config.json": DIGEST, "model.safetensors": None}}, "is no sha256"),
    (WeightsSpec, {"bundled": None, "repo_id": None}, "weights need"),
    (WeightsSpec, {"bundled": "acme"}, "bundled weights is 'acme'"),
    (WeightsSpec, {"revision": "main"}, "no 40-hex commit"),
    (WeightsSpec, {"revision": None}, "no 40-hex commit"),
    (WeightsSpec, {"repo_id": "toy"}, "must look like 'org/repo'"),
    (WeightsSpec, {"repo_id": "../../etc"}, "must look like 'org/repo'"),
]


@pytest.mark.parametrize(("cls", "change", "says"), BAD)
def test_a_malformed_spec_is_refused(cls: type, change: dict[str, Any], says: str) -> None:
    """One malformed field makes a PluginError, in one line, that says what is wrong with it."""
    with pytest.raises(PluginError) as caught:
        cls(**GOOD[cls] | change)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_code_reference_is_imported_when_asked_for() -> None:
    """`package.module:attribute` gives the attribute."""
    assert import_reference("json:dumps", "toy") is json.dumps


@pytest.mark.parametrize("code", ["raise RuntimeError('ouch')", "import sys; sys.exit(0)", "attribute = 1"])
def test_code_that_cannot_be_imported_is_a_plugin_error(code: str, tmp_path: Path, monkeypatch: Any) -> None:
    """A module that raises, ends the program or lacks the attribute is a PluginError naming owner and reference."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "zoo_test_broken", raising=False)
    (tmp_path / "zoo_test_broken.py").write_text(code)
    with pytest.raises(PluginError, match="toy: cannot import zoo_test_broken:missing"):
        import_reference("zoo_test_broken:missing", "toy")


def test_a_file_reference_is_found_without_importing_its_package(tmp_path: Path, monkeypatch: Any) -> None:
    """`package:path` is found inside the package or beside it, and the package's code does not run."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "zoo_test_files"
    (package / "recipes").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "recipes" / "a.toml").write_text("")
    (tmp_path / "weights").mkdir()
    assert resource("zoo_test_files:recipes/a.toml", "toy") == package / "recipes" / "a.toml"
    assert resource("zoo_test_files:weights", "toy") == tmp_path / "weights"
    with pytest.raises(NotFoundError, match=r"toy: .*'zoo_test_files' has no 'recipes/b.toml'"):
        resource("zoo_test_files:recipes/b.toml", "toy")
    with pytest.raises(NotFoundError, match="'zoo_test_absent' has no"):
        resource("zoo_test_absent:recipes/b.toml", "toy")
