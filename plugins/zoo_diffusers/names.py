"""How the tensors of an autoencoder begin in the library's files -> how they begin here. No library, no torch."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CODER", "DECODER", "ENCODER", "under"]


def under(start: str, places: Mapping[str, str]) -> dict[str, str]:
    """The same places where `start` stands before what they are called here."""
    return {there: start + here for there, here in places.items()}


ENCODER = {"encoder.": "encoder.body.", "quant_conv.": "encoder.quant."}
DECODER = {"decoder.": "body.", "post_quant_conv.": "quant.", "quantize.": "quantize."}  # of a decoder alone
CODER = ENCODER | under("decoder.", DECODER)
