"""Kinds of data that the zoo does not bring go the whole way: loading, training, files of samples, page, export."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from own_modalities import ALPHABET, LENGTH, SAMPLES, Tokens, load_tokens, load_waves, own_registry

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.weights.locate import locate
from zoo.data.loading import load_dataset
from zoo.data.modality import modality_of
from zoo.errors import ConfigError, PluginError
from zoo.nn.golden import verify
from zoo.nn.pretrained import load
from zoo.training.export import export
from zoo.training.run import Run
from zoo.training.train import train

Make = Callable[..., Recipe]


@pytest.fixture(scope="module")
def own() -> Registry:
    """What is installed, and two modalities more."""
    return own_registry()


@pytest.fixture
def trained(own: Registry, tiny_recipe: Make, tmp_path: Path) -> Callable[..., Run]:
    """Train eight steps of one of them."""

    def run(kind: str, data: str, trainer: str, **changes: Any) -> Run:
        recipe = tiny_recipe(architecture=f"{kind}-vae", dataset=data, trainer=trainer, config={}, **changes)
        return train(resolve(recipe, own), tmp_path / "run", registry=own)

    return run


def test_data_of_any_rank_and_type_are_loaded_when_their_modality_says_so(own: Registry) -> None:
    """Waveforms (N, 1, T) and tokens (N, L) come as they are stored; what travels with the weights comes along."""
    waves, tokens = (load_dataset(name, registry=own, env={}) for name in ("sines", "words"))
    assert torch.equal(waves.data, load_waves(None).data)  # type: ignore[arg-type]
    assert torch.equal(tokens.data, load_tokens(None).data)  # type: ignore[arg-type]
    assert (waves.about, tokens.about) == ({}, {"alphabet": ALPHABET})
    assert len({waves.sha256, tokens.sha256}) == 2
    assert load_dataset("words", registry=own, data_shape=(LENGTH,), env={}).sha256 == tokens.sha256


@pytest.mark.parametrize(
    ("name", "modality", "shape", "says"),
    [
        ("sines", "tokens", None, "which its modality tokens refuses: sequences are int64"),
        ("sines", "image", None, "which its modality image refuses: pictures are uint8"),
        ("sines", "waves", (1, 8), r"asked was for examples of the shape \(1, 8\)"),
    ],
)
def test_data_that_are_none_of_their_modality_are_refused(
    name: str, modality: str, shape: Any, says: str, own: Registry
) -> None:
    """What a loader stores otherwise than its modality says, or of another shape than was asked, is a PluginError."""
    odd = Owned(name="odd", spec=replace(own.dataset(name), name="odd", modality=modality), owner="own")
    registry = Registry.of([odd, own.owned("modality", modality)])
    with pytest.raises(PluginError, match=says):
        load_dataset("odd", registry=registry, data_shape=shape, env={})


def test_an_architecture_and_data_of_two_modalities_are_refused(own: Registry, tiny_recipe: Make) -> None:
    """A recipe that joins them is a ConfigError that names both."""
    recipe = tiny_recipe(architecture="wave-vae", dataset="words", trainer="vae", config={})
    with pytest.raises(ConfigError, match="wave-vae works on the modality 'waves', dataset words is of 'tokens'"):
        resolve(recipe, own)


def test_waveforms_are_trained_written_and_shown(own: Registry, trained: Callable[..., Run], tmp_path: Path) -> None:
    """A trainer of the zoo's own learns them; samples are WAV files, in the run, on its page, and beside the weights.

    A flip that the kind of data has not is none.
    """
    run = trained("wave", "sines", "vae", settings={"flips": True})
    assert [path.name for path in sorted((run.folder / "samples").iterdir())] == [
        f"{n:012d}.wav" for n in (0, 4, 16, 32)
    ]
    with wave.open(str(run.folder / "samples" / f"{32:012d}.wav")) as file:
        assert file.getnframes() == 64 * SAMPLES
    assert (run.folder / "report.html").read_text().count("<audio controls") == 4
    export(run.folder, tmp_path / "out", own)
    assert (tmp_path / "out" / "samples.wav").is_file()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "\n[samples](samples.wav)\n" in card
    assert "pipeline_tag: other" in card
    model = load(tmp_path / "out", registry=own)
    assert (model.modality, model.data_shape, model.value_range) == ("waves", (1, SAMPLES), (0.0, 1.0))
    assert verify(locate(tmp_path / "out", own), own)["golden_difference"] < 1e-5
    sample = model.sample(1, seed=0)
    modality_of(model, own).write(sample, tmp_path / "one.wav")
    assert torch.allclose(modality_of(model, own).read(tmp_path / "one.wav", model.data_shape), sample, atol=1 / 255)


def test_tokens_are_trained_and_their_alphabet_travels(
    own: Registry, trained: Callable[..., Run], tmp_path: Path
) -> None:
    """A plugin's trainer gets whole numbers; its settings name no decay; samples are text in the weights' alphabet."""
    run = trained("token", "words", "copy", examples=400, log_every=100, sample_every=400, checkpoint_every=400)
    losses = [json.loads(line)["loss"] for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]
    lines = (run.folder / "samples" / f"{400:012d}.txt").read_text().splitlines()
    assert {len(line) for line in lines} == {LENGTH}
    assert set("".join(lines)) <= set(ALPHABET)
    assert "<pre>" in (run.folder / "report.html").read_text()
    export(run.folder, tmp_path / "out", own)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["data"]["about"] == {"alphabet": ALPHABET}
    assert verify(locate(tmp_path / "out", own), own)["golden_difference"] == 0
    model = load(tmp_path / "out", registry=own)
    kind = modality_of(model, own)
    assert isinstance(kind, Tokens)
    assert kind.alphabet == ALPHABET
    sample = model.sample(3, seed=1)
    assert (sample.dtype, sample.shape) == (torch.int64, (3, LENGTH))
    assert torch.equal(sample, model.sample(3, seed=1))
    assert (tmp_path / "out" / "samples.txt").read_text().splitlines()[0] == "".join(
        ALPHABET[token] for token in model.sample(64, seed=0)[0]
    )
