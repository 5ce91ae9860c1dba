"""zoo.training.state: all that a run is, taken over to the last bit, and refused when it is another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.data.batches import Batches
from zoo.errors import WeightsError
from zoo.training.state import TrainState
from zoo.training.trainers.adversarial import AdversarialTrainer

Make = Callable[..., AdversarialTrainer]
DRAWN = torch.randint(0, 256, (20, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def make_state(make_trainer: Make, **settings: Any) -> TrainState:
    trainer = make_trainer(**settings)
    return TrainState(trainer, Batches(DRAWN, batch_size=4, seed=0), trainer.random, ema_half_life=8)


def advance(state: TrainState, steps: int) -> None:
    for _ in range(steps):
        state.trainer.step(*state.batches.next())
        state.examples, state.steps = state.examples + 4, state.steps + 1
        state.emas["generator"].update(examples=4, examples_seen=state.examples)


def copied(state: TrainState) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, numbers = state.capture()
    return {key: tensor.clone().contiguous() for key, tensor in tensors.items()}, json.loads(json.dumps(numbers))


def same(one: TrainState, two: TrainState) -> bool:
    (first, numbers), (second, others) = one.capture(), two.capture()
    return (
        numbers == others and set(first) == set(second) and all(torch.equal(first[key], second[key]) for key in first)
    )


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("taken", [0, 1, 6])
def test_a_restored_state_goes_on_to_the_last_bit(taken: int, optimizer: str, make_trainer: Make) -> None:
    """A state captured after any number of steps, epochs too, and restored into a new one goes on as the first does."""
    settings: dict[str, Any] = {"optimizer": optimizer, "label_noise": 0.1, "augment": ["color"]}
    settings["config"] = {"dropout": 0.5, "discriminator_norm": "spectral"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        first = make_state(make_trainer, **settings)
        advance(first, taken)
        kept = copied(first)
        advance(first, 6)
        torch.manual_seed(8)
        second = make_state(make_trainer, seed=5, **settings)
        assert not same(first, second)
        second.restore(*kept)
        advance(second, 6)
        assert same(first, second)


def test_the_state_lists_all_that_a_run_is(make_trainer: Make) -> None:
    """Parts, averages, both optimizers' slots, both random states, position and counts are in it."""
    state = make_state(make_trainer)
    advance(state, 3)
    tensors, numbers = state.capture()
    means: dict[str, int] = {}  # the loop's, not the step's
    assert numbers == {"examples": 12, "steps": 3, "position": {"epoch": 0, "offset": 12}, "means": means}
    heads = {".".join(key.split(".")[:2]) for key in tensors}
    assert heads == {
        "parts.generator",
        "parts.discriminator",
        "averages.generator",
        "optimizers.generator",
        "optimizers.discriminator",
        "random.own",
        "random.torch",
    }
    for name, part in state.trainer.parts.items():
        slots = {f"optimizers.{name}.{i}.{slot}" for i, _ in enumerate(part.parameters()) for slot in SLOTS}
        assert slots == {key for key in tensors if key.startswith(f"optimizers.{name}.")}
    assert torch.equal(tensors["random.torch"], torch.get_rng_state())


SLOTS = ("step", "exp_avg", "exp_avg_sq")


def test_slots_have_their_parameters_layout(make_trainer: Make) -> None:
    """Restored optimizer slots lie in memory as their parameters do: fused kernels walk both side by side."""
    first, second = make_state(make_trainer), make_state(make_trainer)
    advance(first, 1)
    second.restore(*copied(first))
    strides = set()
    for optimizer in second.trainer.optimizers.values():
        for parameter, slots in optimizer.state.items():
            assert {slots[slot].stride() for slot in SLOTS[1:]} == {parameter.stride()}
            strides.add(parameter.is_contiguous())
    assert strides == {True, False}  # convolutions are channels last


def test_another_networks_state_is_refused(make_trainer: Make) -> None:
    """The state of networks with other shapes or layers is a WeightsError, and nothing has been touched."""
    state = make_state(make_trainer)
    for config in ({"generator_widths": [8]}, {"discriminator_widths": [4]}):
        before = copied(state)
        with pytest.raises(WeightsError, match="other networks than the recipe"):
            state.restore(*copied(make_state(make_trainer, config=config)))
        after = copied(state)
        assert all(torch.equal(before[0][key], after[0][key]) for key in before[0])
        assert before[1] == after[1]
