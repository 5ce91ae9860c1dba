"""How a generator sees labels: a batch norm whose scales and shifts are each class's own."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ConditionalNorm", "Labelled"]


class ConditionalNorm(nn.Module):
    """gamma_y norm(x) + beta_y for maps x (N, width, S, S) and labels y (N,) (Dumoulin et al. 2017, arXiv:1610.07629,
    equation 5; de Vries et al. 2017, arXiv:1707.00683); the statistics are those of all classes together.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale = nn.Embedding(num_classes, width)
        self.shift = nn.Embedding(num_classes, width)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        scale, shift = self.scale(labels), self.shift(labels)  # (N, width) each
        x = self.norm(x) * scale[:, :, None, None] + shift[:, :, None, None]
        return x


class Labelled(nn.ModuleList):
    """Layers one after the other, of which the conditional norms see the labels."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, labels) if isinstance(layer, ConditionalNorm) else layer(x)
        return x
