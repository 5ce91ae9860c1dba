"""What is no model: a name that the catalogue lacks, a path that is no weights folder; and what was meant instead."""

from __future__ import annotations

import contextlib
import difflib
import mimetypes
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from zoo.catalogue.contract.data_references import as_reference, parse_reference
from zoo.catalogue.contract.names import hub_name_of
from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ArchitectureSpec, DatasetSpec, ModelSpec
from zoo.catalogue.weights.folder import CONCEPTS, CONFIG, MODEL, NAME, RUN, broken_link
from zoo.catalogue.weights.header import header_of
from zoo.configs import near
from zoo.errors import NotFoundError, UsageError, ZooError

__all__ = ["check_folder", "no_model"]

PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".h5", ".npz")  # how other programs keep weights
MOST_SEEN = 1000  # entries of a folder that are looked at
FORM = f"a model is a folder with {CONFIG} and {MODEL}, as `zoo export` writes it"


def no_model(name: str, registry: Registry) -> ZooError:
    """The error for a text that is no model of the catalogue, saying what was meant where that can be known.

    A UsageError where nothing could be named so, else NotFoundError; PluginError where the plugin of that namespace
    is there and failed.
    """
    if (found := _of_path(name, registry)) is not None:
        return found
    meant = hub_name_of(name) if name.count("/") else None
    if not NAME.fullmatch(name):
        if ("dataset", dataset := re.split(r"[\[:#]", name)[0]) in registry.entries:
            return NotFoundError(registry.of_another_kind("model", dataset))
        known = [owned.name for owned in registry.list("model")]
        advice = f"; write {meant}" if meant else near(name, known)
        ways = "; write NAME, NAMESPACE/NAME, hf://org/repo or ./folder"
        return UsageError(f"{name!r:.120} is no model name{advice or ways}")
    if model := _model_with(name, registry):
        return NotFoundError(
            f"{name!r} is a concept of {model}, no model; try `zoo edit PHOTO --model {model} --concept {name} -o FILE`"
        )
    try:
        registry.model(name)
    except NotFoundError as error:
        namespace, slash, _ = name.partition("/")
        if not slash or any(owned.name.startswith(f"{namespace}/") for owned in registry.list("model")):
            return error
        hub = f"; for the Hub's repository write {meant}" if meant else ""
        plugin = f"; as a name it would be of a plugin {namespace!r}, and none is installed"
        return NotFoundError(f"no model is named {name!r:.100}{hub}{plugin}")
    except ZooError as error:
        return error
    raise AssertionError(f"{name} is a model")


def _model_with(concept: str, registry: Registry) -> str:
    """The first bundled model that has a concept of that name."""
    for owned in registry.list("model"):
        weights = owned.spec.weights if isinstance(owned.spec, ModelSpec) else None
        if weights is not None and weights.bundled is not None and CONCEPTS in weights.files:
            with contextlib.suppress(ZooError):  # a broken bundle is no answer to this question
                if concept in header_of(resource(weights.bundled, owned.name) / CONCEPTS).shapes:
                    return owned.name
    return ""


def _of_path(name: str, registry: Registry) -> NotFoundError | None:
    """Where something of that name lies in the working directory, and the catalogue knows nothing of it."""
    with contextlib.suppress(OSError, ValueError):  # a name too long, or with a null character
        if name.strip() and Path(name).exists():
            try:
                check_folder(Path(name), registry)
            except NotFoundError as error:
                return None if registry.of_another_kind("model", name) else error
            return NotFoundError(f"no model is named {name!r:.100}; for the folder of that name write ./{name}")
    return None


def check_folder(path: Path, registry: Registry) -> None:
    """Raise NotFoundError for a path that is no weights folder: what it is instead, and the next step."""
    try:
        if path.is_dir():
            if not ((path / CONFIG).is_file() and (path / MODEL).is_file()):
                raise NotFoundError(f"{path} {_of_folder(path, registry)}")
        elif path.exists():
            raise NotFoundError(f"{path} is a file, no model; {_of_file(path, registry)}")
        else:
            raise NotFoundError(f"there is no folder {path}{_beside(path)}; {FORM}")
    except (OSError, ValueError) as error:
        raise NotFoundError(f"{str(path)!r:.200} cannot be looked at ({error!s:.100}); {FORM}") from error


