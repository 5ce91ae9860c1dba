"""All that a run is, in one object: cut and resumed, it goes on bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.recipes.recipe import Resolved
from zoo.data.batches import Batches
from zoo.data.loading import Data
from zoo.data.modality import load_modality
from zoo.data.rows import Rows
from zoo.errors import ConfigError, WeightsError
from zoo.nn.build import initialise_parts, memory_format
from zoo.nn.extras import Extras
from zoo.training.doctor.diagnosis import Doctor
from zoo.training.ema import Ema
from zoo.training.machine.onednn import OneDNNLinear
from zoo.training.machine.processes import ALONE, Processes
from zoo.training.trainer import Trainer

__all__ = ["Means", "TrainState", "first_state"]


class Means:
    """Sums of metrics since the last reading, kept as tensors, so that a step never waits for a number.

    A metric that not every step has is averaged over the steps that have it.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Count a step's metrics in."""
        if self.sums.keys() == metrics.keys():
            torch._foreach_add_(list(self.sums.values()), [metrics[name] for name in self.sums])  # one call, not ten
        else:
            for name, value in metrics.items():
                self.sums[name] = self.sums[name] + value if name in self.sums else value.clone()
        for name in metrics:
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means over the steps, which begin anew."""
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


class TrainState:
    """Parts, moving averages, optimizers, position in the data, both random states, and how far the run is."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Batches,
        random: torch.Generator,
        *,
        ema_half_life: float,
        extras: Extras | None = None,
    ) -> None:
        self.trainer, self.batches, self.random = trainer, batches, random
        self.extras = extras or Extras()  # what the averaged model is given besides its parts
        self.emas = {name: Ema(trainer.parts[name], half_life=ema_half_life) for name in trainer.averaged}
        self.examples, self.steps = 0, 0
        self.means = Means()  # a reading is of all its steps, before a cut and after
        self.doctor: Doctor | None = None  # who watches the run, where somebody does

    def next_batch(self) -> tuple[Tensor, Tensor | None]:
        """This process's rows of the next batch, as the networks see them, and their labels, on its device."""
        trainer, device = self.trainer, self.trainer.processes.device
        stored, labels = self.batches.next()
        x = trainer.modality.ready(stored.to(device), trainer.value_range)
        return x, None if labels is None else labels.to(device)

    def capture(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state as tensors and as JSON-able numbers; all processes must ask for it together."""
        processes = self.trainer.processes
        tensors = dict(self._modules())
        for name, optimizer in self.trainer.optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                for slot, value in slots.items():
                    tensors[f"optimizers.{name}.{index}.{slot}"] = value
        tensors["random.own"] = self.random.get_state()
        # What the layers draw from (dropout) differs from process to process, and one by one from device to device.
        # So do the metrics of which the next reading will be.
        sums = {f"means.{name}": total for name, total in self.means.sums.items()}
        held = {f"trainer.{name}": tensor for name, tensor in self.trainer.buffers.items()}
        for name, own in (self._generators() | sums | held).items():
            for rank, theirs in enumerate(processes.gather(own)):
                tensors[_of_rank(name, rank)] = theirs
        numbers = {"examples": self.examples, "steps": self.steps, "position": self.batches.position}
        numbers["means"] = dict(sorted(self.means.counts.items()))
        return tensors, numbers if self.doctor is None else numbers | {"doctor": self.doctor.capture()}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Take over a captured state. Raises WeightsError when it is another run's."""
        self.restore_networks(tensors)
        self.restore_optimizers(tensors)
        self.restore_random(tensors)
        self.restore_counts(numbers)
        rank, device = self.trainer.processes.rank, self.trainer.processes.device
        self.means.counts = {name: int(count) for name, count in numbers["means"].items()}
        self.means.sums = {name: tensors[_of_rank(f"means.{name}", rank)].to(device) for name in self.means.counts}
        if self.doctor is not None and "doctor" in numbers:
            self.doctor.restore(numbers["doctor"])

    def restore_networks(self, tensors: dict[str, Tensor]) -> None:
        """Take over parts and moving averages. Raises WeightsError when they are of other networks."""
        modules = self._modules()
        given = {key: value for key, value in tensors.items() if key.startswith(("parts.", "averages."))}
        if {k: v.shape for k, v in modules.items()} != {k: v.shape for k, v in given.items()}:
            raise WeightsError("the checkpoint holds other networks than the recipe; start a new run folder")
        with torch.no_grad():
            for key, mine in modules.items():
                mine.copy_(given[key])

    def restore_optimizers(self, tensors: dict[str, Tensor]) -> None:
        """Take over what the optimizers remember; their rates and other settings stay this run's."""
        for name, optimizer in self.trainer.optimizers.items():
            self._restore_optimizer(name, optimizer, tensors)

    def restore_random(self, tensors: dict[str, Tensor]) -> None:
        """Take over the states of the random numbers, of this process."""
        self.random.set_state(tensors["random.own"])
        rank, device = self.trainer.processes.rank, self.trainer.processes.device
        torch.set_rng_state(tensors[_of_rank("random.torch", rank)])
        for name, tensor in self.trainer.buffers.items():
            tensor.copy_(tensors[_of_rank(f"trainer.{name}", rank)])
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors[_of_rank("random.cuda", rank)], device)

    def restore_counts(self, numbers: dict[str, Any]) -> None:
        """Take over how far the run is, and where in the data."""
        self.batches.position = numbers["position"]
        self.examples, self.steps = int(numbers["examples"]), int(numbers["steps"])

    def weights(self) -> dict[str, float]:
        """The sum of all weights: a checkpoint with NaN in it would be worse than none."""
        total = sum(float(p.detach().sum()) for part in self.trainer.parts.values() for p in part.parameters())
        return {"the sum of all weights": total}

    def _generators(self) -> dict[str, Tensor]:
        device = self.trainer.processes.device
        states = {"random.torch": torch.get_rng_state()}
        return states | ({"random.cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})

    def _modules(self) -> dict[str, Tensor]:
        kinds = {"parts": self.trainer.parts, "averages": {n: e.module for n, e in self.emas.items()}}
        return {
            f"{kind}.{name}.{key}": tensor
            for kind, modules in kinds.items()
            for name, module in modules.items()
            for key, tensor in module.state_dict().items()
        }

    @staticmethod
    def _restore_optimizer(name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        prefix = f"optimizers.{name}."
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(prefix):
                index, _, slot = key.removeprefix(prefix).partition(".")
                like = parameters[int(index)]
                # Fused kernels walk raw memory, so a slot must have its parameter's memory layout.
                if value.shape == like.shape:
                    value = torch.empty_like(like, requires_grad=False).copy_(value)
                slots.setdefault(int(index), {})[slot] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": slots, "param_groups": groups})


def _of_rank(name: str, rank: int) -> str:
    return f"{name}.{rank}" if rank else name


def first_state(
    resolved: Resolved,
    examples: Data | None = None,
    processes: Processes = ALONE,
    *,
    about: Mapping[str, Any] | None = None,
) -> TrainState:
    """A run's state before the first step; without examples it can be restored but not stepped.

    `about` is what travels with the weights of the data: that of the examples, where there are some. Raises
    ConfigError for a batch that the processes cannot share equally, and what building parts and modality raises.
    """
    recipe = resolved.recipe
    if recipe.batch_size % (recipe.accumulate * processes.count):
        whom = f"{processes.count} processes with {recipe.accumulate} pieces each"
        raise ConfigError(f"a batch of {recipe.batch_size} has no equal shares for {whom}; change batch_size")
    about = about or {} if examples is None else examples.about
    random = torch.Generator().manual_seed(recipe.seed)
    trainer = _trainer(resolved, processes, random, about)
    if examples is not None and trainer.calibration:
        _calibrate(trainer, examples, recipe.seed)
    empty = torch.zeros(recipe.batch_size, 1)
    batches = Batches(
        empty if examples is None else examples.data,
        None if examples is None else examples.labels,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        rank=processes.rank,
        count=processes.count,
    )
    extras = Extras(
        value_range=trainer.value_range,
        modality=resolved.architecture.modality,
        memory_format=trainer.memory_format,
        sampling=recipe.sampling,
        info={"data": {"about": dict(about)}} if about else None,
    )
    return TrainState(trainer, batches, random, ema_half_life=recipe.ema_half_life, extras=extras)


def _trainer(resolved: Resolved, processes: Processes, random: torch.Generator, about: Mapping[str, Any]) -> Trainer:
    """The trainer with fresh parts on its device, joined to the others."""
    recipe, spec = resolved.recipe, resolved.trainer
    layout = memory_format(resolved.modality)
    parts = initialise_parts(resolved.architecture, resolved.config, seed=recipe.seed, memory_format=layout)
    if recipe.shared_batch_norm:
        processes.share_batch_norm(parts)
    for part in parts.values():
        OneDNNLinear.replace_in(part)
        part.to(processes.device)
    make = import_reference(spec.trainer, f"trainer {recipe.trainer}", spec.install_hint)
    trainer: Trainer = make(parts, resolved.settings, random)
    trainer.modality, trainer.memory_format = load_modality(resolved.modality, about), layout
    trainer.join(processes, accumulate=recipe.accumulate)
    return trainer


def _calibrate(trainer: Trainer, examples: Data, seed: int) -> None:
    """Show the trainer as many examples as it asks for, the same in every process, without a draw of the run's."""
    order = torch.randperm(len(examples.data), generator=torch.Generator().manual_seed(seed))
    rows = order[: trainer.calibration]
    stored = examples.data.read(rows)[0] if isinstance(examples.data, Rows) else examples.data[rows]
    with torch.no_grad():
        trainer.calibrate(trainer.modality.ready(stored.to(trainer.processes.device), trainer.value_range))
