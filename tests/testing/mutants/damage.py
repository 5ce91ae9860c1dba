"""What is done to files of a plugin: to its weights folder before or after it is pinned, or to what is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

Damage = Callable[[Path], None]


def append(pattern: str, text: str) -> Damage:
    """Add text to the one file of that pattern."""

    def damage(folder: Path) -> None:
        (path,) = folder.glob(pattern)
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return damage


def config(change: Callable[[dict[str, dict[str, object]]], None]) -> Damage:
    """Change config.json."""

    def damage(folder: Path) -> None:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        change(data)
        (folder / "config.json").write_text(json.dumps(data), encoding="utf-8")

    return damage


def tensors(file: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    """Change the tensors of a file."""

    def damage(folder: Path) -> None:
        held = load_file(folder / file)
        change(held)
        save_file(held, folder / file)

    return damage


def flip_a_bit(folder: Path) -> None:
    """In the last byte of the model."""
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def grey(folder: Path) -> None:
    """Weights that give the same grey picture for every latent, and golden samples that say so."""
    tensors("model.safetensors", lambda held: [tensor.zero_() for tensor in held.values()])(folder)
    tensors("golden.safetensors", lambda held: held["x"].fill_(0.5))(folder)


def other_owner(site: Path) -> None:
    """A second distribution with the same entry point."""
    info = site / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", encoding="utf-8")
    (package,) = site.glob("acme_zoo_*/__init__.py")
    (info / "entry_points.txt").write_text(f"[zoo]\nacme = {package.parent.name}\n", encoding="utf-8")
    (info / "RECORD").write_text("", encoding="utf-8")
