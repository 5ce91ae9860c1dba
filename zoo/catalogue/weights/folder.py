"""A weights folder: its files, how large they may be, and bytes that are the pinned ones."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.formats import Foreign
from zoo.catalogue.contract.specs import ModelSpec
from zoo.configs import strict_json
from zoo.errors import (
    IntegrityError,
    NotFoundError,
    StorageError,
    WeightsError,
    ZooError,
)
from zoo.files import hashes, sha256_of, storage_errors

__all__ = [
    "CARD",
    "CONCEPTS",
    "CONFIG",
    "DEFAULT_PRIOR",
    "DISCRIMINATOR",
    "EVALUATION",
    "FILES",
    "GOLDEN",
    "HALF",
    "MODEL",
    "NAME",
    "PRIOR",
    "PRIORS",
    "RUN",
    "SAMPLING",
    "STORED",
    "TRUNCATION",
    "Folder",
    "OtherFormat",
    "as_folder",
    "broken_link",
    "check_prior",
    "most_bytes",
    "parse_config",
    "parse_evaluation",
    "refuse_pointer",
    "truncation_of",
]

CONFIG, MODEL = "config.json", "model.safetensors"


DISCRIMINATOR, GOLDEN = "discriminator.safetensors", "golden.safetensors"


CARD, EVALUATION = "README.md", "evaluation.json"


PRIOR, CONCEPTS = "prior.safetensors", "concepts.safetensors"


RUN = "recipe.json"  # what tells a run folder, of which a weights folder can be made


FILES = (CONFIG, MODEL, DISCRIMINATOR, GOLDEN, PRIOR, CONCEPTS)


POINTER = b"version https://git-lfs.github.com/spec/"  # how the text begins that Git keeps in place of a large file


CONFIG_KEYS = {"format", "architecture", "config", "data", "training", "zoo"}
TRUNCATION, DEFAULT_PRIOR, STORED = "truncation", "default_prior", "stored"  # keys that may stand beside them,
SAMPLING = "sampling"  # and the options of `sample` where no others are asked for
HALF = "float16"  # what weights may be stored in that are float32 once loaded
PRIORS = ("normal", "uniform", "mixture")  # of the last, PRIOR holds it


MOST_TRUNCATION = 100.0  # no normal number lies beyond


FOREIGN = {"_class_name": "diffusers", "_diffusers_version": "diffusers", "model_type": "transformers"}  # by a key


MOST_BYTES, MOST_BESIDE, MOST_CONFIG = 8 * 2**30, 2**30, 2**20


NAME = re.compile(r"([A-Za-z0-9_.-]+/)?[A-Za-z0-9_.-]+")


class OtherFormat(WeightsError):
    """A config.json of another program's."""


