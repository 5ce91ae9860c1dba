"""Who judges a model: the network that leads, and those whose figures stand beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.judges import PIXELS, is_contaminated, networks_of
from zoo.catalogue.weights.records import SAYS_LITTLE
from zoo.data.modality import Modality, modality_of
from zoo.errors import NotFoundError, UsageError
from zoo.evaluation.features import Observer
from zoo.evaluation.pixels import Values
from zoo.nn.features import default_features, load_features
from zoo.nn.models import Model

__all__ = ["Panel", "choose", "seated"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The judges of one model, by name."""

    leading: str
    others: tuple[str, ...] = ()  # networks, and "pixels"
    suspects: tuple[str, ...] = ()  # of all, the networks that the model was trained against, and their sisters
    unasked: tuple[str, ...] = ()  # of `others`, those that may be absent
    independent: bool | None = None  # whether the leading one is; None for a model that was trained against none


def choose(asked: Sequence[str], modality: str, against: Mapping[str, str], registry: Registry) -> Panel:
    """The judges of a model of that modality that was trained `against` those networks (name -> sha256).

    Of the networks that are `asked` for the first leads; "pixels" is one of them. Where none is, the first one leads
    that comes with a package, is not in `against` and no sister of one that is, or the default where there is none;
    where no network looks at the modality, the values themselves are compared. A model that was trained against a
    network is also judged by pixels. Raises NotFoundError for unknown names.
    """
    known = networks_of(modality, registry)

    def suspect(name: str) -> bool:
        return name != PIXELS and is_contaminated(name, registry.features(name).sha256, against, registry)

    names = list(dict.fromkeys(asked))
    if not known and not names:
        return Panel(leading=PIXELS)
    here = [name for name in known if not (suspect(name) or registry.features(name).file)]  # nobody may have the file
    names = names or here[:1] or [default_features(modality, registry)]
    suspects = tuple(name for name in names if suspect(name))
    unasked = (PIXELS,) if against and PIXELS not in names else ()
    return Panel(
        leading=names[0],
        others=(*names[1:], *unasked),
        suspects=suspects,
        unasked=unasked,
        independent=names[0] not in suspects if against else None,
    )


def seated(panel: Panel, model: Model, examples: Tensor, registry: Registry) -> tuple[list[Observer], list[str]]:
    """The judges of stored examples (N, *data_shape), the leading one first, where the model is; and lines for a user:
    who is absent, and whose figures say little.

    Raises what `load_features` raises of a network that was asked for, UsageError for one that cannot look at these.
    """
    modality = modality_of(model, registry)
    found, notes = [], [] if panel.independent in (None, True) else [f"{panel.leading}: {SAYS_LITTLE}"]
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
