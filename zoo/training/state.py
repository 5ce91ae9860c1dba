"""All that a run is, in one object: cut and resumed, it goes on bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.data.batches import Batches
from zoo.errors import WeightsError
from zoo.training.ema import Ema
from zoo.training.trainer import Trainer

__all__ = ["TrainState"]


class TrainState:
    """Parts, moving averages, optimizers, position in the data, both random states, and how far the run is."""

    def __init__(self, trainer: Trainer, batches: Batches, random: torch.Generator, *, ema_half_life: float) -> None:
        self.trainer, self.batches, self.random = trainer, batches, random
        self.emas = {name: Ema(trainer.parts[name], half_life=ema_half_life) for name in trainer.averaged}
        self.images, self.steps = 0, 0

    def next_batch(self) -> tuple[Tensor, Tensor | None]:
        """This process's rows of the next batch and their labels, on its device."""
        device = self.trainer.processes.device
        pixels, labels = self.batches.next()
        return pixels.to(device), None if labels is None else labels.to(device)

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
        for name, own in self._generators().items():
            for rank, theirs in enumerate(processes.gather(own)):
                tensors[_of_rank(name, rank)] = theirs
        return tensors, {"images": self.images, "steps": self.steps, "position": self.batches.position}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Take over a captured state. Raises WeightsError when it is another run's."""
        modules = self._modules()
        given = {key: value for key, value in tensors.items() if key.startswith(("parts.", "averages."))}
        if {k: v.shape for k, v in modules.items()} != {k: v.shape for k, v in given.items()}:
            raise WeightsError("the checkpoint holds other networks than the recipe; start a new run folder")
        with torch.no_grad():
            for key, mine in modules.items():
                mine.copy_(given[key])
        for name, optimizer in self.trainer.optimizers.items():
            self._restore_optimizer(name, optimizer, tensors)
        self.random.set_state(tensors["random.own"])
        rank, device = self.trainer.processes.rank, self.trainer.processes.device
        torch.set_rng_state(tensors[_of_rank("random.torch", rank)])
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors[_of_rank("random.cuda", rank)], device)
        self.batches.position = numbers["position"]
        self.images, self.steps = int(numbers["images"]), int(numbers["steps"])

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
