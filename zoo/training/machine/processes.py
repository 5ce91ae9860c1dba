"""The processes that train one run together: what each must know of the others. Accelerate starts and joins them.

A launcher (`accelerate launch`, `torchrun`) starts the same command several times and says so in the environment;
without one there is one process, and Accelerate is not imported.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import UsageError, ZooError
from zoo.nn.devices import find_device
from zoo.training.machine.batch_norm import SharedBatchNorm

__all__ = ["ALONE", "Processes", "open_processes"]

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Processes:
    """`count` processes, of which this is number `rank`, each on its own `device`; all have the same weights."""

    rank: int = 0  # from 0 to count - 1
    count: int = 1  # all of them
    device: torch.device = CPU  # its own
    accelerator: Any = None  # accelerate.Accelerator, where there are several

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def replicate(self, module: nn.Module) -> nn.Module:
        """The module whose gradients are averaged over the processes (DistributedDataParallel)."""
        if self.accelerator is None:
            return module
        replica: nn.Module = self.accelerator.prepare_model(module, device_placement=False)
        return replica

    def apart(self, replica: nn.Module) -> AbstractContextManager[Any]:
        """Gradients of backward passes in here are kept, and averaged with those of the next one outside."""
        return nullcontext() if self.accelerator is None else self.accelerator.no_sync(replica)

    def mean(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The mean of each figure over the processes."""
        if self.accelerator is None or not figures:
            return dict(figures)
        mine = torch.tensor(list(figures.values()), dtype=torch.float64, device=self.device)
        means = self.accelerator.reduce(mine, "mean").tolist()
        return dict(zip(figures, means, strict=True))

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set in one of the processes."""
        return flag if self.accelerator is None else self.mean({"flag": float(flag)})["flag"] > 0

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors (…) of all processes, (count, …), on the CPU."""
        if self.accelerator is None:
            return tensor.cpu()[None]
        gathered: Tensor = self.accelerator.gather(tensor.to(self.device)[None])
        return gathered.cpu()

    def silent(self) -> AbstractContextManager[Any]:
        """In here what fails in all processes is said by the first alone; the others exit with the same code."""
        return nullcontext() if self.first else _quietly()

    def once(self, action: Callable[[], None]) -> None:
        """Do it in the first process only; when it fails there with a ZooError, it fails in all."""
        if self.accelerator is None:
            action()
            return
        error: list[ZooError | None] = [None]
        if self.first:
            try:
                action()
            except ZooError as raised:
                error = [raised]
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(error)
        if error[0] is not None:
            raise error[0]

    def share_batch_norm(self, parts: Mapping[str, nn.Module]) -> None:
        """Let every batch norm take its statistics over the whole batch, not over the rows of its own process."""
        if self.accelerator is not None:
            for part in parts.values():
                SharedBatchNorm.replace_in(part)

    def close(self) -> None:
        """Leave the others; nothing can be asked after that."""
        if self.accelerator is not None:
            self.accelerator.free_memory()  # its list of replicas, which hold the group
            self.accelerator.end_training()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except ZooError as error:
        raise SystemExit(error.exit_code) from error


ALONE = Processes()


def open_processes(device: str = "auto", *, env: Mapping[str, str] = os.environ) -> Processes:
    """Join the processes that the launcher has started, or be alone where none has.

    `device` is "auto" (a CUDA GPU where there is one, or else the CPU: no other's random state is kept), "cpu", "cuda",
    "cuda:1" or another of PyTorch's names; with several processes on GPUs each takes its own. Raises UsageError for a
    device that is not there, a damaged environment, and where several processes are asked for and Accelerate is not
    installed.
    """
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else find_device(device)
    count = env.get("WORLD_SIZE", "1")
    if not count.isdecimal() or not int(count):
        raise UsageError(f"WORLD_SIZE is {count!r:.40}; a launcher sets it to the number of processes")
    if int(count) == 1:
        return Processes(device=place)
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise UsageError(f"{count} processes need Accelerate; install it: pip install 'genzoo[train]'") from error
    _let_the_group_go()
    try:
        accelerator = Accelerator(cpu=place.type == "cpu", mixed_precision="no")
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"the {count} processes do not find each other ({error!s:.200}); check the launcher"
        ) from error
    return Processes(accelerator.process_index, accelerator.num_processes, accelerator.device, accelerator)


def _let_the_group_go() -> None:
    """See to it that the group's threads end before the interpreter does: one that lives on aborts it now and then.

    They end with the last reference to the group. Default arguments in torch.distributed.nn hold for ever one that is
    there when it is imported; a replica is part of a cycle.
    """
    importlib.import_module("torch.distributed.nn")
    atexit.register(gc.collect)
