"""Dots drawn from their index alone."""

from __future__ import annotations

import torch

from zoo.data import DataRequest, Examples

CLASSES = ("dark", "light")
SPLITS = {"train": range(0, 32), "test": range(32, 40)}


def load(request: DataRequest) -> Examples:
    """One dot in each picture, at a place that follows from the index."""
    channels, side, _ = request.data_shape or (1, 8, 8)
    index = torch.tensor(SPLITS[request.split])
    labels = index % 2
    if request.selection is not None:
        chosen = labels == CLASSES.index(request.selection)
        index, labels = index[chosen], labels[chosen]
    data = torch.full((len(index), channels, side, side), 128, dtype=torch.uint8)
    place = index * 7 % (side * side)
    data[torch.arange(len(index)), :, place // side, place % side] = (labels * 255).to(torch.uint8)[:, None]
    return Examples(data=data, labels=labels, classes=CLASSES, factors={"place": place})
