"""Where a model computes: a name of the user's becomes a device that is there."""

from __future__ import annotations

import torch

from zoo.errors import UsageError

__all__ = ["devices_here", "find_device"]


def devices_here() -> list[str]:
    """The names of the devices of this machine, the best first: GPUs, Apple's GPU, and always `cpu`."""
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*gpus, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def find_device(device: str | torch.device) -> torch.device:
    """The device of a name: `auto` is the best of `devices_here()`; else `cpu`, `cuda`, `cuda:1`, `mps` or another of
    PyTorch's names. Raises UsageError, naming those that are there, for one that is not.
    """
    if device == "auto":
        return torch.device(devices_here()[0])
    try:
        found = torch.device(device)
        torch.empty(1, device=found).item()  # a device may be known and hold nothing, as `meta` does
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:  # it depends on torch's build
        line, here = str(error).splitlines()[0], ", ".join(devices_here())
        cause = f" ({line})" if len(line) <= 60 else ""  # the long ones list what torch knows, or its overloads
        raise UsageError(f"device {str(device)!r:.40} cannot be used here{cause}; there are auto, {here}") from error
    return found
