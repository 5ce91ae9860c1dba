"""Training by the real loop, for a few steps on made-up data: of an architecture, and by a trainer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import ArchitectureSpec, TrainerSpec
from zoo.catalogue.recipes.recipe import Recipe, Resolved, resolve
from zoo.configs import as_data, decode
from zoo.data.loading import Examples
from zoo.data.modality import load_modality
from zoo.nn.families import family_of
from zoo.testing.cases import Case, data_shape_of, fresh_parts, is_frozen, own_recipes, smallest, smallest_of_family
from zoo.testing.subject import FailedCheck, Item, NotApplicable, Subject, require
from zoo.training.attendant import Attendant, Reading
from zoo.training.checkpoint import load_newest, save_checkpoint
from zoo.training.classes import classes_seen
from zoo.training.loop import train_loop
from zoo.training.state import TrainState, first_state
from zoo.training.trainer import Trainer

__all__ = [
    "architecture_resumes",
    "architecture_trains",
    "trainer_callable",
    "trainer_players_apart",
    "trainer_resumes",
    "trainer_settings",
    "trainer_steps",
]

BATCH, EXAMPLES = 8, 16
STEPS = 24  # of one that reports a loss, which must fall
FEW = 4  # of any other run; half of them before the cut
LOSS = "loss"  # what a trainer calls what it minimises; one of the family vae must report it


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A short run of one architecture by one trainer."""

    resolved: Resolved
    data_shape: tuple[int, ...]
    losses: list[dict[str, float]] = field(default_factory=list)

    def start(self) -> TrainState:
        """The state before the first step, on made-up examples with labels."""
        modality = load_modality(self.resolved.modality)
        data = modality.made_up(EXAMPLES, self.data_shape, torch.Generator().manual_seed(0))
        count = classes_seen(self.resolved) or 2
        classes = tuple(f"class {index}" for index in range(count))
        examples = Examples(data=data, labels=torch.arange(EXAMPLES) % count, classes=classes)
        torch.manual_seed(self.resolved.recipe.seed)
        return first_state(self.resolved, examples)

    def go_on(self, state: TrainState, *, until: int, save: Callable[[TrainState], None] = lambda state: None) -> None:
        """Train until that many examples have been seen; every step's metrics are kept in `losses`."""

        def keep(progress: Reading) -> None:
            self.losses.append(progress.metrics)

        train_loop(
            state,
            self.resolved.recipe,
            sample=lambda state: None,
            checkpoint=save,
            attendant=Attendant(report=keep, stop=lambda: state.examples >= until),
        )


def _run(subject: Subject, name: str, case: Case, trainer: str, steps: int) -> _Run:
    recipe = Recipe(
        name="conformance",
        architecture=name,
        dataset="made-up",
        trainer=trainer,
        examples=steps * BATCH,
        batch_size=BATCH,
        ema_half_life=BATCH,
        log_every=BATCH,
        config=as_data(case.config),
    )
    return _Run(resolved=resolve(recipe, subject.registry), data_shape=data_shape_of(fresh_parts(case)))


def _trainer_for(subject: Subject, item: Item) -> str:
    """The trainer that the plugin's own recipes name for the architecture, or one of its name, or of its family's."""
    for recipe in own_recipes(subject, item.name):
        return recipe.trainer
    family = item.of(ArchitectureSpec).family
    names = [owned.name for owned in subject.registry.list("trainer") if _family_of(owned.spec) == family]
    if not names:
        raise NotApplicable(f"no trainer of the family {family} is installed")
    plain = [name for name in names if "/" not in name] or names
    return next((name for name in (item.name, family) if name in names), plain[0])


def _family_of(spec: object) -> str:
    assert isinstance(spec, (TrainerSpec, ArchitectureSpec))
    return spec.family


def architecture_trains(subject: Subject, item: Item) -> None:
    """A few steps by the real trainer stay finite and move every trained part; a loss that is reported falls."""
    case, spec = smallest(subject, item), item.of(ArchitectureSpec)
    players = "discriminator" in spec.parts  # two of them have two losses
    run = _run(subject, item.name, case, _trainer_for(subject, item), FEW if players else STEPS)
    state = run.start()
    _check_moves(run, state)
    require(LOSS in run.losses[0] or spec.family != "vae", f"{run.resolved.recipe.trainer} reports no {LOSS!r}")
    if LOSS in run.losses[0] and not players:
        third = len(run.losses) // 3
        before, after = (
            sum(metrics[LOSS] for metrics in some) / third for some in (run.losses[:third], run.losses[-third:])
        )
        require(after < before, f"the loss rises from {before:.4g} to {after:.4g} in {STEPS} steps")


