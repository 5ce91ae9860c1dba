"""zoo.evaluation.classified and the classifier of pictures: what samples show, told by who saw real ones only."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import DatasetSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.data import DataRequest, Examples
from zoo.errors import DataError, UsageError
from zoo.evaluation.classified import classified
from zoo.evaluation.figures import asked_metrics, figures_of
from zoo.evaluation.records import Origin
from zoo.evaluation.subject import Subject
from zoo.images import judges
from zoo.images.judges import picture_classifier
from zoo.training import judging

CLASSES = ("upper", "lower", "both")


def pictures(labels: Tensor, seed: int) -> Tensor:
    """Noise of 8x8, bright in the upper half, in the lower one, or in both: uint8 (N, 1, 8, 8)."""
    x = torch.randint(0, 90, (len(labels), 1, 8, 8), generator=torch.Generator().manual_seed(seed))
    x[:, :, :4] += 150 * (labels != 1).view(-1, 1, 1, 1)  # mirrored it stays what it is
    x[:, :, 4:] += 150 * (labels != 0).view(-1, 1, 1, 1)
    return x.to(torch.uint8)


def load_sides(request: DataRequest) -> Examples:
    labels = torch.arange(600 if request.split == "train" else 90) % 3
    return Examples(data=pictures(labels, len(labels)), labels=labels, classes=CLASSES)


@pytest.fixture
def registry() -> Registry:
    common: Any = {"summary": "", "licence": "MIT", "modality": "image", "classes": CLASSES}
    spec = DatasetSpec(name="sides", load=f"{__name__}:load_sides", splits={"train": 600, "test": 90}, **common)
    image = default_registry().owned("modality", "image")
    return Registry.of([Owned(name="sides", spec=spec, owner="test"), image])


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "EPOCHS", 3)


def model(data: str, num_classes: int | None = None) -> Any:
    return SimpleNamespace(
        info={"data": {"name": data}}, modality="image", num_classes=num_classes, data_shape=(1, 8, 8)
    )


def test_samples_of_a_class_are_told_as_what_they_show(registry: Registry, tmp_path: Path) -> None:
    """Of 60 samples for "lower" 45 show it and 15 show "upper": the shares are 0.75 and 0.25."""
    shown = torch.tensor([1] * 45 + [0] * 15)
    found = classified(pictures(shown, 7).float() / 255, model("sides[lower]"), registry, cache_dir=tmp_path)
    assert (found.data, found.accuracy, found.real, found.samples) == ("sides", 1.0, 1.0, 0.75)
    assert found.told == {"lower": 0.75, "upper": 0.25}
    assert (found.asked, found.reference["name"], found.reference["split"]) == (30, "sides[lower]", "test")
    judge = found.judge
    assert (judge["tells"], judge["accuracy"], len(judge["sha256"])) == ("the class", 1.0, 1)
    assert judge["design"].startswith("seven 3x3 convolutions")
    assert (judge["learnt_from"]["name"], judge["learnt_from"]["split"]) == ("sides", "train")


def test_it_is_a_record_with_what_real_examples_have(registry: Registry, tmp_path: Path) -> None:
    """Of two seeds the shares, their mean and spread; the floor is the classifier's verdict on real test examples; a
    second measurement fits nothing.
    """
    drawn = [pictures(torch.tensor([1] * n + [0] * (20 - n)), n).float() / 255 for n in (20, 10)]
    (figure,) = asked_metrics(("classified",), default_registry()).model
    given: Any = {"registry": registry, "train": None, "test": None, "observer": None, "cache": tmp_path}
    origin = Origin(seeds=(4, 5), command="zoo eval .", device="cpu", reference={})

    def measure() -> Any:
        of: Any = model("sides[lower]")
        subjects = [Subject(model=of, seed=seed, samples=x, **given) for seed, x in zip((4, 5), drawn, strict=True)]
        (found,) = figures_of(subjects, (figure,), origin, None)  # type: ignore[arg-type]
        return found

    found = measure()
    assert found.key == "classified@20"
    assert (found.values, found.value, found.seeds) == ((1.0, 0.5), 0.75, (4, 5))
    assert (found.floor, found.n_real, found.n_fake) == (1.0, 30, 20)
    assert found.reference["name"] == "sides[lower]"
    assert list(found.details["told"].items()) == [("lower", 0.75), ("upper", 0.25)]  # the largest first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "_fitted", None)
        assert measure() == found


def test_a_model_with_classes_is_told_by_the_labels_it_was_given(registry: Registry, tmp_path: Path) -> None:
    """Its samples are of each class in turn; shifted by one, none is what it should be."""
    labels = torch.arange(60) % 3
    for shift, share in ((0, 1.0), (1, 0.0)):
        x = pictures((labels + shift) % 3, 9).float() / 255
        assert classified(x, model("sides", 3), registry, cache_dir=tmp_path).samples == share


def test_what_was_made_for_no_class_is_refused(registry: Registry) -> None:
    """No selection and no labels, a folder's classes, and a selection that is no class."""
    x = pictures(torch.arange(6) % 3, 0).float() / 255
    for name in ("sides", "images:./photos"):
        with pytest.raises(UsageError, match="made for no class of a dataset"):
            classified(x, model(name), registry)
    with pytest.raises(UsageError, match="up is no class of sides"):
        classified(x, model("sides[up]"), registry)


def test_the_same_seed_gives_the_same_classifier_and_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted twice it is the same, bit by bit; a kept one is not fitted again; nobody's random numbers are used up."""
    y = torch.arange(600) % 3
    given = (pictures(y, 1), y)
    before = torch.random.get_rng_state()
    first, second = (picture_classifier(given, given, 3, cache_dir=folder) for folder in (tmp_path, None))
    monkeypatch.setattr(judging, "_fitted", None)
    third = picture_classifier(given, given, 3, cache_dir=tmp_path)
    assert len(list((tmp_path / "decoded").glob("*.safetensors"))) == 2  # the classifier, and how well it does
    assert third.accuracy == first.accuracy
    wrong = picture_classifier(given, (given[0], (given[1] + 1) % 3), 3, cache_dir=tmp_path)
    assert wrong.accuracy < first.accuracy  # measured on other examples, it is measured anew
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
        assert torch.equal(value, third.network.state_dict()[name])
    assert first.accuracy == third.accuracy
    assert torch.equal(before, torch.random.get_rng_state())
    with pytest.raises(TypeError):  # it would be fitted anew for other classes
        picture_classifier(given, given, 4, cache_dir=tmp_path)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 3]), torch.tensor([-1, 0, 1]), torch.tensor([0, 1])])
def test_labels_that_do_not_fit_are_refused(labels: Tensor) -> None:
    """Beyond the classes, unknown, or of another number."""
    x = pictures(torch.tensor([0, 1, 2]), 0)
    with pytest.raises(DataError, match=r"training examples .* need labels"):
        picture_classifier((x, labels), (x, labels), 3)
