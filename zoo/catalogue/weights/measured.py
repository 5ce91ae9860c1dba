"""What models are recorded to have been measured at, side by side: yardsticks, and ranks where figures compare."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.judges import PIXELS, is_contaminated, trained_against
from zoo.catalogue.weights.metrics import FIGURES, SAMPLES
from zoo.errors import UsageError, WeightsError, ZooError

__all__ = ["CRITERIA", "measured_on", "ranked", "recorded"]

CRITERIA = SAMPLES  # what models can be ranked by: figures of samples against the training examples
Row = dict[str, Any]


def measured_on(data: Mapping[str, Any], network: str, registry: Registry) -> list[Row]:
    """What the bundled models of those data are recorded to have, nearest to the data first: `name`, `samples`,
    `frechet` and `kernel`.

    `data` are the `data` of a config.json, and `network` is the sha256 of the feature network: distances of others do
    not compare. A model that was not measured, was trained against that network, or cannot be read, is left out.
    """
    found = []
    for owned in registry.list("model"):
        spec = owned.spec
        if not isinstance(spec, ModelSpec) or spec.weights is None or spec.weights.bundled is None:
            continue
        with contextlib.suppress(ZooError, KeyError):
            folder = Folder(name=owned.name, path=resource(spec.weights.bundled, owned.name))
            if folder.config()["data"]["sha256"] != data["sha256"]:
                continue
            rows = [row for row in _rows(folder, registry) if row["network_sha256"] == network]
            found += [row for row in rows if not row["contaminated"]][:1]
    kept = ("name", "samples", "frechet", "kernel")
    return sorted(({key: row[key] for key in kept} for row in found), key=lambda one: float(one["frechet"]))


def recorded(folder: Folder, registry: Registry, network: str = "") -> Row:
    """The figures of samples that evaluation.json of a folder holds, by the leading network or the one of that name.

    `name`, `data` and `data_sha256`, `network` and `network_sha256`, `samples`, `frechet`, `kernel`, `precision`,
    `recall`, and whether they are `contaminated`. Raises UsageError where it holds none, WeightsError.
    """
    try:
        rows = list(_rows(folder, registry))
    except (KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{folder.name}: config.json or evaluation.json lacks {error!s:.80}; measure anew"
        ) from error
    for row in rows:
        if network in ("", row["network"]):
            return row
    there = f"; it has some by {', '.join(row['network'] for row in rows)}" if rows else ""
    asked = f" --features {network}" if network else ""
    whose = f" by {network}" if network else ""
    raise UsageError(
        f"{folder.name} has no recorded figures{whose}{there}: `zoo eval {folder.name}{asked} --write` makes them"
    )


def _rows(folder: Folder, registry: Registry) -> Iterator[Row]:
    """All figures of samples of a folder, the leading ones first."""
    config, told = folder.config(), folder.evaluation()
    data, against = config["data"], trained_against(config)
    beside = [told.get("second", {}), {PIXELS: told[PIXELS]} if PIXELS in told else {}, told.get("contaminated", {})]
    for found in (told, *(one for group in beside for one in group.values())):
        if "frechet" in found:
            whose = {key: found[key] for key in ("network", "network_sha256", "samples", *SAMPLES)}
            spoilt = is_contaminated(whose["network"], whose["network_sha256"], against, registry)
            about = {"name": folder.name, "data": data.get("name", ""), "data_sha256": data.get("sha256", "")}
            yield about | whose | {"contaminated": spoilt}


def ranked(rows: Sequence[Row], by: str = "") -> list[Row]:
    """The rows of `recorded`, each with its `rank` among those that it compares with, by the Fréchet distance or `by`.

    Only figures of one network, of the same data and of as many samples compare, and none by a network that the model
    was trained against; of such, and of a model that nothing compares with, the rank is None. With `by` all are to be
    in one order, the best first: raises UsageError, which says why, where they cannot be.
    """
    if by:
        _check_comparable(rows)
    key = by or CRITERIA[0]
    sign = -1 if FIGURES[key][1] == "higher" else 1

    def comparable(row: Row) -> list[Row]:
        return [one for one in rows if not one["contaminated"] and _kind(one) == _kind(row)]

    def rank(row: Row) -> int | None:
        others = comparable(row)
        if row["contaminated"] or len(others) < 2:
            return None
        return 1 + sum(sign * float(one[key]) < sign * float(row[key]) for one in others)

    found = [row | {"rank": rank(row)} for row in rows]
    return sorted(found, key=lambda row: row["rank"] or 0) if by else found


def _kind(row: Row) -> tuple[Any, ...]:
    """What must be alike in figures that compare."""
    return row["data_sha256"], row["network"], row["network_sha256"], row["samples"]


def _check_comparable(rows: Sequence[Row]) -> None:
    for row in rows:
        if row["contaminated"]:
            raise UsageError(
                f"{row['name']} was trained against {row['network']} or a sister, and is not ranked by it; name a "
                "network of another family, or pixels, with --features"
            )
    for key, what, then in (
        ("data", "data", "leave one out"),
        ("network", "networks", "name one with --features"),
        ("samples", "numbers of samples", "measure anew with `zoo eval MODEL --samples N --write`"),
    ):
        alike = [(row[key], row.get(f"{key}_sha256")) for row in rows]
        for row, own in zip(rows, alike, strict=True):
            if own[1] != alike[0][1] or (own[1] is None and own != alike[0]):
                names = f"{rows[0]['name']} ({alike[0][0]}) and {row['name']} ({own[0]})"
                raise UsageError(f"the figures of {names} are of different {what} and do not compare; {then}")
