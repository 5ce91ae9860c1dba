"""What the process has set of torch, put aside: numbers follow from weights, seeds and arguments alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["default_state", "own_random"]

AUTOCASTS = ("cpu", "cuda", "mps", "xpu")
FLOATS = {  # what makes tensors of the default dtype
    *(torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.linspace, torch.logspace, torch.eye),
    *(torch.empty_strided, torch.normal, torch.hann_window, torch.hamming_window, torch.blackman_window),
    *(torch.bartlett_window, torch.kaiser_window),
}
NUMBERS = {torch.tensor, torch.full, torch.arange, torch.as_tensor, torch.asarray, torch.scalar_tensor}
ASKED = {"double", "half", "bfloat16", "to", "type", "type_as", "get_default_dtype"}
CPU = torch.device("cpu")


@contextlib.contextmanager
def default_state(*, grad: bool = True) -> Iterator[None]:
    """Run as in a process that has set nothing: float32, on the CPU, no autocast, no inference mode, exact products.

    With `grad` operations are recorded for gradients, without they are not. What other threads see stays as it is, but
    for the precision of float32 products, which torch keeps for all threads at once. Which kernels run (oneDNN
    or not, how many threads, flushed denormals) is left to the process: they round differently, in the last digits.
    """
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(grad))
        for kind in AUTOCASTS:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(EXACT)
        if torch.get_default_device() != CPU:
            stack.enter_context(CPU)
        if torch.get_default_dtype() != torch.float32:
            stack.enter_context(_Float32())
        yield


RANDOM = threading.RLock()


@contextlib.contextmanager
def own_random(seed: int | None = None) -> Iterator[None]:
    """torch's global random state on the CPU, for one thread at a time: seeded, and afterwards what it was."""
    with RANDOM, torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        yield


class _Float32(TorchFunctionMode):
    """New tensors are float32 where nothing says otherwise, in this thread: `torch.set_default_dtype` is for all."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        free = kwargs.get("dtype") is None and kwargs.get("out") is None
        if free and (func in FLOATS or (func in NUMBERS and _floats([*args, *kwargs.values()]))):
            return func(*args, **(kwargs | {"dtype": torch.float32}))
        made = func(*args, **kwargs)
        if (
            free
            and func not in NUMBERS
            and getattr(func, "__name__", "") not in ASKED
            and _promoted(made, args, kwargs)
        ):
            return func(*(_float(value) for value in args), **{key: _float(v) for key, v in kwargs.items()}).float()
        return made


def _promoted(made: Any, args: Any, kwargs: Any) -> bool:
    """Whether whole numbers became floats of the default dtype, as in `whole / 2`."""
    if not isinstance(made, Tensor) or made.dtype != torch.get_default_dtype():
        return False
    given = [value.dtype for value in _flat([*args, *kwargs.values()]) if isinstance(value, Tensor)]
    return bool(given) and not any(dtype.is_floating_point or dtype.is_complex for dtype in given)


def _float(value: Any) -> Any:
    whole = isinstance(value, Tensor) and value.dtype is not torch.bool and not value.is_floating_point()
    return value.float() if whole else value


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def _floats(values: Any) -> bool:
    """Whether Python's numbers are all there is, and one of them is a float."""
    plain = [value for value in _flat(values) if not isinstance(value, (torch.Size, torch.device, str, type(None)))]
    return all(type(value) in (int, float, bool) for value in plain) and any(type(v) is float for v in plain)


class _Exact:
    """Products of float32 in float32, while anyone is within: torch may be allowed bfloat16 or TF32 for them."""

    def __init__(self) -> None:
        self.lock, self.within = threading.Lock(), 0
        self.kept: list[tuple[Any, str]] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.within:
                self.kept = [(op, op.fp32_precision) for op in _products() if op.fp32_precision not in ("none", "ieee")]
                for op, _ in self.kept:
                    op.fp32_precision = "ieee"
            self.within += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                for op, precision in self.kept:
                    op.fp32_precision = precision


def _products() -> list[Any]:
    """Where torch keeps the precision of products; before 2.9 in none of these places."""
    mkldnn: Any = torch.backends.mkldnn
    ops = [getattr(mkldnn, name, None) for name in ("matmul", "conv", "rnn")] + [torch.backends.cuda.matmul]
    return [op for op in ops if getattr(op, "fp32_precision", None) is not None]


EXACT = _Exact()
