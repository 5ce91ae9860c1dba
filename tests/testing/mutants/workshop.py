"""Writes the reference plugins, and variations of them, as an installer leaves them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[2]
REFERENCES = {  # entry point -> the package
    "acme": TESTS / "testing" / "mutants" / "reference" / "acme_zoo",
    "sounds": TESTS / "thirdparty" / "acme_sounds",
}
METADATA = """Metadata-Version: 2.4
Name: {distribution}
Version: 1.0
License-Expression: MIT
Requires-Dist: genzoo>=0.1,<2
"""
PINS = "PINS: dict[str, str] = {}"
NUMBER = itertools.count(1)  # no two of a session share a module's name, or one would be imported for the other
PINNED = ("config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors")


def nothing(folder: Path) -> None:
    """Leave it as it is."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What makes a mutant of a reference: texts replaced in its files, and what is done to its weights folder."""

    plugin: str = "acme"  # the reference, by its entry point
    edits: tuple[tuple[str, str, str], ...] = ()  # (file, old text, new text); METADATA and entry_points.txt too
    weights: Callable[[Path], None] = nothing  # before they are pinned
    pinned: Callable[[Path], None] = nothing  # after that, and before RECORD is written
    installed: Callable[[Path], None] = nothing  # the folder on sys.path, when all is written


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A variation on the disk."""

    site: Path
    package: str
    plugin: str  # its entry point


def install(site: Path, weights: Path | None, change: Change) -> Installed:
    """Write the plugin with its dist-info, as an installer leaves it. `weights` are bundled and pinned."""
    reference = REFERENCES[change.plugin]
    package = f"{reference.name}_{next(NUMBER)}"
    info = site / f"{reference.name}-1.0.dist-info"
    shutil.copytree(reference, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    info.mkdir()
    metadata = METADATA.format(distribution=reference.name.replace("_", "-"))
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[zoo]\n{change.plugin} = {reference.name}\n", encoding="utf-8")
    for file, old, new in change.edits:
        path = (info if (info / file).exists() else site / package) / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")
    if weights is not None:
        folder = site / package / "weights" / "tiny-dots"
        shutil.copytree(weights, folder)
        change.weights(folder)
        pins = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in PINNED}
        init = site / package / "__init__.py"
        init.write_text(init.read_text(encoding="utf-8").replace(PINS, f"PINS = {pins}"), encoding="utf-8")
        change.pinned(folder)
    for path in [*(site / package).rglob("*.py"), *(site / package).rglob("*.toml"), info / "entry_points.txt"]:
        path.write_text(path.read_text(encoding="utf-8").replace(reference.name, package), encoding="utf-8")
    _write_record(site, info)
    change.installed(site)
    return Installed(site=site, package=package, plugin=change.plugin)


def _write_record(site: Path, info: Path) -> None:
    lines = []
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{path.relative_to(site).as_posix()},sha256={digest},{path.stat().st_size}\n")
    (info / "RECORD").write_text("".join(lines) + f"{info.name}/RECORD,,\n", encoding="utf-8")
