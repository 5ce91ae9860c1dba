"""Who judges a model: the network that leads, and those whose figures stand beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.judges import PIXELS, is_contaminated, networks_of
from zoo.data.modality import Modality, modality_of
from zoo.errors import NotFoundError, UsageError
from zoo.evaluation.features import Observer, Progress
from zoo.evaluation.pixels import Values
from zoo.evaluation.report import Figures, distances_by
from zoo.nn.features import default_features, load_features
from zoo.nn.models import Model

__all__ = ["Beside", "Panel", "beside", "choose", "passes", "seated"]

NOTE = "the model was trained against this network or a sister: these figures do not say how good it is"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The judges of one model, by name."""

    leading: str
    others: tuple[str, ...] = ()  # networks, and "pixels"
    suspects: tuple[str, ...] = ()  # of all, the networks that the model was trained against, and their sisters
    unasked: tuple[str, ...] = ()  # of `others`, those that may be absent
    independent: bool | None = None  # whether the leading one is; None for a model that was trained against none


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Figures that stand beside the leading ones."""

    independent: bool | None = None  # as the panel has it
    second: tuple[Figures, ...] = ()  # by other networks
    pixels: Figures | None = None
    contaminated: tuple[Figures, ...] = ()  # by networks that the model was trained against, and sisters

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data, figures by the name of their network; what is not there is left out."""
        second = {one.network: one.to_json() for one in self.second}
        contaminated = {one.network: {"note": NOTE} | one.to_json() for one in self.contaminated}
        pixels = {} if self.pixels is None else self.pixels.to_json()
        found = {"second": second, PIXELS: pixels, "contaminated": contaminated}
        told = {} if self.independent is None else {"independent": self.independent}
        return told | {key: value for key, value in found.items() if value}


def choose(asked: Sequence[str], modality: str, against: Mapping[str, str], registry: Registry) -> Panel:
    """The judges of a model of that modality that was trained `against` those networks (name -> sha256).

    Of the networks that are `asked` for the first leads. Where none is, the first one leads that is not in `against`
    and no sister of one that is, or the default where there is none; where no network looks at the modality, the values
    themselves are compared. A model that was trained against a network is
    also judged by pixels, and the contaminated figures are given too. Raises NotFoundError for unknown names.
    """
    known = networks_of(modality, registry)

    def suspect(name: str) -> bool:
        return name != PIXELS and is_contaminated(name, registry.features(name).sha256, against, registry)

    names = list(dict.fromkeys(name for name in asked if name != PIXELS))
    if not known and not names:
        return Panel(leading=PIXELS)
    names = names or [name for name in known if not suspect(name)][:1] or [default_features(modality, registry)]
    suspects = [name for name in names if suspect(name)]
    unasked = [] if suspects else [name for name in known if suspect(name)][:1]
    if PIXELS in asked:
        names.append(PIXELS)
    elif against:
        unasked.append(PIXELS)
    return Panel(
        leading=names[0],
        others=(*names[1:], *unasked),
        suspects=(*suspects, *(name for name in unasked if suspect(name))),
        unasked=tuple(unasked),
        independent=names[0] not in suspects if against else None,
    )


def seated(panel: Panel, model: Model, examples: Tensor, registry: Registry) -> tuple[list[Observer], list[str]]:
    """The judges of stored examples (N, *data_shape), the leading one first, where the model is; and lines for a user:
    who is absent, and whose figures say little.

    Raises what `load_features` raises of a network that was asked for, UsageError for one that cannot look at these.
    """
    modality = modality_of(model, registry)
    found, notes = [], [] if panel.independent in (None, True) else [f"{panel.leading}: {NOTE}"]
    for name in (panel.leading, *panel.others):
        try:
            network = _pixels(examples, modality) if name == PIXELS else load_features(name, registry)
        except (NotFoundError, UsageError) as error:
            if name not in panel.unasked:
                raise
            notes += [f"figures left out: {error}"] if name != PIXELS else []
            continue
        if name != PIXELS and network.modality != model.modality:
            raise UsageError(f"{network.name} looks at the modality {network.modality!r}, not at {model.modality!r}")
        if model.device.type != "cpu":
            network = copy.deepcopy(network).to(model.device)  # the loaded one is everybody's
        found.append(Observer(network, modality))
    return found, notes


def _pixels(examples: Tensor, modality: Modality) -> Values:
    values = modality.values(examples[:1])
    if not values.is_floating_point():
        raise NotFoundError("no feature network looks at these examples, and tokens have no values to compare")
    return Values(tuple(values.shape[1:]), modality.comparable)


def beside(
    panel: Panel,
    judges: Sequence[Observer],
    sets: tuple[Tensor, Tensor, Tensor | None],
    *,
    cache_dir: Path | None,
    progress: Progress | None = None,
) -> Beside:
    """What all judges but the leading one, the first, say of samples, training and test examples."""
    found = []
    for i, judge in enumerate(judges[1:], 1):
        cache = None if judge.network.name == PIXELS else cache_dir  # to look again is faster than to read
        found.append(distances_by(*sets, judge, cache_dir=cache, progress=passes(progress, i, len(judges))))
    clean = [one for one in found if one.network not in panel.suspects]
    return Beside(
        independent=panel.independent,
        second=tuple(one for one in clean if one.network != PIXELS),
        pixels=next((one for one in clean if one.network == PIXELS), None),
        contaminated=tuple(one for one in found if one.network in panel.suspects),
    )


def passes(progress: Progress | None, index: int, count: int) -> Progress | None:
    """The progress of one of `count` passes over the same examples, as that of all."""
    return None if progress is None else lambda done, total: progress(index * total + done, count * total)
