"""Level `modalities`: a kind of data keeps what loaders, trainers, files and pages ask of it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import DatasetSpec, ModalitySpec
from zoo.data.draws import Draws
from zoo.data.modality import Modality, load_modality
from zoo.errors import DataError, NotFoundError
from zoo.nn.build import memory_format
from zoo.testing.subject import FailedCheck, Item, NotApplicable, Subject, fresh_process, require

__all__ = ["augmentations", "declaration", "files", "light", "refuses", "round_trip", "shapes_of"]

MOST_VALUES = 2**15  # of an example that is tried
RANGE = (-1.0, 1.0)


def _modality(item: Item) -> Modality:
    return load_modality(item.of(ModalitySpec))


def shapes_of(subject: Subject, modality: str) -> list[tuple[int, ...]]:
    """Shapes that examples have, none large: the modality's own, else those of datasets. Raises NotApplicable."""
    registry = subject.registry
    shapes = list(load_modality(registry.modality(modality)).shapes())
    specs = [owned.spec for owned in registry.list("dataset")]
    of_datasets = [spec for spec in specs if isinstance(spec, DatasetSpec) and spec.modality == modality]
    shapes = shapes or [spec.data_shape for spec in of_datasets if spec.data_shape is not None]
    if small := [shape for shape in dict.fromkeys(shapes) if math.prod(shape) <= MOST_VALUES]:
        return small
    raise NotApplicable(f"neither the modality {modality} nor a dataset of it says of which shape examples are")


def _made_up(subject: Subject, item: Item, n: int = 3) -> Iterator[tuple[Modality, Tensor]]:
    """The modality, and stored examples of each shape."""
    modality = _modality(item)
    for shape in shapes_of(subject, item.name):
        yield modality, modality.made_up(n, shape, torch.Generator().manual_seed(0))


def declaration(subject: Subject, item: Item) -> None:
    """It is built where nothing is known of the data, is a Modality, and torch has its memory format."""
    _modality(item)
    memory_format(item.of(ModalitySpec))


def light(subject: Subject, item: Item) -> None:
    """The module that shows its files can be imported, and imports no torch: pages are written without."""
    spec = item.of(ModalitySpec)
    require(callable(import_reference(spec.html, item.name)), f"{spec.html} cannot be called")
    heavy, ended, output = fresh_process("zoo.testing.imported", spec.html.partition(":")[0])
    if heavy is None:
        raise FailedCheck(
            f"importing {spec.html.partition(':')[0]} ended its process: {ended} ({output.strip()[-200:]})"
        )
    require(not heavy, f"{spec.html.partition(':')[0]} imports {' and '.join(heavy)}")


def round_trip(subject: Subject, item: Item) -> None:
    """What it makes up it stores; values are float32 in [0, 1] or int64 tokens; stored gives the bytes back."""
    for modality, stored in _made_up(subject, item):
        modality.check(stored)
        x, seen = modality.values(stored), modality.ready(stored, RANGE)
        given = f"of stored {stored.dtype} {tuple(stored.shape)} it makes {x.dtype} {tuple(x.shape)}"
        require(x.shape == stored.shape == seen.shape, f"{given} and {tuple(seen.shape)} for networks")
        require(
            x.dtype in (torch.float32, torch.int64) and seen.dtype == x.dtype, f"{given}; float32 or int64 is right"
        )
        again = modality.stored(x)
        require(again.dtype == stored.dtype and torch.equal(again, stored), "stored(values(x)) is not x")
        require(torch.equal(modality.stored(stored), stored), "stored changes what is stored already")
        if x.is_floating_point():
            require(bool(((x >= 0) & (x <= 1)).all()), "values lie outside [0, 1]")
            apart = float((seen - (x * 2 - 1)).abs().max())
            require(apart <= 1e-5, f"ready(x, (-1, 1)) is {apart:.2g} from 2 values - 1")
        else:
            require(torch.equal(seen, stored), "ready changes tokens")


def refuses(subject: Subject, item: Item) -> None:
    """check and stored raise DataError for another rank and type, NaN, values outside [0, 1], tokens below 0."""
    for modality, stored in _made_up(subject, item):
        x = modality.values(stored)
        floats = x.is_floating_point()
        bad = [x.clone().fill_(math.nan), x + 2, x - 2] if floats else [x - 2**40, x.double()]
        for wrong, what in ((stored[0], "a batch of another rank"), (stored.to(torch.complex64), "complex numbers")):
            require(_raises(modality.check, wrong), f"check takes {what}")
        for wrong in bad:
            most = float(wrong.double().abs().max())
            require(_raises(modality.stored, wrong), f"stored takes {wrong.dtype} of up to {most:g}")


def _raises(function: object, x: Tensor) -> bool:
    assert callable(function)
    try:
        function(x)
    except DataError:
        return True
    return False


def files(subject: Subject, item: Item) -> None:
    """Examples are written into one file, the same twice, that a page shows; one of them is read as it is given."""
    spec = item.of(ModalitySpec)
    show = import_reference(spec.html, item.name)
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        for index, (modality, stored) in enumerate(_made_up(subject, item)):
            one, other = (Path(folder) / f"{name}{index}{spec.suffixes[0]}" for name in "ab")
            for path in (one, other):
                modality.write(modality.values(stored), path)
                require(path.is_file() and path.stat().st_size, f"write leaves no {path.name}")
            require(one.read_bytes() == other.read_bytes(), "the same examples are another file the second time")
            shown = show(one)
            require(isinstance(shown, str) and shown, f"{spec.html} shows a file as {shown!r:.40}")
            require("<script" not in shown, f"{spec.html} shows a file by a script, which pages do not run")
            _check_read(modality, stored[:1], Path(folder) / f"c{index}{spec.suffixes[0]}")


def _check_read(modality: Modality, stored: Tensor, path: Path) -> None:
    """Read a file of one example; what is not there or none of the kind is an error of its own."""
    modality.write(modality.values(stored), path)
    shape = tuple(stored.shape[1:])
    x, wanted = modality.read(path, shape), modality.values(stored)
    found = f"{x.dtype} {tuple(x.shape)}"
    require((x.dtype, x.shape) == (wanted.dtype, wanted.shape), f"read gives {found}, not {wanted.dtype} {(1, *shape)}")
    modality.check(modality.stored(x))
    path.write_bytes(b"\0\xff none of the kind")
    require(
        _raises(lambda _: modality.read(path, shape), x), "read does not refuse, with DataError, another kind of file"
    )
    try:
        modality.read(path.with_name("absent" + path.suffix), shape)
    except NotFoundError:
        return
    raise FailedCheck("read does not say, with NotFoundError, that a file is not there")


def augmentations(subject: Subject, item: Item) -> None:
    """Each augmentation gives finite data of the same form, follows from the draws alone, and keeps the gradient."""
    for modality, stored in _made_up(subject, item):
        if not modality.augmentations:
            raise NotApplicable("it has no augmentations")
        seen = modality.ready(stored, RANGE)
        for name, augment in modality.augmentations.items():
            x = seen.clone().requires_grad_() if seen.is_floating_point() else seen
            one, other = (augment(x, Draws(torch.Generator().manual_seed(0))) for _ in range(2))
            require((one.dtype, one.shape) == (x.dtype, x.shape), f"{name} gives {one.dtype} {tuple(one.shape)}")
            require(bool(one.isfinite().all()), f"{name} gives NaN or infinity")
            require(torch.equal(one, other), f"{name} does not follow from the run's draws alone")
            require(one.requires_grad == x.requires_grad, f"{name} loses the gradient")
