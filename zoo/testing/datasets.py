"""Level `datasets`: what a dataset says of itself, and what it gives where its data are on this computer."""

from __future__ import annotations

import os

import torch

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import DatasetSpec
from zoo.data.decoded import fingerprint
from zoo.data.loading import Examples, load_dataset
from zoo.errors import NetworkError, NotFoundError
from zoo.testing.subject import FailedCheck, Item, NotApplicable, Subject, require

__all__ = ["classes", "declaration", "licence", "no_classes", "same_twice", "schema", "splits", "takes_path"]


def declaration(subject: Subject, item: Item) -> None:
    """Its loader can be called; modality, splits, classes, shape and homepage can be meant."""
    spec = item.of(DatasetSpec)
    require(callable(import_reference(spec.load, item.name)), f"{spec.load} cannot be called")
    texts = [*spec.classes, *spec.splits]
    require(all(isinstance(text, str) and text for text in texts), "a class or split has no name")
    require(len(set(spec.classes)) == len(spec.classes), "a class stands in it twice")
    require(spec.splits or spec.takes_path, "it has neither splits nor a path")
    require(all(type(count) is int and count > 0 for count in spec.splits.values()), "a split has no size")
    shape = spec.data_shape
    good = isinstance(shape, tuple) and bool(shape) and all(type(side) is int and side >= 1 for side in shape)
    require(shape is None or good, f"data_shape is {shape}, no shape of an example")
    subject.registry.modality(spec.modality)
    require(spec.homepage == "" or spec.homepage.startswith("https://"), "its homepage is no https:// address")


def licence(subject: Subject, item: Item) -> None:
    """It states a licence, if only that none is stated."""
    require(item.of(DatasetSpec).licence.strip(), 'its licence is empty; write "none stated" where none is')


def _load(subject: Subject, item: Item, split: str, selection: str = "") -> Examples:
    reference = f"{item.name}[{selection}]" if selection else item.name
    try:
        return load_dataset(reference, registry=subject.registry, split=split, env={**os.environ, "ZOO_OFFLINE": "1"})
    except (NotFoundError, NetworkError) as error:
        if not item.of(DatasetSpec).external:
            raise FailedCheck(f"{error}; where its data are not in its package, say so: external=True") from error
        raise NotApplicable(f"its data are external and not here: {error!s:.200}") from error


def _splits(item: Item) -> list[str]:
    return sorted(item.of(DatasetSpec).splits, key=lambda name: item.of(DatasetSpec).splits[name])


def schema(subject: Subject, item: Item) -> None:
    """Its smallest split is what its modality stores, of its data_shape; labels, classes and factors fit in number."""
    spec = item.of(DatasetSpec)
    examples = _load(subject, item, _splits(item)[0])
    data, labels = examples.data, examples.labels
    wanted = spec.data_shape or tuple(data.shape[1:])
    require(tuple(data.shape[1:]) == wanted, f"data have the shape {tuple(data.shape[1:])}, declared is {wanted}")
    require(examples.classes == spec.classes, f"its classes are {examples.classes}, declared are {spec.classes}")
    require(labels is not None or not spec.classes, "it has classes and gives no labels")
    odd = [name for name, values in examples.factors.items() if values.shape[:1] != data.shape[:1]]
    require(not odd, f"the factor {odd and odd[0]} has not one value for each example")


def splits(subject: Subject, item: Item) -> None:
    """Every split has exactly the declared number of examples."""
    for split, count in item.of(DatasetSpec).splits.items():
        found = len(_load(subject, item, split).data)
        require(found == count, f"the split {split} has {found:,} examples, declared are {count:,}")


def same_twice(subject: Subject, item: Item) -> None:
    """Its smallest split is the same twice, in the same order, whatever the global random state is."""
    split = _splits(item)[0]
    one = _load(subject, item, split)
    torch.rand(3)
    other = _load(subject, item, split)
    require(_fingerprint(one) == _fingerprint(other), "a second load gives other examples, or another order")


def _fingerprint(examples: Examples) -> str:
    tensors = {"data": examples.data, **{f"factor {name}": values for name, values in examples.factors.items()}}
    return fingerprint(tensors | ({} if examples.labels is None else {"labels": examples.labels}))


def classes(subject: Subject, item: Item) -> None:
    """`NAME[CLASS]` gives examples of that class alone, as many as its labels say."""
    spec, split = item.of(DatasetSpec), _splits(item)[0]
    everything = _load(subject, item, split)
    ends = {0, len(spec.classes) - 1}  # of data outside the package: each class may decode the whole archive again
    for index, name in enumerate(spec.classes):
        if spec.external and index not in ends:
            continue
        chosen = _load(subject, item, split, name)
        require(name in chosen.classes, f"{item.name}[{name}] has the classes {chosen.classes}")
        if everything.labels is not None:
            rows = everything.data[everything.labels == index]
            require(torch.equal(chosen.data, rows), f"{item.name}[{name}] is not the examples labelled {name!r}")


def takes_path(item: Item) -> str:
    """Why a dataset's content is not looked at, or ''."""
    return "it reads a path of the user's own" if item.of(DatasetSpec).takes_path else ""


def no_classes(item: Item) -> str:
    """Why a dataset's classes are not looked at, or ''."""
    return takes_path(item) or ("" if item.of(DatasetSpec).classes else "it has no classes")
