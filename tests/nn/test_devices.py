"""zoo.nn.devices: `auto` is the best device that is there; one that is not is a line that names those that are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from zoo.errors import UsageError
from zoo.nn.devices import devices_here, find_device


@pytest.mark.parametrize(
    ("gpus", "mps", "here"),
    [(0, False, ["cpu"]), (0, True, ["mps", "cpu"]), (2, False, ["cuda:0", "cuda:1", "cpu"])],
)
def test_auto_is_cuda_then_mps_then_the_cpu(
    gpus: int, mps: bool, here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what this machine has, the first in that order."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert devices_here() == here
    assert find_device("auto") == torch.device(here[0])


@pytest.mark.parametrize("device", ["banana", "cpu:x", "CPU", "", 3.5, None, "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_a_line(device: Any) -> None:
    """It shows the name and those that are there, in one line; `meta`, which holds nothing, is none."""
    with pytest.raises(UsageError, match=rf"device '{device}' cannot be used here.*; there are auto, .*cpu$") as caught:
        find_device(device)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_device_may_be_torchs_own() -> None:
    """`torch.device("cpu")` is as good as its name."""
    assert find_device(torch.device("cpu")) == find_device("cpu") == torch.device("cpu")
