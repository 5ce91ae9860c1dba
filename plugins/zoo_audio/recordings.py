"""The datasets of sound: spoken digits, and recordings of one's own."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from zoo.api import DataFacts
from zoo.data import DataRequest, Examples, not_found
from zoo.errors import DataError, NotFoundError
from zoo.files import storage_errors
from zoo_audio import DIGITS, LENGTH
from zoo_audio.sounds import placed
from zoo_audio.wav import as_rate, read_sound, read_wav

__all__ = ["own", "own_facts", "spoken_digits"]

TAR = "fsdd.tar"
SHA256 = "9cbd40a399fee10d4611dc8ffe6de219695fd804a62dfb43373f183715b43877"
RATE = 8_000
USUAL_RATE = "16000"  # of own recordings
TEST = 5  # the recordings of a speaker and digit with smaller numbers are the test
HELD_OUT = 10  # one of so many own recordings
SUFFIX = ".wav"
MOST_FILES = 100_000
STEP = 64  # of its length a multiple is taken where nobody asks for one


def spoken_digits(request: DataRequest) -> Examples:
    """The recordings of `fsdd.tar` in a ZOO_DATA folder.

    `factors`, each (N,): digit; speaker, which of six; and by the name of each speaker, whether it is that one.

    Raises NotFoundError, IntegrityError for another file.
    """
    _, length = request.data_shape or (1, LENGTH)
    rows, digits, speakers, cut = [], [], [], 0
    with tarfile.open(fileobj=io.BytesIO(request.pinned(TAR, SHA256))) as tar:
        for member in sorted((one for one in tar if one.name.endswith(SUFFIX)), key=lambda one: one.name):
            digit, speaker, number = PurePosixPath(member.name).stem.split("_")
            chosen = request.selection in (None, DIGITS[int(digit)])
            file = tar.extractfile(member)
            if not chosen or (int(number) < TEST) != (request.split == "test") or file is None:
                continue
            values = read_sound(io.BytesIO(file.read()), member.name).values
            cut += len(values) > length
            rows.append(placed(values, length))
            digits.append(int(digit))
            speakers.append(speaker)
    of = torch.tensor(digits)
    return Examples(
        data=torch.stack(rows),
        labels=torch.zeros_like(of) if request.selection else of,
        classes=(request.selection,) if request.selection else DIGITS,
        factors=_factors(of, speakers),
        about={"rate": RATE},
        notes=_cut(cut, len(rows), length / RATE),
    )


def _factors(digits: Tensor, speakers: list[str]) -> dict[str, Tensor]:
    known = sorted(set(speakers))
    which = torch.tensor([known.index(speaker) for speaker in speakers])
    return {"digit": digits, "speaker": which} | {name: (which == index).long() for index, name in enumerate(known)}


def own(request: DataRequest) -> Examples:
    """Recordings of anybody's: a WAV file or a folder of them, mixed to one channel and brought to one rate.

    Every tenth is the split "test". Files that cannot be read are left out, and named. Raises NotFoundError, and
    DataError for too few.
    """
    if request.split not in ("train", "test"):
        raise not_found(f"split of {request.path}", request.split, ("train", "test"))
    files, rate = _files(request), int(request.options.get("rate", USUAL_RATE))
    length = request.data_shape[-1] if request.data_shape else _usual_length(files, rate)
    chosen = [file for i, file in enumerate(files) if (i % HELD_OUT == HELD_OUT - 1) == (request.split == "test")]
    rows: list[Tensor] = []
    bad, cut = [], 0
    for file in chosen:
        try:
            sound = read_wav(file, seconds=length / rate + 1)
        except DataError as error:
            bad.append(str(error))
            continue
        cut += sound.seconds > length / rate
        rows.append(placed(as_rate(sound, rate), length))
    if len(rows) < 2:
        why = f"; {bad[0]}" if bad else ""
        raise DataError(f"{request.path} ({request.split}) has {len(rows)} recordings; at least 2 are needed{why}")
    notes = _cut(cut, len(rows), length / rate)
    return Examples(data=torch.stack(rows), about={"rate": rate}, skipped=tuple(bad), notes=notes)


def own_facts(request: DataRequest) -> DataFacts:
    """What is known of them: how many, and how long the usual one is at the rate that is asked for."""
    files, rate = _files(request), int(request.options.get("rate", USUAL_RATE))
    return DataFacts(count=len(files), shape=(1, _usual_length(files, rate)))


def _files(request: DataRequest) -> list[Path]:
    assert request.path is not None
    path = request.path.expanduser()
    with storage_errors(f"cannot read {path}"):
        found = (one for one in path.rglob("*") if one.suffix.lower() == SUFFIX and one.is_file())
        files = sorted(found) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise NotFoundError(f"there is no WAV file {'in' if path.is_dir() else 'named'} {path}")
    if len(files) > MOST_FILES:
        raise DataError(f"{path} has {len(files):,} WAV files; at most {MOST_FILES:,} are taken")
    return files


def _usual_length(files: list[Path], rate: int) -> int:
    """The median, in values at that rate, a multiple of 64."""
    lengths = []
    for file in files:
        try:
            lengths.append(read_wav(file, seconds=0).seconds)
        except DataError:  # named when it is loaded
            continue
    if not lengths:
        raise DataError(f"none of {len(files):,} WAV files can be read; {files[0]} is the first")
    return max(1, round(sorted(lengths)[len(lengths) // 2] * rate / STEP)) * STEP


def _cut(cut: int, count: int, seconds: float) -> tuple[str, ...]:
    return (f"{cut:,} of {count:,} recordings are longer than {seconds:.2f} s: their ends are cut off",) if cut else ()
