"""The likelihood of held-out examples, exactly: of models that know it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data.modality import modality_of
from zoo.errors import DataError, UsageError
from zoo.nn.abilities import Scored
from zoo.nn.folding import resting
from zoo.nn.torch_state import default_state

__all__ = ["ExactReport", "exact_nll"]

ROWS = 32  # examples at a time


@dataclass(frozen=True, kw_only=True)
class ExactReport:
    """Negative log-likelihood of examples."""

    examples: int
    nll: float  # mean over the examples, nats
    standard_error: float  # of that mean
    bits_per_token: float  # the mean over all their values
    torch: str

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)


@default_state(grad=False)
def exact_nll(model: Scored, data: Tensor, *, progress: Callable[[int, int], None] | None = None) -> ExactReport:
    """-log p(x) of stored data (N, *data_shape). `progress` is called with (examples done, examples in all).

    Raises UsageError for data that are none of the model's.
    """
    model, modality = resting(model), modality_of(model)
    try:
        modality.check(data)
    except DataError as error:
        raise UsageError(f"these data are none of the model's: {error}") from error
    if tuple(data.shape[1:]) != model.data_shape or len(data) < 2:
        raise UsageError(f"data are {tuple(data.shape)}; at least 2 examples of shape {model.data_shape} are needed")
    found = []
    for start in range(0, len(data), ROWS):
        x = modality.ready(data[start : start + ROWS], model.value_range).to(model.device)
        model.check_tokens(x)
        found.append(-model.log_likelihood(x).double().cpu())
        if progress is not None:
            progress(min(start + ROWS, len(data)), len(data))
    nats = torch.cat(found)
    return ExactReport(
        examples=len(data),
        nll=float(nats.mean()),
        standard_error=float(nats.std() / math.sqrt(len(nats))),
        bits_per_token=float(nats.mean()) / (math.prod(model.data_shape) * math.log(2)),
        torch=torch.__version__,
    )
