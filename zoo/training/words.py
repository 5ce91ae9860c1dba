"""How a run is doing, for people who do not know its losses. Nothing here changes the run or is recorded."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.data.held_out import some
from zoo.data.loading import Data
from zoo.data.modality import Modality
from zoo.errors import ZooError
from zoo.nn.abilities import Encodes
from zoo.nn.models import Model

__all__ = ["Words"]

FEW = 32  # examples that are given back
GUESSING, WINNING = 0.53, 0.99  # share told right: about where the doctor sees one of two players win
AHEAD = 0.95


class Words:
    """Says in words what a reading means: how well examples come back, or how two players stand."""

    def __init__(self, model: Model, examples: Data, modality: Modality) -> None:
        self.values, self.labels = None, None
        if isinstance(model, Encodes):
            few = some(examples, FEW)
            self.values = modality.values(few.data)
            self.labels = None if model.num_classes is None else few.labels

    def of(self, model: Model, metrics: Mapping[str, float]) -> tuple[str, str]:
        """The words, and what they mean; empty where nothing can be said.

        `model` is what the run would publish now.
        """
        if self.values is not None and isinstance(model, Encodes):
            try:
                back = model.reconstruct(self.values, self.labels).cpu()
            except ZooError:  # weights that have just become infinite: the doctor says so
                return "", ""
            if not back.is_floating_point():
                wrong = (back != self.values).double().mean()
                return f"{100 * float(wrong):.0f} % of what is given back is wrong", "lower is better"
            off = (back - self.values).square().mean().sqrt()
            return f"reconstructions off by {100 * float(off):.1f} %", "lower is better"
        told = [metrics[name] for name in ("real_accuracy", "fake_accuracy") if name in metrics]
        return _balance(told) if len(told) == 2 else ("", "")


def _balance(told: list[float]) -> tuple[str, str]:
    share = sum(told) / 2
    words = "generator and discriminator in balance"
    if share <= GUESSING:
        words = "the generator is far ahead"
    elif min(told) >= WINNING:
        words = "the discriminator is far ahead"
    elif share >= AHEAD:
        words = "the discriminator is ahead"
    return words, f"the discriminator tells {100 * share:.0f} % right; 50 % is guessing"
