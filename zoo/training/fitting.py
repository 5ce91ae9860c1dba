"""Whether examples are what the networks take: looked at before the first step, which would fail without a cause."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.data.held_out import some
from zoo.data.loading import Data
from zoo.errors import DataError, PluginError, ZooError
from zoo.training.trainer import Trainer

__all__ = ["check_fit"]

FEW = 16  # examples that are looked at
TOLERANCE = 1e-3  # of the range


def check_fit(examples: Data, data_shape: tuple[int, ...], trainer: Trainer) -> None:
    """Look at a few examples as the trainer is going to see them.

    Raises PluginError, which names the dataset, for examples of another shape than `data_shape`, and for values that
    are no float32 within the trainer's range, or int64 tokens.
    """
    where = f"{examples.name} ({examples.split})"
    try:
        stored = some(examples, FEW).data
        trainer.modality.check(stored)
        x = trainer.modality.ready(stored, trainer.value_range)
    except DataError as error:
        raise PluginError(f"{where} gives examples that cannot be: {error}; report it to its author") from error
    except ZooError:
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {error!s:.200}"
        raise PluginError(f"{where}: its examples cannot be read ({cause}); report it to its author") from error
    if x.shape[1:] != data_shape:
        raise PluginError(
            f"{where} gives examples of the shape {tuple(x.shape[1:])}, and the networks take {data_shape}: its loader "
            "does not heed the shape that it is asked for; choose the config that fits, or report it to its author"
        )
    if cause := _unfit(x, trainer.value_range):
        raise PluginError(f"{where} gives examples that {cause}; report it to its author")


def _unfit(x: Tensor, value_range: tuple[float, float]) -> str:
    """What is wrong with x as a network sees it; nothing of tokens, which have no range."""
    if x.dtype == torch.int64:
        return ""
    if x.dtype != torch.float32:
        return f"become {x.dtype}, and networks take torch.float32, or tokens of torch.int64"
    low, high = (float(value) for value in x.aminmax())
    slack = TOLERANCE * (value_range[1] - value_range[0])
    if math.isfinite(low + high) and value_range[0] - slack <= low and high <= value_range[1] + slack:
        return ""
    return f"become values from {low:.3g} to {high:.3g}, and this trainer's networks take {list(value_range)}"
