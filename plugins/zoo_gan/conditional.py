"""How a generator sees labels: among its layers the conditional norms are given them."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.images import ConditionalNorm

__all__ = ["Labelled"]


class Labelled(nn.ModuleList):
    """Layers one after the other, of which the conditional norms see the labels."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, labels) if isinstance(layer, ConditionalNorm) else layer(x)
        return x