def _check_moves(run: _Run, state: TrainState) -> None:
    """Train to the end, and see that every part that has parameters has moved."""
    start = {name: _copy(part) for name, part in state.trainer.parts.items()}
    run.go_on(state, until=run.resolved.recipe.examples)
    for name, part in state.trainer.parts.items():
        before = start[name]
        moved = any(not torch.equal(value, before[key]) for key, value in part.named_parameters())
        require(moved or not before, f"the {name} has not moved in {state.steps} steps")


def _copy(part: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in part.named_parameters()}


def architecture_resumes(subject: Subject, item: Item) -> None:
    """A run that is cut, saved and resumed equals an uncut one bit for bit."""
    run = _run(subject, item.name, smallest(subject, item), _trainer_for(subject, item), FEW)
    _check_resumes(run)


def _check_resumes(run: _Run) -> None:
    half = run.resolved.recipe.examples // 2
    whole = run.start()
    run.go_on(whole, until=run.resolved.recipe.examples)
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        first = run.start()
        run.go_on(first, until=half, save=lambda state: _save(Path(folder), state))
        second = run.start()
        tensors, numbers, _ = load_newest(Path(folder))
        second.restore(tensors, numbers)
        run.go_on(second, until=run.resolved.recipe.examples)
    one, other = whole.capture()[0], second.capture()[0]
    odd = sorted(key for key in {**one, **other} if not _same(one.get(key), other.get(key)))
    require(not odd, f"{len(odd)} tensors differ after a cut, first {odd and odd[0]}: something is not in the state")


def _save(folder: Path, state: TrainState) -> None:
    save_checkpoint(folder, *state.capture())


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)


# --- trainers ------------------------------------------------------------------------------------------------------


def trainer_settings(subject: Subject, item: Item) -> None:
    """The settings are a frozen dataclass whose defaults decode, and survive plain data."""
    spec = item.of(TrainerSpec)
    cls = import_reference(spec.settings, item.name)
    settings = decode(cls, {}, f"trainer {item.name}: settings")
    require(is_frozen(cls), f"{spec.settings} is no frozen dataclass")
    require(
        decode(cls, as_data(settings), item.name) == settings, "they are not the same after a way through plain data"
    )


def trainer_callable(subject: Subject, item: Item) -> None:
    """The trainer can be imported and called; its family is one the zoo knows."""
    spec = item.of(TrainerSpec)
    require(callable(import_reference(spec.trainer, item.name)), f"{spec.trainer} cannot be called")
    family_of(spec.family, subject.registry, item.name)


def _trained_by(subject: Subject, item: Item) -> _Run:
    """A short run of the architecture of the trainer's name, or of the smallest of its family, own before the zoo's."""
    name, case = smallest_of_family(subject, item.of(TrainerSpec).family, first=item.name)
    return _run(subject, name, case, item.name, FEW)


def trainer_steps(subject: Subject, item: Item) -> None:
    """A few steps give finite scalars and move every part; averages, optimizers and rates name what is there."""
    run = _trained_by(subject, item)
    state = run.start()
    trainer = state.trainer
    require(
        isinstance(trainer, Trainer), f"{item.of(TrainerSpec).trainer} makes a {type(trainer).__name__}, no Trainer"
    )
    published = family_of(item.of(TrainerSpec).family, subject.registry, item.name).published
    require(
        set(trainer.averaged) >= set(published), f"it does not average {' and '.join(published)}, which is published"
    )
    require(set(trainer.base_rates) == set(trainer.optimizers), "base_rates and optimizers have different names")
    _check_moves(run, state)
    metrics = run.losses[0]
    require(metrics, "a step reports no metrics")


def trainer_resumes(subject: Subject, item: Item) -> None:
    """A run by it that is cut, saved and resumed equals an uncut one bit for bit."""
    _check_resumes(_trained_by(subject, item))


def trainer_players_apart(subject: Subject, item: Item) -> None:
    """When one player's optimizer steps, no gradient has reached the other since the step before."""
    run = _trained_by(subject, item)
    state = run.start()
    parts = state.trainer.parts
    owner = {id(p): name for name, part in parts.items() for p in part.parameters()}
    seen: dict[str, Mapping[str, Any]] = {}

    def look(name: str, mine: set[str]) -> Callable[..., None]:
        def before_step(*_: Any) -> None:
            for part in set(parts) - mine:
                now = {key: p.grad.clone() for key, p in parts[part].named_parameters() if p.grad is not None}
                for key, value in now.items():
                    if not _same(value, seen.get(part, {}).get(key)):
                        raise FailedCheck(f"{part}.{key} has got a gradient in the step of the optimizer {name}")
            for part in parts:
                grads = ((key, p.grad) for key, p in parts[part].named_parameters())
                seen[part] = {key: grad.clone() for key, grad in grads if grad is not None}

        return before_step

    for name, optimizer in state.trainer.optimizers.items():
        mine = {owner[id(p)] for group in optimizer.param_groups for p in group["params"] if id(p) in owner}
        optimizer.register_step_pre_hook(look(name, mine))
    run.go_on(state, until=2 * BATCH)