def _beside(path: Path) -> str:
    """Folders of nearly that name, where it would be."""
    if not path.parent.is_dir():
        return ""
    names = {one.name.lower(): one for one in _entries(path.parent) if one.is_dir()}
    found = difflib.get_close_matches(path.name.lower(), names, n=2, cutoff=0.7)
    return f"; did you mean {' or '.join(_written(names[name]) for name in found)}?" if found else ""


def _written(path: Path) -> str:
    """A path as a model is named by it."""
    text = str(path)
    return text if path.is_absolute() or text.startswith((".", "~")) else f"./{text}"


def _entries(path: Path) -> list[Path]:
    with os.scandir(path) as found:
        return sorted(path / entry.name for entry, _ in zip(found, range(MOST_SEEN), strict=False))


def _of_file(path: Path, registry: Registry) -> str:
    if (path.parent / CONFIG).is_file() and (path.parent / MODEL).is_file():
        return f"its folder is one: write {_written(path.parent)}"
    if path.suffix == ".safetensors":
        return f"weights alone do not say what they are of: {FORM}"
    if path.suffix in PICKLED:
        return f"pickled weights are never loaded: {FORM}"
    if path.suffix == ".toml":
        return f"if it is a recipe, train it: `zoo train {shlex.quote(str(path))}`"
    specs = (owned.spec for owned in registry.list("dataset"))
    if any(isinstance(spec, DatasetSpec) and path.suffix.lower() in spec.endings for spec in specs):
        return _train_on(path, registry)
    return FORM


def _of_folder(path: Path, registry: Registry) -> str:
    """What a folder is instead of a weights folder, and the next step."""
    entries = _entries(path)
    if not entries:
        return f"is an empty folder; {FORM}"
    names, words = {entry.name for entry in entries}, path.resolve().name.split("--")
    if RUN in names and CONFIG not in names:
        export = shlex.join(["zoo", "export", str(path), "-o", f"./{path.resolve().name}-weights"])
        return f"is a run, of which no weights folder has been made yet: {export}"
    if "snapshots" in names and words[0] == "models" and len(words) == 3:
        return f"is the Hub's cache of a repository; write hf://{words[1]}/{words[2]}"
    if inside := list(_models_in(entries)):
        return f"is no weights folder, but has some in it: write {' or '.join(map(_written, inside[:3]))}"
    if "model_index.json" in names:
        return f"is a pipeline of diffusers, which the zoo does not read; {FORM}"
    if problem := broken_link(path / CONFIG) or broken_link(path / MODEL):
        return f"is no whole weights folder: {problem}"
    if CONFIG in names or MODEL in names:
        lacking = MODEL if CONFIG in names else CONFIG
        return f"is no whole weights folder: {path / lacking} is missing; write it with `zoo export`, or copy it anew"
    if pickled := sorted(name for name in names if Path(name).suffix in PICKLED):
        return f"has pickled weights ({pickled[0]}), which are never loaded; {FORM}"
    if any(Path(name).suffix == ".safetensors" for name in names):
        return f"has weights and no {CONFIG} that says what they are of; {FORM}"
    if sum(_is_picture(entry) for entry in _two_deep(entries)) * 2 > len(entries):
        return f"is a folder of pictures, no model; {_train_on(path, registry)}"
    return f"holds no model; {FORM}"


def _models_in(entries: list[Path]) -> Iterator[Path]:
    return (entry for entry in entries if (entry / CONFIG).is_file() and (entry / MODEL).is_file())


def _two_deep(entries: list[Path]) -> Iterator[Path]:
    for entry in entries:
        yield from _entries(entry) if entry.is_dir() else [entry]


def _is_picture(path: Path) -> bool:
    return (mimetypes.guess_type(path.name, strict=False)[0] or "").startswith("image/")


def _train_on(path: Path, registry: Registry) -> str:
    """How a model of one's own examples is made, with an architecture of their kind that has settings for them."""
    try:
        kind = registry.dataset(parse_reference(as_reference(path, registry)).name).modality
    except ZooError:
        return FORM
    for owned in registry.list("architecture"):
        if isinstance(owned.spec, ArchitectureSpec) and owned.spec.starter and owned.spec.modality == kind:
            return f"train one on it: `zoo train {owned.name} --data {shlex.quote(_written(path))}`"
    return FORM
