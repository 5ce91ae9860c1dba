"""Level `build`: configs and parts, on the meta device and on the CPU; what models and recipes name."""

from __future__ import annotations

import tempfile
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.contract.data_references import parse_reference
from zoo.catalogue.contract.references import import_reference, resource
from zoo.catalogue.contract.specs import ArchitectureSpec, ModelSpec
from zoo.catalogue.recipes.recipe import read_recipe, resolve
from zoo.configs import as_data
from zoo.errors import ConfigError
from zoo.nn.build import build_parts, decode_config, initialise_parts
from zoo.nn.families import family_of
from zoo.testing.cases import cases, data_shape_of, is_frozen, runnable
from zoo.testing.subject import FailedCheck, Item, Subject, fresh_process, require

__all__ = [
    "bad_config_refused",
    "config_round_trip",
    "interfaces",
    "meta_and_cpu_alike",
    "model_names_resolve",
    "picklable",
    "recipe_resolves",
    "same_seed_same_start",
]

FAR = 10**15  # no number of a network is as large
GARBAGE: tuple[Any, ...] = (-FAR, FAR, -1e300, 1e300, "\0?", None, ["\0?"], {"\0?": 1})


def config_round_trip(subject: Subject, item: Item) -> None:
    """The config is a frozen dataclass; its default and every preset decode, and survive plain data."""
    spec = item.of(ArchitectureSpec)
    cls = import_reference(spec.config, item.name)
    require(is_frozen(cls), f"{spec.config} is no frozen dataclass")
    for case in cases(spec):
        again = decode_config(spec, as_data(case.config), case.label)
        require(again == case.config, f"{case.label} is not the same after a way through plain data")


def bad_config_refused(subject: Subject, item: Item) -> None:
    """Unknown keys are refused; so are, of any key, numbers far out of range, lists without end, and wrong types."""
    spec = item.of(ArchitectureSpec)
    case = cases(spec)[0]
    good = as_data(case.config)
    require(_refused(spec, {**good, "no-such-key": 1}), "an unknown key is taken")
    for key, value in good.items():
        require(any(_refused(spec, {**good, key: bad}) for bad in GARBAGE), f"{key} takes a value of any type")
        for bad in _far_from(value):
            shown = f"a list of {len(bad):,}" if isinstance(bad, list) and len(bad) > 1 else f"{bad!r}"
            require(_refused(spec, {**good, key: bad}), f"{key} takes {shown}; give it bounds with msgspec.Meta")


def _far_from(value: Any) -> list[Any]:
    """Values of the same type that are out of all proportion."""
    if isinstance(value, bool) or not isinstance(value, (int, float, list)):
        return []
    if isinstance(value, list):
        return [[bad] for bad in _far_from(value[0])] + [value[:1] * 100_000] if value else []
    return [type(value)(sign * FAR) for sign in (-1, 1)]


def _refused(spec: ArchitectureSpec, data: dict[str, Any]) -> bool:
    try:
        decode_config(spec, data, "a bad config")
    except ConfigError:
        return True
    return False


def meta_and_cpu_alike(subject: Subject, item: Item) -> None:
    """Every case is built on meta without memory, and on the CPU with the same names, shapes and dtypes."""
    spec = item.of(ArchitectureSpec)
    for case in cases(spec):
        for part, module in build_parts(spec, case.config).items():
            real = [key for key, tensor in module.state_dict().items() if not tensor.is_meta]
            require(not real, f"{case.label}: built on meta, {part}.{real and real[0]} has memory")
    for case in runnable(spec):
        empty, filled = build_parts(spec, case.config), initialise_parts(spec, case.config, seed=0)
        for part, module in empty.items():
            one, other = ({k: (v.shape, v.dtype) for k, v in m.state_dict().items()} for m in (module, filled[part]))
            odd = sorted(key for key in {**one, **other} if one.get(key) != other.get(key))
            require(not odd, f"{case.label}: {part}.{odd and odd[0]} differs between meta and CPU")


