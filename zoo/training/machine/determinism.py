"""The same bytes from each run on one GPU: what PyTorch is to be told for it, and told back afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from zoo.catalogue.recipes.recipe import Recipe
from zoo.errors import ConfigError, UsageError

__all__ = ["determined", "fixed_workspaces"]

WORKSPACES = "CUBLAS_WORKSPACE_CONFIG"  # read by cuBLAS when it starts
FIXED = (":4096:8", ":16:8")  # the values with which its products are the same each time
REFUSED = "does not have a deterministic implementation"  # of an operation, by PyTorch


@contextlib.contextmanager
def fixed_workspaces(asked: bool = True) -> Iterator[None]:
    """Have cuBLAS take workspaces of fixed sizes if CUDA starts in here, unless the environment says which.

    That is an environment variable, which goes again where CUDA has not started; where it has, it tells what is so.
    """
    if not asked or WORKSPACES in os.environ or torch.cuda.is_initialized():
        yield
        return
    os.environ[WORKSPACES] = FIXED[0]
    try:
        yield
    finally:
        if not torch.cuda.is_initialized():
            os.environ.pop(WORKSPACES, None)


@contextlib.contextmanager
def determined(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Let PyTorch take only what gives the same bytes each time, where the recipe is `deterministic` and on a GPU.

    On a CPU all does. What the process had set is set again afterwards. Raises UsageError where CUDA has started and
    its products are not of that kind, and ConfigError naming an operation that has no such form.
    """
    if not recipe.deterministic or device.type != "cuda":
        yield
        return
    if torch.cuda.is_initialized() and os.environ.get(WORKSPACES) not in FIXED:
        way = f"set {WORKSPACES}={FIXED[0]} before Python starts"
        raise UsageError(f"deterministic = true: CUDA has started in this process, and its products may differ; {way}")
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    flags = cudnn.deterministic, cudnn.benchmark
    with fixed_workspaces():
        torch.use_deterministic_algorithms(True)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        except RuntimeError as error:
            if REFUSED not in str(error):
                raise
            operation = str(error).partition(" ")[0]
            way = "train without deterministic = true, or on the CPU: --device cpu"
            raise ConfigError(f"deterministic = true: {operation} has no such form on a GPU; {way}") from error
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            cudnn.deterministic, cudnn.benchmark = flags
