"""Memory that a training step frees is kept for the next one."""

from __future__ import annotations

import contextlib
import ctypes

__all__ = ["keep_freed_memory"]

MMAP_MAX, TRIM_THRESHOLD = -4, -1  # names of glibc's malloc.h


def keep_freed_memory() -> bool:
    """Ask glibc to give no freed memory back to the system; False where the C library is another.

    Each step takes and frees the same large buffers. By default the system maps them anew and faults at each of their
    pages: a fifth of a step of the book's VAE. It holds for the whole process, so it is for programs that train and
    end, not for a library to do unasked.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no libc by that way, or no mallopt in it
        library = ctypes.CDLL(None)
        return bool(library.mallopt(MMAP_MAX, 0)) and bool(library.mallopt(TRIM_THRESHOLD, 2**31 - 1))
    return False
