"""Sequences of tokens, written one after the other: the plugin that contributes their family and trainer, specs only.

It is a door, too: plugins of text, tunes and other tokens import from here. A name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.api import API_VERSION, FamilySpec, PluginContext, TrainerSpec, hookimpl

if TYPE_CHECKING:
    from zoo.sequences.coding import LineDecoder, LineEncoder, written_lines
    from zoo.sequences.configs import LineVAEConfig, LSTMConfig, TransformerConfig
    from zoo.sequences.lstm import LSTM
    from zoo.sequences.modality import Tokens, vocabulary_of
    from zoo.sequences.next_token import Memory, NextToken
    from zoo.sequences.pieces import filled, windows
    from zoo.sequences.starting import writing_choices
    from zoo.sequences.transformer import Transformer
    from zoo.sequences.writing import Autoregressive, Writing, choose

__all__ = [
    "LSTM",
    "Autoregressive",
    "LSTMConfig",
    "LineDecoder",
    "LineEncoder",
    "LineVAEConfig",
    "Memory",
    "NextToken",
    "Tokens",
    "Transformer",
    "TransformerConfig",
    "Writing",
    "choose",
    "filled",
    "vocabulary_of",
    "windows",
    "writing_choices",
    "written_lines",
]

_NAMES = {  # module -> what it gives
    "coding": ("LineDecoder", "LineEncoder", "written_lines"),
    "configs": ("LSTMConfig", "LineVAEConfig", "TransformerConfig"),
    "lstm": ("LSTM",),
    "modality": ("Tokens", "vocabulary_of"),
    "next_token": ("Memory", "NextToken"),
    "transformer": ("Transformer",),
    "pieces": ("filled", "windows"),
    "starting": ("writing_choices",),
    "writing": ("Autoregressive", "Writing", "choose"),
}
_HOME = {name: f"zoo.sequences.{module}" for module, names in _NAMES.items() for name in names}

ZOO_API_VERSION = API_VERSION


@hookimpl
def zoo_families(context: PluginContext) -> list[FamilySpec]:
    """One token after the other."""
    return [
        FamilySpec(
            name="autoregressive",
            summary="Tokens written one after the other, each given those before it.",
            family="zoo.sequences.writing:FAMILY",
        )
    ]


@hookimpl
def zoo_trainers(context: PluginContext) -> list[TrainerSpec]:
    """Maximum likelihood, exactly."""
    return [
        TrainerSpec(
            name="likelihood",
            summary="The likelihood of each token given those before it.",
            family="autoregressive",
            settings="zoo.sequences.likelihood:LikelihoodSettings",
            trainer="zoo.sequences.likelihood:LikelihoodTrainer",
            units={"loss": "nats a token", "bits_per_token": "bits a token", "accuracy": "share of tokens guessed"},
            better={"loss": "lower", "bits_per_token": "lower", "accuracy": "higher"},
        )
    ]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.sequences' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
