"""zoo.training.machine.determinism: what is switched for a `deterministic` run, and that it is switched back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import checkpoints
from zoo.cli.main import main
from zoo.errors import ConfigError, UsageError
from zoo.training.machine.determinism import determined, fixed_workspaces

CPU, GPU = torch.device("cpu"), torch.device("cuda")  # nothing is put on it here
NAME = "CUBLAS_WORKSPACE_CONFIG"


def switches() -> tuple[Any, ...]:
    cudnn = torch.backends.cudnn
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), warns, cudnn.deterministic, cudnn.benchmark, os.getenv(NAME)


SET = (True, False, True, False, ":4096:8")


@pytest.fixture(autouse=True)
def _nobody_says(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment says nothing, CUDA has not started, and what a test leaves behind fails it."""
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    before = switches()
    yield
    assert switches() == before


@pytest.fixture
def recipe(tiny_recipe: Callable[..., Recipe]) -> Recipe:
    return tiny_recipe(deterministic=True)


def test_the_switches_are_set_inside_and_put_back(recipe: Recipe) -> None:
    """All five of them, whatever they were, and by an error too."""
    before = switches()
    with determined(recipe, GPU):
        assert switches() == SET
    assert switches() == before
    with pytest.raises(KeyError), determined(recipe, GPU):
        raise KeyError
    assert switches() == before
    torch.backends.cudnn.benchmark = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with determined(recipe, GPU):
            assert switches() == SET
        assert switches() == (True, True, before[2], True, None)
    finally:
        torch.backends.cudnn.benchmark = before[3]
        torch.use_deterministic_algorithms(False)


def test_nothing_is_switched_on_a_cpu_or_unasked(recipe: Recipe) -> None:
    """A CPU gives the same bytes anyhow, and a GPU is as fast as it can be by default."""
    before = switches()
    for asked, device in ((recipe, CPU), (replace(recipe, deterministic=False), GPU)):
        with determined(asked, device):
            assert switches() == before


def test_what_the_environment_says_stays(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another fixed size is as good."""
    monkeypatch.setenv(NAME, ":16:8")
    with fixed_workspaces(), determined(recipe, GPU):
        assert os.environ[NAME] == ":16:8"
    assert os.environ[NAME] == ":16:8"
    monkeypatch.delenv(NAME)


def test_products_that_may_differ_already_are_refused(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CUDA has started nothing can be said to cuBLAS any more; where it was said before, all is well."""
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    says = f"CUDA has started in this process.*set {NAME}=:4096:8 before Python"
    with pytest.raises(UsageError, match=says), fixed_workspaces(), determined(recipe, GPU):
        pass
    monkeypatch.setenv(NAME, ":4096:8")
    with determined(recipe, GPU):
        assert switches() == SET
    monkeypatch.delenv(NAME)


def test_once_cuda_has_started_the_environment_tells_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run of the same process finds what the first one has set."""
    with fixed_workspaces():
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert os.environ.pop(NAME) == ":4096:8"


def test_an_operation_that_has_no_such_form_is_named(recipe: Recipe) -> None:
    """One line with what to do, in the place of PyTorch's; another RuntimeError stays what it is."""
    told = "scatter_cuda does not have a deterministic implementation, but you set 'torch.use_deterministic…'"
    says = "scatter_cuda has no such form on a GPU; train without"
    with pytest.raises(ConfigError, match=says), determined(recipe, GPU):
        raise RuntimeError(told)
    with pytest.raises(RuntimeError, match="out of memory"), determined(recipe, GPU):
        raise RuntimeError("out of memory")


def test_the_command_line_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--deterministic` is `deterministic = true` of the recipe, and on a CPU no other bytes."""
    monkeypatch.chdir(tmp_path)
    words = ["train", "dcgan-shapes", "--examples", "8", "--device", "cpu", "--set", "batch_size=4"]
    for out, more in (("plain", []), ("asked", ["--deterministic"])):
        assert main([*words, "--out", out, *more]) == 0
    plain, asked = (checkpoints(tmp_path / out / "checkpoints")[-1] / "state.safetensors" for out in ("plain", "asked"))
    assert plain.read_bytes() == asked.read_bytes()
    assert '"deterministic": true' in (tmp_path / "asked" / "recipe.json").read_text()
    assert '"deterministic": false' in (tmp_path / "plain" / "recipe.json").read_text()
