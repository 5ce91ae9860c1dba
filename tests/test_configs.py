"""zoo.configs: plain data becomes a frozen dataclass strictly, or a ConfigError that says what is allowed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from zoo.configs import as_data, decode, near, strict_json
from zoo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Toy:
    name: str
    width: Annotated[int, Meta(ge=1, le=1024)] = 8
    rate: Annotated[float, Meta(gt=0, le=1)] = 0.5
    mode: Literal["stride", "pool"] = "stride"
    kernel: Literal[1, 3, 5] = 3
    widths: Annotated[tuple[Annotated[int, Meta(ge=1, le=64)], ...], Meta(min_length=1, max_length=3)] = (4, 2)
    flip: bool = False
    limit: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.width == 13:
            raise ValueError("width = 13 brings bad luck")


def test_data_becomes_a_frozen_config_and_back() -> None:
    """Decoding fills in defaults, and as_data gives JSON-able data that decodes to the same config."""
    config = decode(Toy, {"name": "a", "widths": [3, 2, 1], "rate": 1, "extra": {"k": [1]}}, "toy")
    assert config == Toy(name="a", widths=(3, 2, 1), rate=1.0, extra={"k": [1]})
    assert isinstance(config.rate, float)
    data = as_data(config)
    assert list(data) == [f.name for f in dataclasses.fields(Toy)]
    assert data["widths"] == [3, 2, 1]
    assert decode(Toy, data, "toy") == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.name = "b"  # type: ignore[misc]


NESTED: Any = 1
for _ in range(900):
    NESTED = [NESTED]

BAD: list[tuple[str, Any, str]] = [
    ("width", -1, "width = -1 is not allowed; it takes a whole number from 1 to 1024"),
    ("width", 10**9, "width = 1000000000 is not allowed"),
    ("width", 10**30, "from 1 to 1024"),
    ("width", 10**5000, "width = int too long to show is not allowed"),
    ("width", 8.0, "width = 8.0"),
    ("width", 8.5, "width = 8.5"),
    ("width", True, "width = True"),
    ("width", "8", "width = '8'"),
    ("width", None, "width = None"),
    ("width", [8], "width = [8]"),
    ("width", {"a": 1}, "width = {'a': 1}"),
    ("width", "x\ny" * 1000, "width = 'x\\ny"),
    ("width", NESTED, "a whole number from 1 to 1024"),
    ("rate", 0, "rate = 0 is not allowed; it takes a number above 0 to 1"),
    ("rate", float("nan"), "rate = nan"),
    ("rate", float("inf"), "rate = inf"),
    ("rate", float("-inf"), "rate = -inf"),
    ("rate", 10**400, "a number above 0 to 1"),
    ("rate", True, "rate = True"),
    ("mode", "max", "it takes 'stride' or 'pool'"),
    ("mode", 1, "it takes 'stride' or 'pool'"),
    ("kernel", 2, "it takes 1 or 3 or 5"),
    ("kernel", True, "it takes 1 or 3 or 5"),
    ("kernel", 3.0, "it takes 1 or 3 or 5"),
    ("widths", [], "a list of a whole number from 1 to 64, at most 3 of them"),
    ("widths", [1] * 4, "at most 3 of them"),
    ("widths", [1] * 100_000, "at most 3 of them"),
    ("widths", [1, 65], "widths = [1, 65]"),
    ("widths", [1, True], "widths = [1, True]"),
    ("widths", 4, "widths = 4"),
    ("widths", NESTED, "widths = "),
    ("flip", 1, "flip = 1 is not allowed; it takes true or false"),
    ("limit", "no", "it takes a number or nothing"),
    ("limit", float("nan"), "limit = nan"),
    ("extra", 3, "extra = 3 is not allowed; it takes a table of keys and values"),
    ("name", 3, "name = 3 is not allowed; it takes a text"),
    ("name", b"x", "it takes a text"),
    ("widht", 3, "unknown key 'widht'; did you mean 'width' or 'widths'"),
    ("qqq", 3, "unknown key 'qqq'; known: name, width, rate"),
    ("x" * 10**5, 3, "unknown key 'xxx"),
    ("width", 13, "width = 13 brings bad luck"),
]


@pytest.mark.parametrize(("key", "value", "says"), BAD, ids=range(len(BAD)))
def test_what_does_not_fit_is_refused(key: str, value: Any, says: str) -> None:
    """A key or value that does not fit is a ConfigError: source, key, value, what is allowed, in one short line."""
    with pytest.raises(ConfigError) as caught:
        decode(Toy, {"name": "a", key: value}, "recipe toy: config")
    message = str(caught.value)
    assert message.startswith("recipe toy: config: ")
    assert says in message
    assert "\n" not in message
    assert len(message) < 300


def test_keys_without_a_default_must_be_given() -> None:
    """A missing key is named."""
    with pytest.raises(ConfigError, match="toy: name must be given"):
        decode(Toy, {}, "toy")


@pytest.mark.parametrize("data", [None, 3, "name", [], [("name", "a")], 10**5000], ids=range(6))
def test_a_config_is_a_table(data: Any) -> None:
    """Anything but a table is a ConfigError."""
    with pytest.raises(ConfigError, match="toy must be a table of keys and values, not "):
        decode(Toy, data, "toy")


def test_near_names_are_offered() -> None:
    """`near` gives what is close, nothing when nothing is."""
    assert near("dcgn", ["dcgan", "vae"]) == "; did you mean 'dcgan'?"
    assert near("zzz", ["dcgan", "vae"]) == ""


def test_numbers_of_other_programs_need_not_be_finite() -> None:
    """-Infinity and NaN are no JSON, and Python writes them: taken where that is asked for; a key twice never is."""
    for word in (b"-Infinity", b"Infinity", b"NaN"):
        with pytest.raises(ValueError, match="is no number of JSON"):
            strict_json(b'{"a": %s}' % word)
        assert repr(strict_json(b'{"a": %s}' % word, finite=False)["a"]) == repr(float(word))
    with pytest.raises(ValueError, match="twice"):
        strict_json(b'{"a": 1, "a": -Infinity}', finite=False)
