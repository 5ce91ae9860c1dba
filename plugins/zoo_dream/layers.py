"""The layers of a feature network: what they are called, and what they see in a picture."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from zoo.configs import near
from zoo.errors import UsageError
from zoo.nn import Features, load_features

__all__ = ["NETWORK", "Layer", "Layers", "parse_layers"]

NETWORK = "efficientnet-lite0"
CPU = torch.device("cpu")
MODALITY = "image"
PROBE = (128, 192)  # height and width of the picture that tells what the layers give; 64 is twice the coarsest stride
DEPTH = 0.6  # of the layers: which one dreams where none is asked for. Early ones draw strokes, late ones see the whole


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One that gives maps (N, channels, H / stride, W / stride) of pictures (N, 3, H, W)."""

    name: str  # of the module inside the network: "blocks.9.expand"
    channels: int
    stride: int  # pixels a side for each place of its maps


class _Enough(Exception):
    """All that was asked for has been seen; the rest of the network need not be computed."""


class Layers:
    """A feature network of its own, opened so that its layers can be looked at. For one thread at a time."""

    def __init__(self, network: str = NETWORK, device: torch.device = CPU) -> None:
        """`network` is a full name; pictures must lie on `device`. Raises UsageError for a network of no pictures, and
        what `load_features` raises.
        """
        shared = load_features(network)
        if shared.modality != MODALITY:
            raise UsageError(f"{network} looks at the modality {shared.modality!r}, and photos are dreamt on")
        self.name, self.device = network, device
        self._network: Features = copy.deepcopy(shared).to(device)  # the shared one is not to be hooked into
        self._modules = dict(_stages(self._network))

    @cached_property
    def known(self) -> tuple[Layer, ...]:
        """All that give maps, in the order in which a picture passes them. Raises UsageError where none does."""
        picture = torch.full((1, 3, *PROBE), 0.5, device=self.device)
        with torch.no_grad():
            found = self._looked(picture, self._modules, stop=False)
        given: dict[int, Layer] = {}  # a block may hand on what its last stage gave
        for name, x in found.items():
            # How much more a wider picture gives tells the stride, whatever convolutions cut off at its rim.
            if isinstance(x, Tensor) and x.dim() == 4 and x.shape[3] > x.shape[2]:
                stride = max(1, round((PROBE[1] - PROBE[0]) / (x.shape[3] - x.shape[2])))
                given.setdefault(id(x), Layer(name=name, channels=x.shape[1], stride=stride))
        if not given:
            raise UsageError(f"{self.name} gives no maps to dream of; `zoo list --features` shows other networks")
        return tuple(given.values())

    @property
    def usual(self) -> dict[str, float]:
        """What is dreamt of where nothing is asked for: one layer, three fifths of the way through the network."""
        at = [layer for layer in self.known if layer.name.rpartition(".")[2] == "expand"] or list(self.known)
        return {at[math.floor(DEPTH * len(at))].name: 1.0}

    def check(self, names: Sequence[str]) -> dict[str, Layer]:
        """The layers of these names. Raises UsageError for one that is not there, with near ones."""
        known = {layer.name: layer for layer in self.known}
        for name in names:
            if name not in known:
                hint = near(name, known) or "; `zoo dream --list-layers` shows them"
                raise UsageError(f"{self.name} has no layer {name!r:.60}{hint}")
        return {name: known[name] for name in names}

    def maps(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """What these layers see in pictures (N, 3, H, W) in [0, 1]: maps (N, C, H', W') by name, differentiable in x.

        What comes after the last of them is not computed.
        """
        return self._looked(x, names, stop=True)

    def _looked(self, x: Tensor, names: Sequence[str] | Mapping[str, nn.Module], *, stop: bool) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}

        def note(name: str, given: Tensor) -> None:
            found.setdefault(name, given)
            if stop and len(found) == len(names):
                raise _Enough

        handles = [
            self._modules[name].register_forward_hook(lambda _, __, given, name=name: note(name, given))
            for name in names
        ]
        try:
            self._network.maps(x)
        except _Enough:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return found


def _stages(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules made of others, and all where there are none such; what alone holds the rest is no name."""
    children = list(network.children())
    while len(children) == 1:
        network, children = children[0], list(children[0].children())
    inside = [(name, module) for name, module in network.named_modules() if name]
    made = [(name, module) for name, module in inside if next(module.children(), None) is not None]
    yield from made or inside


def parse_layers(text: str) -> dict[str, float]:
    """Layers and their weights as a command has them: "blocks.9.expand=1,blocks.11.expand=0.5"; without a number 1.

    Raises UsageError for what is none.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, given, number = part.strip().partition("=")
        try:
            weight = float(number) if given else 1.0
        except ValueError:
            weight = math.nan
        if not name or not math.isfinite(weight) or weight == 0 or name in found:
            wanted = "names with commas between, each once, and a number behind = that is not 0"
            raise UsageError(f"--layers is {text!r:.80}; write {wanted}: blocks.9.expand=1,blocks.11.expand=0.5")
        found[name] = weight
    return found
