"""zoo.training.machine.allocator: freed memory stays with the process, where the C library can be asked."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.training.machine.allocator import keep_freed_memory

# Prints how much memory the system has for the process before, with, and after 8 pieces of 48 MiB: more than the
# 32 MiB up to which glibc can be told where to map.
CODE = """
import sys
import torch
from zoo.training.machine.allocator import keep_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) // 256

if sys.argv[1] == "keep":
    assert keep_freed_memory()
before = resident()
held = [torch.ones(12 << 20) for _ in range(8)]
during = resident()
del held
print(before, during, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize("keep", [True, False])
def test_freed_memory_stays_only_on_request(keep: bool) -> None:
    """After 384 MiB are freed the process holds them still, or has given most of them back."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("the system does not say how much memory a process has")
    words = [sys.executable, "-c", CODE, "keep" if keep else "not"]
    before, during, after = map(int, subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())
    assert during - before > 350
    assert (after - before > 350) == keep


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such library, or no such function in it, nothing happens."""

    def missing(name: object) -> object:
        raise OSError("no library")

    for library in (missing, lambda name: object()):
        monkeypatch.setattr(ctypes, "CDLL", library)
        assert not keep_freed_memory()