def same_seed_same_start(subject: Subject, item: Item) -> None:
    """The initial weights follow from torch's seed alone: the same seed gives the same, another seed others."""
    case = runnable(item.of(ArchitectureSpec))[0]
    one, same, other = (initialise_parts(case.spec, case.config, seed=seed) for seed in (0, 0, 1))
    differs = False
    for part, module in one.items():
        again, another = same[part].state_dict(), other[part].state_dict()
        for key, tensor in module.state_dict().items():
            require(torch.equal(tensor, again[key]), f"{part}.{key} starts differently with the same seed")
            differs = differs or not torch.equal(tensor, another[key])
    require(differs, "its initial weights do not depend on the seed")


def interfaces(subject: Subject, item: Item) -> None:
    """The family is known; every part implements its interface, and all agree on the shapes of data and latents."""
    spec = item.of(ArchitectureSpec)
    family = family_of(spec.family, subject.registry, item.name)
    for case in cases(spec):
        parts: dict[str, Any] = dict(build_parts(spec, case.config))
        family.container(parts)
        shape = data_shape_of(parts)
        whole = all(isinstance(side, int) and side > 0 for side in shape)
        require(shape and whole, f"{case.label}: data_shape is {shape}, no shape")
        if family.name == "gan":
            prior = parts["generator"].prior
            require(prior in ("normal", "uniform"), f"prior is {prior!r}; it must be 'normal' or 'uniform'")


def picklable(subject: Subject, item: Item) -> None:
    """Config and parts can be sent to a new process, which finds their classes by name."""
    spec = item.of(ArchitectureSpec)
    case = runnable(spec)[0]
    try:
        sent = bytes(ForkingPickler.dumps((case.config, build_parts(spec, case.config))))
    except Exception as error:
        raise FailedCheck(f"cannot be sent to a worker process: {error}") from error
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        packed = Path(folder) / "sent"
        packed.write_bytes(sent)
        said, code, output = fresh_process("zoo.testing.worker", str(packed))
    told = f"{code}: {output.strip()[-200:]}" if said is None else said
    require(said == as_data(case.config), f"a worker process cannot take them: {told}")


def model_names_resolve(subject: Subject, item: Item) -> None:
    """The architecture and dataset a model names are in the catalogue, with the class it selects; it has a licence.

    Of another program's model the dataset may be any, in words.
    """
    spec = item.of(ModelSpec)
    subject.registry.architecture(spec.architecture)
    if spec.weights is None or not spec.weights.format:
        _check_dataset(subject, spec.dataset)
    require(spec.licence.strip(), "it states no licence")
    shape = spec.data_shape
    require(shape is None or (shape and min(shape) >= 1), f"data_shape is {shape}, no shape")


def _check_dataset(subject: Subject, name: str) -> None:
    reference = parse_reference(name)
    classes, selection = subject.registry.dataset(reference.name).classes, reference.selection
    require(selection is None or selection in classes, f"{reference.name} has no class {selection!r}")
    require(reference.path is None, f"its dataset {name} is a path, which only this computer has")


def recipe_resolves(subject: Subject, item: Item) -> None:
    """A model's recipe decodes against its architecture and trainer, and says what the catalogue says."""
    spec = item.of(ModelSpec)
    assert spec.recipe is not None
    recipe = read_recipe(resource(spec.recipe, item.name))
    found = resolve(recipe, subject.registry)
    written_out = (found.recipe.config, found.recipe.settings) == (as_data(found.config), as_data(found.settings))
    require(written_out, "its config and settings do not survive plain data")
    wanted = {key: getattr(spec, key) for key in ("name", "architecture", "dataset", "licence")}
    for key, value in wanted.items():
        told = getattr(recipe, key)
        require(told == value, f"the recipe's {key} is {told!r}, the catalogue's {value!r}")
    require(recipe.summary, "the recipe has no summary")
    splits = subject.registry.dataset(parse_reference(recipe.dataset).name).splits
    require(not splits or recipe.split in splits, f"the dataset has no split {recipe.split!r}")
    require(recipe.batch_size <= recipe.examples, "the recipe ends before its first batch")
