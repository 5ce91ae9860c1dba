"""Plain data -> frozen dataclass, strictly: no unknown key, no value out of its bounds, no number that is not finite.

Bounds are `Annotated[int, msgspec.Meta(ge=…, le=…)]`; rules between fields are the dataclass's own
`__post_init__`, raising ValueError.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from zoo.errors import ConfigError

__all__ = ["as_data", "decode", "near", "options", "strict_json"]

T = TypeVar("T")
FEWEST_LETTERS = 3  # of a word that is looked for inside of names


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands in it twice")
    return data


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def strict_json(raw: bytes | bytearray, *, finite: bool = True) -> Any:
    """Decode JSON as its standard has it: UTF-8, no key twice, no NaN or infinity but where they need not be `finite`.

    Raises ValueError.
    """
    try:
        constant = _constant if finite else float
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _folded(name: object) -> str:
    """A name without what is typed one way here and another way there: capitals, and how words are joined."""
    return "-".join(re.split(r"[\s_-]+", str(name).strip().lower()))


def near(name: str, names: Any) -> str:
    """' did you mean …?' when something of that name is near, or has it as a word, else ''."""
    wanted, known = _folded(name), {_folded(one): str(one) for one in names}
    close = [wanted] if wanted in known else difflib.get_close_matches(wanted, known, n=3, cutoff=0.55)
    if wanted not in known and len(wanted) >= FEWEST_LETTERS:
        words = {one: re.split(r"[^a-z0-9]+", one) for one in known}
        close += [one for one in known if difflib.get_close_matches(wanted, words[one], n=1, cutoff=0.8)]
    found = [known[one] for one in [*dict.fromkeys(close)][:3]]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _allowed(hint: Any) -> str:
    """The values a field takes, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        low = next((m.ge for m in arguments[1:] if m.ge is not None), None)
        above = next((m.gt for m in arguments[1:] if m.gt is not None), None)
        high = next((m.le for m in arguments[1:] if m.le is not None), None)
        bounds = [f"from {low}" if low is not None else "", f"above {above}" if above is not None else ""]
        below = next((m.lt for m in arguments[1:] if m.lt is not None), None)
        bounds += [f"to {high}" if high is not None else "", f"and below {below}" if below is not None else ""]
        lengths = [m for m in arguments[1:] if m.max_length is not None]
        count = f", at most {lengths[0].max_length} of them" if lengths else ""
        return " ".join([_allowed(arguments[0]), *filter(None, bounds)]) + count
    if origin is Literal:
        return " or ".join(repr(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_allowed(a) for a in arguments)
    if origin is tuple:
        return f"a list of {_allowed(arguments[0])}"
    if origin is dict:
        return "a table of keys and values"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _shown(value: Any) -> str:
    """A value for a message: one short line, whatever the value is."""
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists in lists
        return f"{type(value).__name__} too long to show"


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return all(map(_finite, value)) if isinstance(value, (list, tuple)) else True


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def decode(cls: type[T], data: Any, where: str) -> T:
    """Build `cls` from plain data; `where` names the source in messages.

    Raises ConfigError naming the key, its value and what is allowed.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where} must be a table of keys and values, not {_shown(data)}")
    hints: dict[str, Any] = _hints(cls)  # type: ignore[arg-type]
    values = {}
    for key, value in data.items():
        if key not in hints:
            raise ConfigError(f"{where}: unknown key {key!r:.80}{near(key, hints) or '; known: ' + ', '.join(hints)}")
        try:
            if not _finite(value):
                raise msgspec.ValidationError("not finite")
            values[key] = msgspec.convert(value, hints[key])
        except (msgspec.ValidationError, RecursionError, UnicodeError) as error:  # the last: half a surrogate pair
            wanted = _allowed(hints[key])
            raise ConfigError(f"{where}: {key} = {_shown(value)} is not allowed; it takes {wanted}") from error
    if missing := [f.name for f in fields(cls) if _required(f) and f.name not in values]:  # type: ignore[arg-type]
        raise ConfigError(f"{where}: {', '.join(missing)} must be given")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def options(cls: type) -> list[dict[str, Any]]:
    """What a frozen dataclass takes, JSON-able: `name`, `default` (None where it must be given) and `allowed`."""
    hints = _hints(cls)
    rows = []
    for f in fields(cls):
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        value = None if default is MISSING else msgspec.json.decode(msgspec.json.encode(default))
        rows.append({"name": f.name, "default": value, "allowed": _allowed(hints[f.name])})
    return rows


def as_data(value: Any) -> dict[str, Any]:
    """A dataclass as JSON-able data, in the order of its fields: tuples are lists, as they are when read back."""
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(asdict(value)))
    return {f.name: data[f.name] for f in fields(value)}
