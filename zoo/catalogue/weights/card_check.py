"""A card read back, as an editor may have left it, and compared with what the weights folder holds."""

from __future__ import annotations

import codecs
import re
from typing import Any

from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, Folder
from zoo.catalogue.weights.metrics import metrics_of
from zoo.errors import WeightsError

__all__ = ["check_card", "read_card"]

ANEW = "write it anew with `zoo export` or `zoo eval --write`"
MOST_FRONT_MATTER = 2**16  # bytes: beyond, reading YAML takes its time


def check_card(folder: Folder) -> str:
    """Compare the card with config.json and evaluation.json: "consistent", or "none" where there is no card.

    Raises WeightsError naming what they disagree about.
    """
    if not folder.has(CARD):
        return "none"
    where, data = str(folder.path / CARD), folder.config()
    text = read_card(bytes(folder.read(CARD)), where)
    front = _read_front_matter(text, where)
    for problem in _problems(front, text, data, folder.evaluation()):
        raise WeightsError(f"{where}: {problem}; {ANEW}")
    return "consistent"


def read_card(raw: bytes, where: str) -> str:
    """The text of a card, whatever the editor made of it: with a byte order mark, and with CRLF or CR at line ends.

    Raises WeightsError for another encoding.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cause = "it is UTF-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else f"{error!s:.80}"
        raise WeightsError(f"{where} is no UTF-8 ({cause}); save it as UTF-8 in your editor") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_front_matter(text: str, where: str) -> dict[str, Any]:
    import yaml

    match = re.match(r"\s*---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", text, re.DOTALL)
    if match is None or len(match[1]) > MOST_FRONT_MATTER:
        raise WeightsError(f"{where} does not begin with front matter between two lines of ---; {ANEW}")
    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WeightsError(f"{where}: its front matter is no YAML ({_place(error)}); mend it, or {ANEW}") from error
    if not isinstance(front, dict):
        raise WeightsError(f"{where}: its front matter is no table of keys and values; {ANEW}")
    return front


def _place(error: Exception) -> str:
    """What is wrong with YAML, and in which line of the card: the front matter begins in its second."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return type(error).__name__
    return f"line {mark.line + 2}: {getattr(error, 'problem', '') or type(error).__name__}"


def _problems(front: dict[str, Any], text: str, data: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """What the card says otherwise than config.json and evaluation.json do."""
    tags, found = front.get("tags"), []
    recipe = data["training"].get("recipe")
    licence = recipe.get("licence") if isinstance(recipe, dict) else None
    if front.get("library_name") != "genzoo" or not isinstance(tags, list) or "genzoo" not in tags:
        found.append("library_name and tags do not say genzoo")
    elif data["architecture"] not in tags:
        found.append(f"its tags lack the architecture of {CONFIG}, {data['architecture']}")
    if isinstance(licence, str) and front.get("license") != (licence or "other").lower():
        found.append(f"license is {front.get('license')!r:.40}, {CONFIG} says {licence!r:.40}")
    if elsewhere := re.findall(r'zoo\.load\("(\.+/[^"]*)"', text):
        found.append(f"it tells to load {elsewhere[0]}, and a folder may be called anything")
    for key in ("name", "sha256"):
        value = data["data"].get(key)
        if isinstance(value, str) and value not in text:
            found.append(f"it does not name the data of {CONFIG} ({value:.80})")
    metrics = _metrics(front)
    for key, figure in metrics_of(report).items():
        if type(figure) in (int, float) and metrics.get(key) != _rounded(figure):
            found.append(f"{key} is {metrics.get(key)!r:.40}, {EVALUATION} says {_rounded(figure)}")
    return found


def _rounded(value: float) -> float:
    """As `_front_matter` writes it; a whole number beyond all floats is infinity."""
    try:
        return float(f"{value:.5g}")
    except OverflowError:
        return float("inf")


def _metrics(front: dict[str, Any]) -> dict[str, float]:
    """The figures of `model-index`; none where it is malformed."""
    try:
        rows = [m for one in front["model-index"] for result in one["results"] for m in result["metrics"]]
        return {str(row["type"]): float(row["value"]) for row in rows}
    except (KeyError, TypeError, ValueError, OverflowError):
        return {}
