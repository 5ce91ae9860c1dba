"""--device, of every verb that runs a model: what comes from another device meets the CPU's tensors on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from zoo.cli.main import main
from zoo.latent.concept_file import save_concepts
from zoo.latent.concepts import ConceptVector
from zoo.nn import devices
from zoo.nn.abilities import Encodes
from zoo.nn.distributions import DiagonalGaussian
from zoo.nn.models import Model

Make = Callable[..., SimpleNamespace]


class Elsewhere(Tensor):
    """A tensor as of another device: alone it computes, with the CPU's it fails, and `cpu` makes it one of them."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.cpu, Tensor.numpy):
            assert func is Tensor.cpu, "can't convert a tensor of another device to numpy; use Tensor.cpu() first"
            return args[0].as_subclass(Tensor)
        given = [*args, *(kwargs or {}).values()]
        flat = [x for value in given for x in (value if isinstance(value, (list, tuple)) else [value])]
        here = [x for x in flat if isinstance(x, Tensor) and not isinstance(x, Elsewhere) and x.ndim]
        assert not here or func is Tensor.__getitem__, f"{func.__name__}: all tensors must be on the same device"
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """From now on what models give lies elsewhere; gives the devices that were asked for."""
    asked: list[str] = []
    decode, encode = Model.decode, Encodes.encode

    def plain(x: Any) -> Any:
        return x.cpu() if isinstance(x, Tensor) else x

    def decoded(self: Model, z: Any, labels: Any = None, **more: Any) -> Tensor:
        return decode(self, plain(z), plain(labels), **more).as_subclass(Elsewhere)

    def encoded(self: Encodes, x: Any, labels: Any = None) -> DiagonalGaussian:
        found = encode(self, plain(x), plain(labels))
        return DiagonalGaussian(found.mean.as_subclass(Elsewhere), found.log_var.as_subclass(Elsewhere))

    def begin() -> list[str]:
        monkeypatch.setattr(Model, "decode", decoded)
        monkeypatch.setattr(Encodes, "encode", encoded)
        monkeypatch.setattr(devices, "find_device", lambda name: asked.append(str(name)) or torch.device("cpu"))
        return asked

    return begin


VERBS = {
    "sample": "sample {gan} -n 3 -o {out}",
    "interpolate": "interpolate {gan} --rows 2 --steps 3 -o {out}",
    "interpolate photos": "interpolate {vae} --between {one} {two} --steps 3 -o {out}",
    "interpolate photos of a GAN": "interpolate {gan} --between {one} {two} --steps 3 --inversion-steps 2 -o {out}",
    "traverse": "traverse {gan} --dimension 1 --rows 2 --steps 3 -o {out}",
    "manifold": "manifold {plane} -n 3 -o {out}",
    "reconstruct": "reconstruct {one} {two} --model {vae} -o {out}",
    "edit": "edit {one} --model {vae} --concept smile -o {out}",
    "edit of a GAN": "edit {one} --model {gan} --concept smile --inversion-steps 2 -o {out}",
    "scatter": "scatter {plane} --data shapes --split test -n 20 -o {out}",
    "continuity": "continuity {vae} {gan} --data shapes --pairs 4 --json",
    "verify": "verify {vae} {gan} --json",
    "likelihood": "likelihood {vae} --data shapes -n 4 --samples 5 --json",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_gives_the_same_from_another_device(
    verb: str,
    away: Callable[[], list[str]],
    make_folder: Make,
    vae_folder: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The device that is named is looked for, and nothing of another device is mixed with the CPU's on the way out."""
    places = {"gan": make_folder("gan").path, "vae": vae_folder("vae").path}
    places["plane"] = vae_folder("plane", latent_size=2).path
    for name in ("gan", "vae"):
        save_concepts(places[name], [ConceptVector(name="smile", direction=torch.ones(3))])
    for name, colour in (("one", (200, 100, 50)), ("two", (10, 20, 30))):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
        places[name] = tmp_path / f"{name}.png"

    def given(out: str, *more: str) -> tuple[bytes, str]:
        path = tmp_path / out
        words = [word.format(**places, out=path) for word in VERBS[verb].split()]
        assert main([*words, *more]) == 0
        said = capsys.readouterr().out.replace(out, "OUT")
        return path.read_bytes() if path.exists() else b"", said

    here = given("here.png")
    if verb == "likelihood":  # its terms are computed where the model is, and meet the CPU's as numbers
        monkeypatch.setattr(devices, "find_device", lambda name: torch.device("cpu"))
        assert given("there.png", "--device", "cuda:7") == here
        return
    asked = away()
    assert given("there.png", "--device", "cuda:7") == here
    assert set(asked) == {"cuda:7"}


def test_concepts_and_mixtures_are_fitted_on_another_device(
    away: Callable[[], list[str]], vae_folder: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files that `concept fit` and `mixture fit` write are the same, byte for byte."""
    folder = vae_folder("vae").path
    verbs = (
        ["concept", "fit", str(folder), "round", "--positives", "shapes[circle]", "--negatives", "shapes[square]"],
        ["mixture", "fit", str(folder), "--data", "shapes", "--components", "2", "--split", "test"],
    )
    files = [folder / "concepts.safetensors", folder / "prior.safetensors"]
    for words in verbs:
        assert main(words) == 0
    before = [file.read_bytes() for file in files]
    asked = away()
    for words in verbs:
        assert main([*words, "--device", "cuda"]) == 0
    assert [file.read_bytes() for file in files] == before
    assert asked == ["cuda", "cuda"]


MORE = {
    "eval": "eval {vae} --data shapes",
    "concept fit": "concept fit {vae} round --positives shapes[circle] --negatives shapes[square]",
    "concept measure": "concept measure {vae} smile --data shapes --factor size --keep red",
    "mixture": "mixture fit {vae} --data shapes --components 2",
    "dream": "dream {one} -o {out}",
    "train": "train dcgan-shapes --out {out}",
}


def test_a_device_that_is_not_there_is_refused_by_every_verb(
    make_folder: Make, vae_folder: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names those that are there, before anything is computed or written; `meta` holds nothing."""
    places = {"gan": make_folder("gan").path, "vae": vae_folder("vae").path, "out": tmp_path / "out.png"}
    places["plane"] = vae_folder("plane", latent_size=2).path
    for name in ("gan", "vae"):
        save_concepts(places[name], [ConceptVector(name="smile", direction=torch.ones(3))])
    for name in ("one", "two"):
        Image.new("RGB", (64, 64)).save(tmp_path / f"{name}.png")
        places[name] = tmp_path / f"{name}.png"
    for line in (VERBS | MORE).values():
        for device in ("meta", "warp"):
            words = [word.format(**places) for word in line.split()]
            assert main([*words, "--device", device]) == 2, line
            said = capsys.readouterr().err
            assert (said.count("\n"), f"device '{device}' cannot be used here" in said) == (1, True), said
            assert "there are auto, " in said
    assert not places["out"].exists()
