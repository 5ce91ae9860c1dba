"""Which split a picture belongs to: by the folder it lies in, where folders are named so, else by its content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zoo.data import not_found
from zoo.errors import NotFoundError

__all__ = ["Division", "by_content", "by_names", "by_paths", "content_number", "split_named"]

SPELLINGS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}
HELD_OUT = {"test", "val"}
SHARE = 10  # one in so many is held out, where nothing says which
LEAST = 4  # of forty and more, so that something can be measured with them


def split_named(word: str) -> str | None:
    """The split that a name of a folder stands for, in any case: `Training` -> `train`; None where it is no split's."""
    return SPELLINGS.get(word.lower())


@dataclass(frozen=True, kw_only=True)
class Division:
    """What lies in which split by its place: the rest is left out of all of them."""

    splits: Mapping[str, str]  # name -> "train", "test", "val"
    left_out: int = 0  # how many belong to none

    def of(self, split: str, where: str, what: str = "pictures") -> tuple[set[str] | None, str]:
        """The names in a split, and the line that says which it is; None where it is a share of all, by content.

        "test" is "val" where there is no other, and a share where there is neither. Raises NotFoundError.
        """
        known, wanted = set(self.splits.values()), split_named(split) or split
        rest = f"{self.left_out:,} {what} beside these left out" if self.left_out else ""
        if not known & HELD_OUT and wanted in ("train", "test"):
            return None, rest
        taken = "val" if wanted == "test" and "test" not in known else wanted
        if taken not in known:
            raise not_found(f"split of {where}", split, sorted(known))
        names = {name for name, of in self.splits.items() if of == taken}
        others = ", ".join(sorted(known - {taken}))
        line = f"split {wanted}: {len(names):,} {what}" + (f", those of {taken}" if taken != wanted else "")
        line += f"; there {'are' if ',' in others else 'is'} {others} too" if others else ""
        return names, "; ".join(filter(None, [line, rest]))


def by_names(named: Mapping[str, str | None], *, alone: bool = False) -> Division | None:
    """Divide what is named after a split (name -> split) or is not (name -> None). None where there are no splits.

    What is named test or val is held out. The rest is train where nothing else is; else it is left out. A folder named
    train is a split where there is another one, or where it is `alone`: it could be a class.
    """
    splits = {name: split for name, split in named.items() if split is not None}
    known = set(splits.values())
    if not known & HELD_OUT and not (known and alone):
        return None
    rest = [name for name, split in named.items() if split is None]
    if "train" in known:
        return Division(splits=splits, left_out=len(rest))
    return Division(splits=splits | dict.fromkeys(rest, "train"))


def by_paths(paths: Mapping[str, list[str]]) -> tuple[Division | None, dict[str, list[str]]]:
    """Divide pictures by their folders: `train/cat/1.png` or `cat/train/1.png`. Gives their paths without the split's.

    `paths` are name -> parts. None where no folder is a split.
    """
    for level in (0, 1):
        named = {name: split_named(path[level]) if len(path) > level + 1 else None for name, path in paths.items()}
        folders = {path[level] for path in paths.values() if len(path) > level + 1}
        every = all(named.values())
        division = by_names(named, alone=all(map(split_named, folders))) if level == 0 or every else None
        if division is not None:
            inside = {n: path[:level] + path[level + 1 :] if named[n] else path for n, path in paths.items()}
            return division, {name: path for name, path in inside.items() if name in division.splits}
    return None, dict(paths)


def content_number(sha256: str) -> int:
    """The first 60 bits of a digest: what decides on which side a picture stands."""
    return int(sha256[:15], 16)


def by_content(numbers: Iterable[int], split: str, where: str) -> tuple[set[int], str]:
    """Which contents (`content_number`s, of each picture one) are in a split where no folder says, and a line.

    A tenth is `test`: those whose number is a multiple of ten; where that are fewer than a tenth and than four, those
    with the lowest numbers too, so that there is one where there are two. A picture stays where it is when others are
    added or removed, and when it is renamed, and one that is there twice is on one side. Raises NotFoundError for
    another split than train and test, and for a test split of a single picture.
    """
    every, wanted = list(numbers), split_named(split) or split
    distinct = set(every)
    held = {number for number in distinct if number % SHARE == 0}
    least = max(1, min(LEAST, len(distinct) // SHARE))
    held |= set(sorted(distinct - held)[: max(0, least - len(held))])
    if held == distinct:
        held = {min(distinct)} if len(distinct) > 1 else set()
    if wanted not in ("train", "test") or (wanted == "test" and not held):
        hint = "it has 'train', and 'test', a tenth; for others put the pictures into folders of these names"
        hint = hint if held else "one picture cannot be divided"
        raise NotFoundError(f"no split of {where} is named {split!r:.100}; {hint}")
    chosen = held if wanted == "test" else distinct - held
    count = sum(number in chosen for number in every)
    other = "train" if wanted == "test" else "test"
    line = f"split {wanted}: {count:,} of {len(every):,} pictures, the rest is {other}"
    return chosen, f"{line}: no folder is named test, so a tenth is held out, by the sha256 of the files"
