"""zoo.evaluation.results: what is kept of earlier measurements, what of other weights is not, and failures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from measured_models import record as made_up
from measured_models import told

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder, truncation_of
from zoo.catalogue.weights.records import key_of
from zoo.errors import UsageError, WeightsError
from zoo.evaluation.results import read_results, record, record_truncation

REGISTRY = default_registry()
CODING = {"split": "test", "examples": 50, "root_mean_square_error": 0.0525, "active_units": 7, "binarised": False}
CODING |= {"negative_elbo": None, "kl": None, "bits_per_dim": None}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """As much of a weights folder as a card is made of."""
    recipe = {"name": "tiny", "summary": "Shapes.", "trainer": "vae", "licence": "MIT", "settings": {}}
    source = {"name": "shapes", "split": "train", "count": 9, "sha256": "cd" * 32, "licence": "CC0-1.0"}
    training = {"recipe": recipe, "examples": 5, "torch": "2.13.0", "threads": 1}
    data = source | {"shape": [3, 8, 8], "range": [0.0, 1.0]}
    config = {"format": 1, "architecture": "conv-vae", "config": {}, "data": data, "training": training, "zoo": "0.1.0"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return Folder(name="tiny", path=tmp_path)


def test_results_are_added_to_what_is_there(folder: Folder) -> None:
    """A second record keeps the first, a repeated key is replaced, and the card tells both."""
    record(folder, {"reconstruction": CODING, "first": 1}, registry=REGISTRY)
    record(folder, {"first": 2}, registry=REGISTRY)
    found = read_results(folder)
    assert (found["reconstruction"], found["first"]) == (CODING, 2)
    assert "0.0525" in (folder.path / "README.md").read_text(encoding="utf-8")


def test_what_was_measured_of_other_data_is_kept_beside_one_another(folder: Folder) -> None:
    """A record of other data does not lose another one of the same, or of other ones yet."""
    one, two = made_up("likelihood", "", 3.0), made_up("frechet", "pixels", 0.5)
    for name, measured in (("frogs", one), ("toads", one), ("frogs", two)):
        record(folder, {"other_data": {name: {"records": {key_of(measured): measured}}}}, registry=REGISTRY)
    found = {name: list(of["records"]) for name, of in read_results(folder)["other_data"].items()}
    assert found == {"frogs": ["likelihood@4000", "frechet/pixels@5000"], "toads": ["likelihood@4000"]}


def test_records_are_kept_beside_one_another(folder: Folder) -> None:
    """Those of other keys stay; one of the same key is replaced."""
    one, two = made_up("frechet", "pixels", 3.0), made_up("recall", "pixels", 0.5)
    record(folder, told(one, leading="pixels"), registry=REGISTRY)
    record(folder, told(two, made_up("frechet", "pixels", 4.0), leading="pixels"), registry=REGISTRY)
    found = read_results(folder)["records"]
    assert {key: record["value"] for key, record in found.items()} == {
        "frechet/pixels@5000": 4.0,
        "recall/pixels@5000": 0.5,
    }


def test_figures_of_an_older_zoo_are_not_taken_for_new_ones(folder: Folder) -> None:
    """A file without the format gives what is as it was, and the next record leaves nothing else of it."""
    likelihood = {"nll": 90.5, "standard_error": 0.25, "bits_per_token": 1.5, "examples": 10}
    old = {"frechet": 8.0, "network": "efficientnet-lite0", "reconstruction": CODING, "likelihood": likelihood}
    (folder.path / "evaluation.json").write_text(json.dumps(old))
    found = read_results(folder)
    assert (found.keys(), list(found["records"])) == ({"records", "outdated"}, ["likelihood@10", "bits@10"])
    record(folder, told(made_up("frechet", "pixels", 3.0), leading="pixels"), registry=REGISTRY)
    found = json.loads((folder.path / "evaluation.json").read_text())
    assert found.keys() == {"format", "leading", "records", "model_sha256"}
    assert (found["format"], list(found["records"])) == (2, ["likelihood@10", "bits@10", "frechet/pixels@5000"])
    card = (folder.path / "README.md").read_text(encoding="utf-8")
    assert "**1.5000 bits a token**" in card
    assert "Computed by a command that is not recorded" in card
    record(folder, told(made_up("likelihood", "", 80.0, n_real=7)), registry=REGISTRY)  # measured anew
    assert list(read_results(folder)["records"]) == ["bits@10", "frechet/pixels@5000", "likelihood@7"]


def test_results_of_other_weights_are_not_carried_along(folder: Folder) -> None:
    """Where model.safetensors has changed, what was measured of the old one is gone."""
    record(folder, {"reconstruction": CODING}, registry=REGISTRY)
    with (folder.path / "model.safetensors").open("ab") as stream:
        stream.write(b" ")
    assert read_results(folder) == {}
    record(folder, {"first": 1}, registry=REGISTRY)
    assert "reconstruction" not in read_results(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 10**5])
def test_a_damaged_file_counts_as_none(folder: Folder, content: bytes) -> None:
    """What cannot be read is measured anew."""
    (folder.path / "evaluation.json").write_bytes(content)
    assert read_results(folder) == {}


def test_where_no_card_can_be_written_nothing_changes(folder: Folder) -> None:
    """A result that the card cannot tell is a WeightsError, and both files are as they were."""
    for _ in range(2):
        before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
        with pytest.raises(WeightsError, match="lacks what a card says"):
            record(folder, {"reconstruction": {}}, registry=REGISTRY)
        assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before
        record(folder, {"first": 1}, registry=REGISTRY)
    assert json.loads((folder.path / "evaluation.json").read_text())["first"] == 1


def test_nothing_is_written_into_the_hubs_cache(folder: Folder) -> None:
    """A folder that came from the Hub is refused, and stays as it was."""
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(UsageError, match="nothing is written there"):
        record(replace(folder, source="hub"), {"first": 1}, registry=REGISTRY)
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


def test_where_truncation_helps_is_said_in_config_and_card(folder: Folder) -> None:
    """Both say the range, the card with a mixture where there is one; a range that cannot be meant changes nothing."""
    record(folder, {"first": 1}, registry=REGISTRY)
    record_truncation(folder, 1.0, 2.5, registry=REGISTRY)
    assert truncation_of(folder.config()) == (1.0, 2.5)
    assert read_results(folder)["first"] == 1
    line = "typical = model.sample(16, truncation=1)  # less varied; truncation helps from 1 to 2.5"
    assert line in (folder.path / "README.md").read_text(encoding="utf-8")
    (folder.path / "prior.safetensors").write_bytes(b"")
    record_truncation(folder, 1.5, 2, registry=REGISTRY)
    card = (folder.path / "README.md").read_text(encoding="utf-8")
    assert 'model.sample(16, prior="mixture", truncation=1.5)' in card
    with pytest.raises(WeightsError, match="two numbers above 0"):
        record_truncation(folder, 2, 1, registry=REGISTRY)
    assert truncation_of(folder.config()) == (1.5, 2.0)
    assert (folder.path / "README.md").read_text(encoding="utf-8") == card
