"""Warnings of others' code are silent for as long as it runs, in any number of threads, and no filter is left."""

from __future__ import annotations

import threading
import warnings

import pytest

from zoo.nn.quiet import Quiet
from zoo.nn.torch_state import own_random


def test_one_filter_is_added_and_taken_away() -> None:
    """Within, warnings of the kind are silent even where they are errors; what another sets meanwhile stays."""
    quiet, before = Quiet(DeprecationWarning), list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet, quiet:
            warnings.warn("nobody's", DeprecationWarning, stacklevel=1)
            warnings.filterwarnings("ignore", message="mine")
        assert [one[0] for one in warnings.filters[:2]] == ["ignore", "error"]
        with pytest.raises(DeprecationWarning):
            warnings.warn("somebody's", DeprecationWarning, stacklevel=1)
    assert list(warnings.filters) == before


def test_threads_leave_the_filters_as_they_were() -> None:
    """Eight threads that go in and out at once leave nothing behind."""
    quiet, before = Quiet(), list(warnings.filters)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(500):
            with quiet:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_random_weights_follow_from_the_seed_in_threads_too() -> None:
    """Networks that are built in eight threads at once have the weights of their seeds, and torch's state is kept."""
    import torch

    def draw(seed: int) -> torch.Tensor:
        with own_random(seed):
            return torch.cat([torch.rand(50) for _ in range(200)])

    wanted, state, got = {seed: draw(seed) for seed in range(8)}, torch.get_rng_state(), {}
    barrier = threading.Barrier(8)

    def work(seed: int) -> None:
        barrier.wait()
        got[seed] = draw(seed)

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(bool((got[seed] == wanted[seed]).all()) for seed in range(8))
    assert bool((torch.get_rng_state() == state).all())
