"""The things that are the process's and that an import may change: how each is asked for, and set.

A thing is looked at where its module is imported: what nobody has imported, nobody has set.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

__all__ = ["ABSENT", "THINGS", "UNKNOWN", "Thing"]

UNKNOWN = object()  # what was before its module was imported, where that cannot be told
ABSENT = object()  # its module is not imported, or not whole yet
SIGNALS = tuple(
    number for name in ("INT", "TERM", "HUP", "PIPE", "ALRM", "CHLD") if (number := getattr(signal, f"SIG{name}", None))
)


@dataclass(frozen=True)
class Thing:
    """One thing that is the process's; `ask` and `put` take the module it belongs to."""

    name: str
    module: str
    ask: Callable[[Any], Any]
    put: Callable[[Any, Any], object]
    fresh: Any = UNKNOWN  # in a process that has only just imported the module
    alone: bool = False  # whether other threads change it by their own work: left alone where one runs

    def now(self) -> Any:
        """What it is, or ABSENT."""
        owner = sys.modules.get(self.module)
        try:
            return ABSENT if owner is None else self.ask(owner)
        except AttributeError:  # it is being imported
            return ABSENT


def _attributes(name: str, module: str, **fresh: Any) -> Thing:
    """Attributes of a module, and what they are where nobody has set them."""

    def put(owner: Any, values: tuple[Any, ...]) -> None:
        for key, value in zip(fresh, values, strict=True):
            setattr(owner, key, value)

    return Thing(name, module, lambda owner: tuple(getattr(owner, key) for key in fresh), put, tuple(fresh.values()))


def _calls(name: str, module: str, ask: str, put: str, fresh: Any = UNKNOWN) -> Thing:
    """A thing that one function of the module gives and another takes."""

    def set_to(owner: Any, value: Any) -> None:
        if value is not UNKNOWN:
            attrgetter(put)(owner)(value)

    return Thing(name, module, lambda owner: attrgetter(ask)(owner)(), set_to, fresh)


def _folder(owner: Any) -> str:
    try:
        return str(owner.getcwd())
    except OSError:  # it was removed
        return ""


def _put_folder(owner: Any, before: str) -> None:
    if before:
        owner.chdir(before)


def _put_environment(owner: Any, before: dict[str, str]) -> None:
    for key in set(owner.environ) - set(before):
        del owner.environ[key]
    owner.environ.update(before)


@dataclass(frozen=True)
class _Path:
    entries: tuple[str, ...]
    whole: list[str] = field(compare=False)


def _put_path(owner: Any, before: _Path) -> None:
    """What was added stays, behind all else: the plugin's later imports find it, and it hides no other package."""
    added = [entry for entry in dict.fromkeys(owner.path) if entry not in before.entries]
    before.whole[:] = [*before.entries, *added]
    owner.path = before.whole


def _signals(owner: Any) -> tuple[Any, ...]:
    """The handlers; a thread beside the main one cannot set them."""
    return tuple(map(owner.getsignal, SIGNALS)) if threading.current_thread() is threading.main_thread() else ()


def _put_signals(owner: Any, before: tuple[Any, ...]) -> None:
    for number, handler in zip(SIGNALS, before, strict=bool(before)):
        if handler is not None and owner.getsignal(number) is not handler:  # None: it was not set by Python
            owner.signal(number, handler)


@dataclass(frozen=True)
class _Filters:
    broad: tuple[Any, ...]
    shown: Any
    whole: tuple[Any, ...] = field(compare=False)


def _broad(one: Any) -> bool:
    """Whether a filter is for everybody's warnings: one for a text, a module or a library's own kind may stay."""
    return not one[1] and not one[3] and one[2].__module__ == "builtins"


def _filters(owner: Any) -> _Filters:
    broad = tuple(filter(_broad, owner.filters))
    return _Filters(broad, owner.showwarning, tuple(owner.filters))


def _put_filters(owner: Any, before: _Filters) -> None:
    narrow = [one for one in owner.filters if not _broad(one) and one not in before.whole]
    owner.filters[:], owner.showwarning = [*narrow, *before.whole], before.shown


def _put_locale(owner: Any, before: str) -> None:
    owner.setlocale(owner.LC_ALL, before)


def _start_method(owner: Any) -> str | None:
    method: str | None = owner.get_start_method(allow_none=True)
    return method


def _put_start_method(owner: Any, before: str | None) -> None:
    owner.set_start_method(before, force=True)


def _put_random(owner: Any, before: Any) -> None:
    owner.seed() if before is UNKNOWN else owner.setstate(before)


def _numpy_random(owner: Any) -> tuple[Any, ...]:
    kind, keys, *rest = owner.get_state()
    return kind, keys.tobytes(), *rest


def _put_numpy_random(owner: Any, before: Any) -> None:
    if before is UNKNOWN:
        owner.seed()
        return
    kind, keys, *rest = before
    owner.set_state((kind, sys.modules["numpy"].frombuffer(keys, dtype="uint32"), *rest))


def _put_errors(owner: Any, before: dict[str, Any]) -> None:
    owner.seterr(**before)


DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def _decimal(owner: Any) -> tuple[Any, ...]:
    context = owner.getcontext()
    traps = frozenset(one.__name__ for one, on in context.traps.items() if on)
    return *(getattr(context, key) for key in DECIMAL), traps


