"""Records as evaluation.json holds them, for tests that read some; and a judge that is small enough to reason about."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from zoo.catalogue.weights.records import FORMAT, key_of
from zoo.nn.features import Features


class Flat(Features):
    """The values themselves, in [0, 1]."""

    strides, modality, name, sha256, resize = (1,), "image", "flat", "ab" * 32, "none"

    def __init__(self, dimensions: int = 12) -> None:
        super().__init__()
        self.dimensions = dimensions

    def vector(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)


def record(metric: str, network: str, value: float, **changes: Any) -> dict[str, Any]:
    """A record of 5,000 samples by a network, "" for none, with any key changed."""
    seen = {"name": network, "sha256": f"{len(network):064}", "resize": "bilinear to 224"} if network else None
    found = {
        "metric": metric,
        "value": value,
        "spread": 0.25,
        "values": [value - 0.25, value, value + 0.25],
        "seeds": [0, 1, 2],
        "better": "higher" if metric in ("precision", "recall", "kept") else "lower",
        "n_real": 4000,
        "n_fake": 5000 if network else 0,
        "floor": value / 2,
        "features": seen,
        "contaminated": False,
        "reference": {"name": "frogs", "split": "train", "sha256": "cd" * 32},
        "group": "",
        "prior": "",
        "command": "zoo eval . --samples 5000 --seeds 0,1,2 --real 4000",
        "versions": {"genzoo": "0.1.0", "torch": "2.13.0"},
        "device": "cpu",
    }
    return found | changes


def told(*records: dict[str, Any], leading: str = "efficientnet-lite0", **sections: Any) -> dict[str, Any]:
    """An evaluation.json of these records."""
    return {"format": FORMAT, "leading": leading, "records": {key_of(one): one for one in records}} | sections