def most_bytes(file: str) -> int:
    """The size of a file beyond which it is neither fetched nor read."""
    if file in (CONFIG, CARD, EVALUATION) or file.endswith(".json"):
        return MOST_CONFIG
    return MOST_BESIDE if file in (GOLDEN, PRIOR, CONCEPTS) else MOST_BYTES


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Where a model's files are, and what their bytes must be (nothing is known of a folder of the user's own)."""

    name: str  # as it was asked for
    path: Path  # where it lies
    pins: Mapping[str, str] = field(default_factory=dict)  # the catalogue's: file -> sha256
    digests: Mapping[str, str] = field(default_factory=dict)  # the Hub's, without a pin: sha256 or Git blob id
    spec: ModelSpec | None = None  # the catalogue entry, where there is one
    source: str = "folder"  # "bundled", "hub" or "folder"
    commit: str | None = None  # which one of the Hub's
    origin: str = ""  # "hf://org/repo@commit", "bundled" or the path
    repair: Callable[[str, ZooError], Folder] | None = None  # where else a file that is damaged can be had
    seen: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # sha256 of what was read
    foreign: Foreign | None = None  # what it is, where it is of another format than the zoo's

    def read(self, file: str, *, most: int | None = None) -> bytearray:
        """The bytes of a file, hashed if it is known what they must be; a damaged one is fetched anew where it can be.

        Raises NotFoundError when it is not there, IntegrityError when the bytes are not the pinned ones, StorageError,
        WeightsError for more than `most` bytes, or a size that is never loaded: before memory is taken.
        """
        bound = min(most_bytes(file), most or MOST_BYTES)
        try:
            return self._read(file, bound)
        except (IntegrityError, NotFoundError, StorageError, WeightsError) as error:
            known = file in self.pins or file in self.digests
            if self.repair is None or not (known or self._is_unknown(file)):
                raise
            return self.repair(file, error)._read(file, bound)

    def _is_unknown(self, file: str) -> bool:
        """Whether a file came from the Hub, and nothing says which bytes it must hold."""
        if self.source != "hub" or file in self.digests:
            return False
        return not self.pins or file in (CARD, EVALUATION)

    def _read(self, file: str, most: int) -> bytearray:
        path = self.path / file
        if not self.has(file):
            raise _missing(path, self.name)
        if self.pins and file not in self.pins and file not in (CARD, EVALUATION):
            raise IntegrityError(f"{path} is not pinned by the catalogue; its files are {', '.join(self.pins)}")
        if self._is_unknown(file):
            raise IntegrityError(f"nothing says which bytes {path} must hold; pull {self.name} again with the network")
        with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise WeightsError(f"{path} has {size:,} bytes; at most {most:,} can be meant")
            if stream.readinto(data := bytearray(size)) != size:
                raise StorageError(f"{path} was cut while it was read; try again")
        refuse_pointer(data, str(path))
        wanted = self.pins.get(file) or self.digests.get(file, "")
        if wanted and wanted not in hashes(data, wanted):
            found = hashlib.sha256(data).hexdigest()
            raise IntegrityError(f"{path} has sha256 {found}, pinned is {wanted}; reinstall or pull it again")
        if len(wanted) == 64:
            self.seen[file] = wanted
        elif file == MODEL:  # what is fitted to it, or begins with it, names it
            self.seen[file] = hashlib.sha256(data).hexdigest()
        return data

    def model_sha256(self) -> str:
        """The sha256 of the model: of the bytes that were read, or else of the pin, or else of the file as it is now.

        Raises StorageError.
        """
        if self.foreign is not None:  # of all its files together
            parts = (self.seen.get(f) or sha256_of(self.path / f) for f in self.foreign.weights)
            return hashlib.sha256(" ".join(parts).encode()).hexdigest()
        pinned = self.pins.get(MODEL) or self.digests.get(MODEL, "")
        return self.seen.get(MODEL) or (pinned if len(pinned) == 64 else sha256_of(self.path / MODEL))

    def has(self, file: str) -> bool:
        """Whether the folder has that file. Raises StorageError where that may not be known."""
        path = self.path / file
        with storage_errors(f"cannot read {path}"), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return stat.S_ISREG(path.stat().st_mode)
        return False

    def config(self) -> dict[str, Any]:
        """config.json, its keys checked, and that the files it speaks of are there. Raises WeightsError."""
        if self.foreign is not None:
            return dict(self.foreign.config)
        config = parse_config(self.read(CONFIG), f"{self.path / CONFIG}")
        check_prior(config, self.has(PRIOR), f"{self.path / CONFIG}")
        return config

    def evaluation(self) -> dict[str, Any]:
        """What evaluation.json says; nothing where there is none. Raises WeightsError."""
        return parse_evaluation(self.read(EVALUATION), f"{self.path / EVALUATION}") if self.has(EVALUATION) else {}


def as_folder(folder: Path | Folder) -> Folder:
    """A folder of one's own in the zoo's format by its path; one that was located as it is."""
    return folder if isinstance(folder, Folder) else Folder(name=str(folder), path=folder)


def broken_link(path: Path) -> str:
    """That a path is a link which leads nowhere, as a line; empty where it is none."""
    if not path.is_symlink() or path.exists():
        return ""
    advice = "copy the folder with what its links lead to (cp -rL), or write it with `zoo pull NAME --to FOLDER`"
    return f"{path} is a link to {os.readlink(path)}, which is not there; {advice}"


def _missing(path: Path, name: str) -> NotFoundError:
    """That a file is not there, or a link that leads nowhere."""
    if problem := broken_link(path):
        return NotFoundError(problem)
    return NotFoundError(f"{name}: {path} is missing; name a complete weights folder or reinstall")


def refuse_pointer(data: bytes | bytearray, where: str) -> None:
    """Raise WeightsError for the text that Git keeps in the place of a large file."""
    if data.startswith(POINTER):
        advice = "run `git lfs pull` where it was cloned, or take the model with `zoo pull`"
        raise WeightsError(f"{where} is a Git LFS pointer, which stands for the file; {advice}")


def parse_evaluation(raw: bytes | bytearray, where: str, *, finite: bool = True) -> dict[str, Any]:
    """Decode evaluation.json, or another table, whose numbers are `finite` or need not be. Raises WeightsError."""
    try:
        data = strict_json(raw, finite=finite)
    except ValueError as error:
        raise WeightsError(f"{where} is no JSON: {error!s:.120}") from error
    if isinstance(data, dict):
        return data
    raise WeightsError(f"{where} is no JSON table: it holds a {type(data).__name__}")


def parse_config(raw: bytes | bytearray, where: str) -> dict[str, Any]:
    """Decode config.json and check its form; what the architecture's config holds is checked when it is built."""
    data = parse_evaluation(raw, where)
    if foreign := next((library for key, library in FOREIGN.items() if key in data), ""):
        raise OtherFormat(f"{where} is of a model of {foreign}, which the zoo does not read; see `zoo list`")
    if set(data) - {TRUNCATION, DEFAULT_PRIOR, STORED, SAMPLING} != CONFIG_KEYS:
        keys = ", ".join(sorted(CONFIG_KEYS))
        raise WeightsError(f"{where} must have exactly the keys {keys}; it has {sorted(data)!s:.200}")
    if type(data["format"]) is not int or data["format"] != 1:
        raise WeightsError(f"{where} is of format {data['format']!r:.40}; this zoo reads format 1: update genzoo")
    if not isinstance(data["architecture"], str) or not NAME.fullmatch(data["architecture"]):
        raise WeightsError(f"{where}: architecture {data['architecture']!r:.80} is no name of the catalogue")
    if not all(isinstance(data.get(key, {}), dict) for key in ("config", "data", "training", SAMPLING)):
        raise WeightsError(f"{where}: config, data, training and {SAMPLING} must be tables")
    if TRUNCATION in data and not _is_range(data[TRUNCATION]):
        wanted = f"two numbers above 0 and at most {MOST_TRUNCATION:g}, the lower first"
        raise WeightsError(f"{where}: truncation is {data[TRUNCATION]!r:.80}; it must be {wanted}")
    if data.get(DEFAULT_PRIOR, PRIORS[0]) not in PRIORS:
        raise WeightsError(f"{where}: default_prior is {data[DEFAULT_PRIOR]!r:.80}; it must be {' or '.join(PRIORS)}")
    if data.get(STORED, HALF) != HALF:
        raise WeightsError(f"{where}: stored is {data[STORED]!r:.80}; it must be {HALF}, or be left out")
    return data


def check_prior(config: Mapping[str, Any], fitted: bool, where: str) -> None:
    """Raise WeightsError where the default prior of a config that was parsed is a mixture, and none was `fitted`."""
    if config.get(DEFAULT_PRIOR) == "mixture" and not fitted:
        advice = "fetch the folder again, fit one with `zoo mixture fit`, or take the key out"
        raise WeightsError(f"{where}: default_prior is 'mixture', and there is no {PRIOR} beside it; {advice}")


def _is_range(value: object) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value)
    return numbers and 0 < value[0] <= value[1] <= MOST_TRUNCATION  # type: ignore[index]


def truncation_of(config: Mapping[str, Any]) -> tuple[float, float] | None:
    """In which range truncation helps, as a config that was parsed says; None where it says nothing of it."""
    found = config.get(TRUNCATION)
    return None if found is None else (float(found[0]), float(found[1]))