def _put_decimal(owner: Any, before: tuple[Any, ...]) -> None:
    context = owner.getcontext()
    for key, value in zip(DECIMAL, before[:-1], strict=True):
        setattr(context, key, value)
    for one in context.traps:
        context.traps[one] = one.__name__ in before[-1]


def _log(owner: Any) -> tuple[Any, ...]:
    return owner.root.level, tuple(owner.root.handlers), owner.root.manager.disable


def _put_log(owner: Any, before: tuple[Any, ...]) -> None:
    level, owner.root.handlers[:], disabled = before
    owner.root.setLevel(level)
    owner.disable(disabled)


@dataclass(frozen=True)
class _Seeds:
    content: tuple[bytes, ...]
    states: tuple[Any, ...] = field(compare=False)  # of the processor, and of each GPU that is used


def _torch_random(owner: Any) -> _Seeds:
    states = [owner.get_rng_state(), *(owner.cuda.get_rng_state_all() if owner.cuda.is_initialized() else ())]
    return _Seeds(tuple(state.numpy().tobytes() for state in states), tuple(states))


def _put_torch_random(owner: Any, before: Any) -> None:
    if before is UNKNOWN:
        owner.seed()
        return
    owner.set_rng_state(before.states[0])
    for number, state in enumerate(before.states[1:]):
        owner.cuda.set_rng_state(state, number)


def _put_dtype(owner: Any, before: str) -> None:
    owner.set_default_dtype(getattr(owner, before.removeprefix("torch.")))


def _put_device(owner: Any, before: str) -> None:
    owner.set_default_device(None if before == "cpu" else before)


def _precision(owner: Any) -> Any:
    """As `set_float32_matmul_precision` has it; where a newer way was taken, which the older cannot read, by kernel."""
    try:
        return owner.get_float32_matmul_precision()
    except RuntimeError:
        return owner.backends.mkldnn.matmul.fp32_precision, owner.backends.cuda.matmul.fp32_precision


def _put_precision(owner: Any, before: Any) -> None:
    if isinstance(before, str):
        owner.set_float32_matmul_precision(before)
    else:
        owner.backends.mkldnn.matmul.fp32_precision, owner.backends.cuda.matmul.fp32_precision = before


def _deterministic(owner: Any) -> tuple[bool, bool]:
    return owner.are_deterministic_algorithms_enabled(), owner.is_deterministic_algorithms_warn_only_enabled()


def _put_deterministic(owner: Any, before: tuple[bool, bool]) -> None:
    owner.use_deterministic_algorithms(before[0], warn_only=before[1])


DECIMALS = (28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0, frozenset({"DivisionByZero", "InvalidOperation", "Overflow"}))
ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}

THINGS = (
    Thing("the current folder", "os", _folder, _put_folder),
    Thing("environment variables", "os", lambda owner: dict(owner.environ), _put_environment),
    Thing("sys.path", "sys", lambda owner: _Path(tuple(owner.path), owner.path), _put_path),
    _attributes("standard streams", "sys", stdin=None, stdout=None, stderr=None),
    _attributes("hooks of sys", "sys", excepthook=None, displayhook=None, unraisablehook=None, breakpointhook=None),
    _calls("the recursion limit", "sys", "getrecursionlimit", "setrecursionlimit"),
    Thing("signal handlers", "signal", _signals, _put_signals),
    Thing("warning filters", "warnings", _filters, _put_filters, alone=True),
    Thing("the locale", "locale", lambda owner: owner.setlocale(owner.LC_ALL), _put_locale),
    _calls("socket's time limit", "socket", "getdefaulttimeout", "setdefaulttimeout", None),
    Thing("random's seed", "random", lambda owner: owner.getstate(), _put_random, alone=True),
    Thing("the decimal context", "decimal", _decimal, _put_decimal, DECIMALS),
    Thing("the root logger", "logging", _log, _put_log, (30, (), 0)),
    Thing("multiprocessing's start method", "multiprocessing", _start_method, _put_start_method, None),
    Thing("numpy's seed", "numpy.random", _numpy_random, _put_numpy_random, alone=True),
    Thing("numpy's floating-point errors", "numpy", lambda owner: owner.geterr(), _put_errors, ERRORS),
    _attributes("Pillow's limits", "PIL.Image", MAX_IMAGE_PIXELS=2**30 // 4 // 3),
    _attributes("Pillow's limits", "PIL.ImageFile", LOAD_TRUNCATED_IMAGES=False),
    Thing("torch's seed", "torch", _torch_random, _put_torch_random, alone=True),
    Thing("torch's default dtype", "torch", lambda owner: str(owner.get_default_dtype()), _put_dtype, "torch.float32"),
    Thing("torch's default device", "torch", lambda owner: str(owner.get_default_device()), _put_device, "cpu"),
    _calls("torch's gradient mode", "torch", "is_grad_enabled", "set_grad_enabled", True),
    _calls("torch's anomaly detection", "torch", "is_anomaly_enabled", "autograd.set_detect_anomaly", False),
    _calls("torch's threads", "torch", "get_num_threads", "set_num_threads"),
    Thing("torch's deterministic mode", "torch", _deterministic, _put_deterministic, (False, False)),
    Thing("torch's precision", "torch", _precision, _put_precision, "highest"),
    _attributes("cuDNN's switches", "torch.backends.cudnn", enabled=True, benchmark=False, deterministic=False),
)
