"""What the loop asks of a trainer: one step, the things that make up its state, and how a player learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zoo.data.draws import Draw, Draws
from zoo.data.modality import Modality
from zoo.errors import ConfigError
from zoo.training.machine.precision import computes_bfloat16
from zoo.training.machine.processes import ALONE, Processes
from zoo.training.optimizers import clip_gradients, learning_rate, make_capturable, set_rate

__all__ = ["Figures", "Precision", "Trainer", "seen_labels"]

Figures = dict[str, Tensor]  # metrics by name: scalars, detached
Precision = Literal["float32", "bfloat16"]  # of the networks' products; sums, losses and weights stay float32


def seen_labels(labels: Tensor | None, num_classes: int | None) -> tuple[Tensor, ...]:
    """The labels of a batch, to be handed on with it, where the networks see them. Raises ConfigError without any."""
    if num_classes is None:
        return ()
    if labels is None:
        raise ConfigError(f"the networks see labels of {num_classes} classes, and these data have none")
    return (labels,)


class Trainer(ABC):
    """Built as `Trainer(parts, settings, random)`: the parts by name, the decoded settings, the run's own generator.

    All randomness of a step comes from that generator (and from the global one where a layer, such as dropout, takes
    no other); the loop saves both. What it learns from is made by its `modality`, in the range that it declares.

    A trainer that draws with `self.draws` and updates with `self.learn` can be run by several processes, on a GPU, and
    with `accumulate`; one that steps its optimizers itself by one process only. One that says its `variant` can be
    replayed on a GPU as a graph.
    """

    averaged: tuple[str, ...] = ()  # the parts of which the loop keeps a moving average
    parts: dict[str, nn.Module]  # by name, as it is built with them
    buffers: Mapping[str, Tensor] = MappingProxyType({})  # what else its state is: changed in place, saved with it
    optimizers: dict[str, torch.optim.Optimizer]  # by the player that each moves
    base_rates: dict[str, float]  # optimizer name -> learning rate before decay
    decay: float = 0.0  # how the rates fall, as `learning_rate` says;
    anneal: float = 0.0  # a trainer takes both from its settings, or leaves them
    value_range: tuple[float, float] = (0.0, 1.0)  # of the data that `step` gets; nothing to tokens
    modality: Modality  # the kind of data: set before `join`
    memory_format: torch.memory_format = torch.contiguous_format  # of its data of rank four
    settings: Any  # decoded, as it is built with them
    random: torch.Generator  # the run's own, which all randomness comes from
    clip_value: float = 0.0  # bound of each coordinate of a gradient in `learn`; 0: no clipping
    clip_norm: float = 0.0  # bound of the whole gradient; 0: no clipping
    processes: Processes = ALONE  # who learns together: one alone until `join`
    apart: bool = False  # whether the discriminator learns from real and fake examples in batches of their own
    accumulate: int = 1  # pieces that `learn` cuts a batch into
    learned: bool = False  # whether `learn` has been called
    steps: int = 0  # taken before the coming one
    progress: float = 0.0  # share of the run before it
    trained_against: tuple[str, ...] = ()  # full names of the feature networks that its losses look through
    calibration: int = 0  # real examples that `calibrate` wants to see before the first step
    drawn: Callable[[Draw], Tensor] | None = None  # where `draws` takes numbers from that are drawn already
    moving: Mapping[str, Tensor] | None = None  # what `scheduled` gives, as tensors, where a step is replayed

    @abstractmethod
    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """Learn from one batch and its labels (N,); give metrics as scalar tensors, not synchronised.

        x (N, *data_shape) are floats that span `value_range`, or int64 tokens.
        """

    @property
    def draws(self) -> Draws:
        """Random numbers for this process's rows of a batch."""
        return Draws(self.random, self.processes.rank, self.processes.count, self.processes.device, self.drawn)

    @contextmanager
    def drawing(self, drawn: Callable[[Draw], Tensor]) -> Iterator[None]:
        """In here `draws` takes its numbers from `drawn`: an argument says which, its result are this process's."""
        before, self.drawn = self.drawn, drawn
        try:
            yield
        finally:
            self.drawn = before

    def variant(self) -> Hashable | None:
        """Of which kind the coming step is, where a GPU may replay it; None, the default, where it may not.

        All steps of one kind must do the same operations, with the same draws of `self.draws`, on tensors that stay
        where they are: nothing else may change from step to step but what `scheduled` gives, and no operation may wait
        for a number. What asks for `self.steps` or `self.progress` belongs into one of the two.
        """
        return None

    def scheduled(self, n: int) -> dict[str, float]:
        """Numbers that follow from how far the run is, by name, for the coming step of n examples in this process."""
        return {}

    def now(self, n: int) -> Mapping[str, float | Tensor]:
        """What `scheduled` gives, as a step uses it: scalar tensors where the step is replayed."""
        return self.scheduled(n) if self.moving is None else self.moving

    def join(self, processes: Processes, *, accumulate: int = 1) -> None:
        """Learn together with other processes from now on, each batch in `accumulate` pieces."""
        self.processes, self.accumulate = processes, accumulate
        if self.buffers:
            self.buffers = {name: tensor.to(processes.device) for name, tensor in self.buffers.items()}
        if processes.device.type == "cuda":  # in every run there, so that a step is the same, replayed or not
            for optimizer in self.optimizers.values():
                make_capturable(optimizer, processes.device)
        self.replicas = {name: processes.replicate(_Player(self._modules(name))) for name in self.optimizers}

    def _modules(self, player: str) -> list[nn.Module]:
        """The parts whose weights an optimizer moves."""
        mine = {id(p) for group in self.optimizers[player].param_groups for p in group["params"]}
        return [part for part in self.parts.values() if any(id(p) in mine for p in part.parameters())]

    def learn(self, player: str, loss: Callable[..., tuple[Tensor, Figures]], *batch: Tensor) -> Figures:
        """One step of the optimizer `player` down `loss(*batch)`, which gives a mean over the rows, and its metrics.

        With `accumulate` the batch is cut into pieces whose gradients are averaged; with several processes, over theirs
        too. Gives the mean of the metrics over the pieces.
        """
        self.learned = True
        optimizer = self.optimizers[player]
        optimizer.zero_grad(set_to_none=True)
        found = []
        pieces = list(zip(*(rows.chunk(self.accumulate) for rows in batch), strict=True)) or [()]
        for index, piece in enumerate(pieces):
            last = index == self.accumulate - 1
            with nullcontext() if last else self.processes.apart(self.replicas[player]):
                value, figures = loss(*piece) if self.processes is ALONE else self.replicas[player](loss, *piece)
                (value if self.accumulate == 1 else value / self.accumulate).backward()
            found.append(figures)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        clip_gradients(parameters, value=self.clip_value, norm=self.clip_norm)
        optimizer.step()
        if len(found) == 1:
            return found[0]
        return {name: torch.stack([figures[name] for figures in found]).mean() for name in found[0]}

    def in_precision(self, precision: Precision) -> AbstractContextManager[Any]:
        """Where entered, convolutions and dense layers take that precision; everything after them float32. A processor
        that lacks bfloat16 computes in float32.
        """
        if precision == "float32" or not computes_bfloat16(self.processes.device):
            return nullcontext()
        return torch.autocast(self.processes.device.type, torch.bfloat16)

    def augment(self, x: Tensor, names: Iterable[str], share: Tensor | None = None) -> Tensor:
        """Apply the modality's augmentations of these names in their order: x as a network sees it -> the same.

        With a `share` in [0, 1] each is applied to an example with that probability.
        """
        for name in names:
            changed = self.modality.augmentations[name](x, self.draws)
            if share is not None:
                chosen = self.draws.uniform(len(x)) < share
                changed = torch.where(chosen.view(-1, *[1] * (x.ndim - 1)), changed, x)
            x = changed
        return x.contiguous(memory_format=self.memory_format) if x.ndim == 4 else x

    def mirror(self, x: Tensor) -> Tensor:
        """Some of x mirrored at random, where the kind of data has a mirror image."""
        flip = self.modality.augmentations.get("flip")
        return x if flip is None else flip(x, self.draws)

    def check_augmentations(self, names: Iterable[str]) -> None:
        """Raise ConfigError for a name that is none of the modality's augmentations."""
        there = self.modality.augmentations
        if unknown := [name for name in names if name not in there]:
            raise ConfigError(
                f"augment: this kind of data has no {unknown[0]!r:.80}; it has {', '.join(there) or 'none'}"
            )

    def calibrate(self, x: Tensor) -> None:
        """Set what follows from real data: x are `calibration` examples (N, *data_shape) in `value_range`.

        All processes see the same, before the first step of a run; what it sets is in the state of the parts.
        """
        raise NotImplementedError(
            f"{type(self).__name__} asks for {self.calibration} examples and does nothing with them"
        )

    def set_rates(self, *, step: int, progress: float) -> None:
        """Set the learning rates for the coming step, and note which it is."""
        self.steps, self.progress = step, progress
        how = {"decay": self.decay, "anneal": self.anneal}
        for name, optimizer in self.optimizers.items():
            rate = learning_rate(self.base_rates[name], step=step, progress=progress, **how)
            for group in optimizer.param_groups:
                set_rate(group, rate)

    def check_learned(self) -> None:
        """Raise ConfigError where a step did not go through `learn` and several processes or pieces need it to."""
        if not self.learned and (self.processes.count > 1 or self.accumulate > 1):
            name = type(self).__name__
            raise ConfigError(f"{name} steps its optimizers itself: it needs one process, and accumulate = 1")


class _Player(nn.Module):
    """The parts one optimizer moves, as one module whose forward is any function of them: what is replicated."""

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, function: Callable[..., Any], *batch: Tensor) -> Any:
        """`function(*batch)`."""
        return function(*batch)
