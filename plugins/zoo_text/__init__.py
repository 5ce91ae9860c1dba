"""Text, character by character: books, text files of one's own, and networks that write. Specs only; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import (
    API_VERSION,
    ArchitectureSpec,
    DatasetSpec,
    ModalitySpec,
    ModelSpec,
    PluginContext,
    hookimpl,
    weights_of,
)

ZOO_API_VERSION = API_VERSION
PINS = "zoo:weights/pins.toml"

# The book's writer (Chollet, Deep Learning with Python, section 8.1): 60 characters are read, by one LSTM of 128 units.
BOOK = {"length": 60, "embedding": 64, "width": 128, "layers": 1}


@hookimpl
def zoo_modalities(context: PluginContext) -> Iterable[ModalitySpec]:
    """Text."""
    return [
        ModalitySpec(
            name="text",
            summary="Text (L,), in characters of a vocabulary that travels with the weights.",
            modality="zoo_text.text:text",
            suffixes=(".txt",),
            html="zoo_text.html:html",
            task="text-generation",
        )
    ]


@hookimpl
def zoo_datasets(context: PluginContext) -> Iterable[DatasetSpec]:
    """Two books, and anybody's texts."""
    books = (
        ("nietzsche", "Nietzsche's Beyond Good and Evil in English, 600,893 characters", 33_794, 470),
        ("shakespeare", "40,000 lines of Shakespeare's plays, 1,115,394 characters", 62_734, 872),
    )
    for name, summary, train, test in books:
        yield DatasetSpec(
            name=name,
            summary=f"{summary}; the last tenth is held out",
            load=f"zoo_text.books:{name}",
            facts=f"zoo_text.books:{name}_facts",
            licence="public domain",
            modality="text",
            splits={"train": train, "test": test},  # pieces of 128 characters
            external=True,
        )
    yield DatasetSpec(
        name="shakespeare-lines",
        summary="Lines of verse and prose of Shakespeare's plays, of 12 to 55 characters; the last tenth is held out",
        load="zoo_text.verses:shakespeare_lines",
        licence="public domain",
        modality="text",
        data_shape=(56,),
        splits={"train": 21_385, "test": 2_117},
        external=True,
    )
    yield DatasetSpec(
        name="text-lines",
        summary="The lines of any text file, or of a folder of .txt files: text-lines:PATH; the last tenth is held out",
        load="zoo_text.verses:own_lines",
        facts="zoo_text.verses:own_facts",
        licence="unknown",
        modality="text",
        takes_path=True,
    )
    yield DatasetSpec(
        name="text",
        summary="Any text file, or a folder of .txt files: text:PATH; the last tenth is held out",
        load="zoo_text.books:own",
        facts="zoo_text.books:own_facts",
        licence="unknown",
        modality="text",
        takes_path=True,
        plain=True,
        endings=(".txt",),
    )


@hookimpl
def zoo_architectures(context: PluginContext) -> Iterable[ArchitectureSpec]:
    """Two networks that write, and one that codes lines."""
    return [
        ArchitectureSpec(
            name="char-lstm",
            summary="LSTM layers that write text character by character.",
            family="autoregressive",
            modality="text",
            config="zoo.sequences.configs:LSTMConfig",
            parts={"network": "zoo.sequences.lstm:LSTM"},
            presets={"book": BOOK},
            starter="zoo_text.starters:lstm",
        ),
        ArchitectureSpec(
            name="gpt",
            summary="A small transformer that writes text character by character.",
            family="autoregressive",
            modality="text",
            config="zoo.sequences.configs:TransformerConfig",
            parts={"network": "zoo.sequences.transformer:Transformer"},
            starter="zoo_text.starters:transformer",
        ),
        ArchitectureSpec(
            name="line-vae",
            summary="VAE of lines: one latent a line, written from it character by character (Bowman et al. 2016).",
            family="vae",
            modality="text",
            config="zoo.sequences.configs:LineVAEConfig",
            parts={
                "encoder": "zoo.sequences.coding:LineEncoder",
                "decoder": "zoo.sequences.coding:LineDecoder",
                "likelihood": "zoo.sequences.coding:written_lines",
            },
            starter="zoo_text.starters:line_vae",
        ),
    ]


@hookimpl
def zoo_models(context: PluginContext) -> Iterable[ModelSpec]:
    """A philosopher and a playwright."""
    return [
        _model(
            "lstm-nietzsche", "Nietzsche by the book's LSTM, wider: character by character.", "char-lstm", "nietzsche"
        ),
        _model("gpt-shakespeare", "Shakespeare's plays by a small transformer.", "gpt", "shakespeare"),
        _model("vae-lines", "Lines of Shakespeare's plays in a latent space.", "line-vae", "shakespeare-lines", 56),
    ]


def _model(name: str, summary: str, architecture: str, dataset: str, length: int = 128) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="Apache-2.0",
        recipe=f"zoo_text:recipes/{name}.toml",
        weights=weights_of(PINS).get(name),
        data_shape=(length,),
        tags=("text", "vae" if architecture == "line-vae" else "autoregressive"),
    )
