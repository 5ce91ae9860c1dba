"""zoo_images.shards: tars read where they lie; order, bytes and errors depend on nothing but them and the seed."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from plugins.shard_files import (
    REGISTRY,
    files_of,
    make,
    numbers,
    picture,
    stream,
    two_classes,
    walk,
    whole,
)

from zoo.catalogue.recipes.recipe import parse_recipe, resolve
from zoo.data.batches import AHEAD, Batches
from zoo.data.facts import data_facts
from zoo.data.loading import Examples, Streamed, load_dataset
from zoo.errors import ConfigError, DataError, NotFoundError, PluginError, StorageError, UsageError, ZooError
from zoo.training.attendant import Attendant
from zoo.training.train import train
from zoo_images import shard_index, shard_rows, shards
from zoo_images.shard_rows import WINDOW, ShardRows
from zoo_images.splits import content_number


def in_memory(reference: object, **rest: Any) -> Examples:
    env = {"ZOO_CACHE": "/proc/none"}
    return load_dataset(f"shards:{reference}", registry=REGISTRY, env=env, data_shape=(3, 8, 8), **rest)


def rows_of(found: Streamed) -> ShardRows:
    assert isinstance(found.data, ShardRows)
    return found.data


def test_pictures_and_classes_are_read_in_their_order(folder: Path) -> None:
    """Rows are the pictures in the order of shards and members; a number in `.cls` is the label, `.json` is ignored."""
    found = stream(folder)
    pixels, rows = found.data.read(torch.arange(200))
    assert (len(found.data), pixels.shape, pixels.dtype) == (200, (200, 3, 8, 8), torch.uint8)
    assert numbers(pixels) == rows.tolist() == list(range(200))
    assert found.labels is not None
    assert found.labels.tolist() == [row % 3 for row in range(200)]
    assert found.classes == ("0", "1", "2")
    assert list(found.files) == [f"part-{shard:02}.tar" for shard in range(20)]


def test_names_of_classes_are_sorted_and_selected(tmp_path: Path) -> None:
    """Classes that are words are numbered as they are sorted; shards[cat] is that class alone."""
    make(tmp_path / "s/a.tar", files_of(range(3), lambda row: "dog"))
    make(tmp_path / "s/test.tar", files_of(range(20, 22), lambda row: "dog"))
    make(tmp_path / "s/b.tar", files_of(range(3, 9), lambda row: ("cat", "12")[row % 2]))
    found = stream(tmp_path / "s")
    assert found.labels is not None
    assert (found.classes, found.labels.tolist()) == (("12", "cat", "dog"), [2, 2, 2, 0, 1, 0, 1, 0, 1])
    env = {"ZOO_CACHE": "/proc/none"}
    cats = load_dataset(f"shards[cat]:{tmp_path / 's'}", registry=REGISTRY, env=env, data_shape=(3, 8, 8))
    assert (numbers(cats.data), cats.classes) == ([4, 6, 8], ("cat",))
    assert cats.labels is not None
    assert cats.labels.tolist() == [0, 0, 0]
    assert cats.sha256 != found.sha256
    with pytest.raises(NotFoundError, match="cat"):
        load_dataset(f"shards[cats]:{tmp_path / 's'}", registry=REGISTRY, env=env)


def test_without_classes_there_are_no_labels(tmp_path: Path) -> None:
    """Shards without `.cls` have no labels; folders inside, hidden files and long names are no matter."""
    deep = "d" * 120 + "/" + "n" * 90
    files = [("./a/1.png", picture(1)), (f"{deep}.jpg", picture(2)), ("a/._1.png", b"x"), ("a/1.txt", b"x")]
    place = make(tmp_path / "x.tar", files, form=tarfile.PAX_FORMAT)
    found = stream(place)
    assert (found.labels, found.classes, whole(place)) == (None, (), [1, 2])
    make(tmp_path / "gnu.tar", files, form=tarfile.GNU_FORMAT)
    assert stream(tmp_path / "gnu.tar").sha256 == found.sha256


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("part-{03..05}.tar", 30),
        ("part-0*.tar", 100),
        ("part-{00,1?}.tar", 110),
        ("../shards/part-{00..01}.tar", 20),
        ("part-07.tar", 10),
    ],
)
def test_patterns_name_shards(pattern: str, count: int, folder: Path) -> None:
    """Ranges and lists in braces, and wildcards, name shards; one that a range names and is missing is an error."""
    assert len(whole(folder / pattern)) == count
    (folder / "part-04.tar").unlink()
    if "{03" in pattern:
        with pytest.raises(NotFoundError, match=r"part-04\.tar: no such shard"):
            stream(folder / pattern)


def test_folders_are_splits(folder: Path) -> None:
    """Where the tars lie in folders train and test, in any spelling, these are the splits."""
    (folder / "test-00.tar").unlink()
    for name, shards_ in (("Training", range(15)), ("TEST", range(15, 20))):
        (folder / name).mkdir()
        for shard in shards_:
            os.replace(folder / f"part-{shard:02}.tar", folder / name / f"part-{shard:02}.tar")
    assert (len(stream(folder).data), len(stream(folder, split="test").data)) == (150, 50)
    with pytest.raises(NotFoundError, match="val"):
        stream(folder, split="val")


def test_names_of_shards_say_their_split(folder: Path) -> None:
    """Shards named val or test are not trained on, though they lie in one folder with the others; nor are others, where
    some are named train.
    """
    assert (len(stream(folder).data), len(stream(folder, split="test").data)) == (200, 10)
    (folder / "part-03.tar").rename(folder / "set-VALIDATION-3.tar")
    assert (len(stream(folder).data), len(stream(folder, split="valid").data)) == (190, 10)
    (folder / "part-04.tar").rename(folder / "train_4.tar")
    found = stream(folder)
    assert len(found.data) == 10
    assert found.notes[0] == "split train: 1 shards; there are test, val too; 18 shards beside these left out"


def test_without_names_a_tenth_is_held_out_by_content(folder: Path, tmp_path: Path) -> None:
    """Shards that name no splits give a tenth as test: the same pictures as a folder of them, wherever they stand."""
    (folder / "test-00.tar").unlink()
    train, test = stream(folder), stream(folder, split="test")
    held = numbers(test.data.read(torch.arange(len(test.data)))[0])
    assert held == [n for n in range(200) if content_number(hashlib.sha256(picture(n)).hexdigest()) % 10 == 0]
    assert whole(folder) == list(range(200))
    assert train.notes[0].startswith(f"split train: {200 - len(held)} of 200 pictures, the rest is test: ")
    assert train.notes[1] == "left out: 200 .json files"
    assert train.sha256 != test.sha256
    (tmp_path / "photos").mkdir()
    for n in range(200):
        (tmp_path / "photos" / f"{n:03}").write_bytes(picture(n))
    env = {"ZOO_CACHE": "/proc/none"}
    photos = load_dataset(f"images:{tmp_path / 'photos'}", registry=REGISTRY, env=env, split="test")
    assert numbers(photos.data) == held


def test_a_starter_is_told_the_size_of_the_pictures(folder: Path) -> None:
    """To a starter, shards have the size of their pictures, whatever size they are loaded at by default."""
    found = data_facts(f"shards:{folder}", registry=REGISTRY, env={"ZOO_CACHE": "/proc/none"})
    assert (found.count, found.shape) == (200, (3, 8, 8))


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("shards", UsageError),
        ("shards:/nonexistent/x.tar", NotFoundError),
        ("shards:/nonexistent/{0..3}.tar", NotFoundError),
        ("shards:/nonexistent/*.tar", NotFoundError),
        ("shards:/tmp/{0..99999999999}.tar", UsageError),
        ("shards:/tmp/{0..999}{0..999}.tar", UsageError),
        ("shards:/dev/null", DataError),
        ("shards:/tmp/" + "x" * 5000, StorageError),
    ],
)
def test_paths_that_lead_nowhere_are_typed(reference: str, error: type[ZooError]) -> None:
    """A path without shards, a device, a pattern without end, a name that is too long: each has its error, at once."""
    with pytest.raises(error):
        load_dataset(reference, registry=REGISTRY, env={"ZOO_CACHE": "/proc/none"})


def test_an_epoch_has_each_picture_once_and_follows_from_the_seed(folder: Path) -> None:
    """An epoch is a permutation, another in each epoch and for each seed, the same for the same."""
    found = stream(folder)
    one, two = walk(found, 12)[:12], walk(found, 24)[12:]
    assert sorted(number for batch in walk(found, 10, batch_size=20) for number in batch) == list(range(200))
    assert one == walk(found, 12)
    assert one != two
    assert one != walk(found, 12, seed=1)


def test_pictures_are_mixed_within_a_window_of_shards(folder: Path) -> None:
    """A window is of 8 shards and holds no others; within it the shards are mixed."""
    order = rows_of(stream(folder)).order(torch.Generator().manual_seed(3))
    first = (order[: 10 * WINDOW] // 10).tolist()
    assert len(set(first)) == WINDOW
    assert len(set(first[:20])) > WINDOW // 2
    assert not set(first) & set((order[10 * WINDOW :] // 10).tolist())


@pytest.mark.parametrize("cut", [0, 1, 7, 12, 15])
def test_a_position_goes_on_exactly(cut: int, folder: Path) -> None:
    """A walk that begins at a kept position goes on with the same batches and labels, over an epoch's end too."""
    found = stream(folder)
    first = Batches(found.data, found.labels, batch_size=16, seed=4)
    for _ in range(cut):
        first.next()
    position = json.loads(json.dumps(first.position))
    again = stream(folder)
    second = Batches(again.data, again.labels, batch_size=16, seed=4)
    second.next()
    second.position = position
    for _ in range(20):
        (x, labels), (y, others) = first.next(), second.next()
        assert torch.equal(x, y)
        assert labels is not None
        assert others is not None
        assert torch.equal(labels, others)
        assert labels.tolist() == [number % 3 for number in numbers(x)]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_change_nothing(threads: int, folder: Path) -> None:
    """However many threads decode, the batches are the same."""
    (folder / "part-02.tar").unlink()
    make(folder / "part-02.tar", [*files_of(range(20, 29), lambda row: "0"), ("x.png", b"bad"), ("x.cls", b"0")])
    found = stream(folder)
    rows = ShardRows(rows_of(found).shards, rows_of(found).rules, where="x", threads=threads)
    batches = Batches(rows, found.labels, batch_size=16, seed=0)
    assert [numbers(batches.next()[0]) for _ in range(30)] == walk(found, 30)
    assert len(rows.bad) == 1


def test_few_pictures_are_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the batch at hand and the next two are decoded at once, and no more files are open than said."""
    alive, most, opened = [0], [0], [0]
    lock, decode = threading.Lock(), shard_rows.decode_picture

    class Counted:
        def __init__(self, pixels: torch.Tensor) -> None:
            self.pixels = pixels
            with lock:
                alive[0] += 1
                most[0] = max(most[0], alive[0])

        def __del__(self) -> None:
            with lock:
                alive[0] -= 1

    stack = torch.stack
    monkeypatch.setattr(shard_rows, "decode_picture", lambda *what: Counted(decode(*what)))
    monkeypatch.setattr(torch, "stack", lambda all_: stack([each.pixels for each in all_]))
    found = stream(folder)
    batches = Batches(found.data, found.labels, batch_size=4, seed=0)
    for _ in range(120):
        batches.next()
        rows = rows_of(found)
        assert len(rows.ahead) <= AHEAD * 4
        opened[0] = max(opened[0], len(rows.files.files))
    assert 4 < most[0] <= (1 + AHEAD) * 4
    assert WINDOW < opened[0] <= 2 * WINDOW


def test_shards_are_closed(folder: Path) -> None:
    """Files that fall out of use are closed."""
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    if before is None:
        pytest.skip("needs /proc")
    found = stream(folder)
    walk(found, 30)
    rows_of(found).pool.shutdown()
    del found
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_index_is_kept_and_made_anew(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are read through once; a damaged index is rebuilt; a shard of another size or time is read again."""
    walked: list[str] = []
    plain = shard_index._walk

    def counted(path: Path, file: Any) -> Any:
        walked.append(path.name)
        return plain(path, file)

    monkeypatch.setattr(shard_index, "_walk", counted)
    first = stream(folder, tmp_path / "cache")
    assert len(walked) == 20
    walked.clear()
    assert stream(folder, tmp_path / "cache").sha256 == first.sha256
    assert walked == []
    for entry in (tmp_path / "cache").rglob("*.safetensors"):
        content = bytearray(entry.read_bytes())
        content[-2] ^= 1
        entry.write_bytes(content)
    assert stream(folder, tmp_path / "cache").sha256 == first.sha256
    assert len(walked) == 20
    walked.clear()
    assert stream(folder, tmp_path / "cache").sha256 == first.sha256
    status = (folder / "part-06.tar").stat()
    os.utime(folder / "part-06.tar", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert stream(folder, tmp_path / "cache").sha256 == first.sha256
    assert walked == ["part-06.tar"]


def test_nothing_is_written_beside_the_cache(folder: Path, tmp_path: Path) -> None:
    """Reading shards writes into the cache alone, and nothing from a shard ever becomes a file."""
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    walk(stream(folder, tmp_path / "cache"), 3)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "cache" not in path.parts}
    assert {path: time for path, time in after.items() if path != tmp_path} == {
        path: time for path, time in before.items() if path != tmp_path
    }
    assert {path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()} == {".safetensors"}


def test_the_fingerprint_is_of_the_content(folder: Path, tmp_path: Path) -> None:
    """Moved, touched and packed anew, shards are the same; another byte, class, name or order is another content."""
    first = stream(folder).sha256
    folder = folder.rename(tmp_path / "moved")
    os.utime(folder / "part-00.tar", (1, 1))
    make(folder / "part-01.tar", files_of(range(10, 20), lambda row: f"{row % 3}\n"), form=tarfile.PAX_FORMAT)
    assert stream(folder).sha256 == first
    for files in (
        [*files_of(range(10, 19), lambda row: f"{row % 3}\n"), *files_of(range(20, 21), lambda row: f"{19 % 3}\n")],
        files_of(range(10, 20), lambda row: f"{(row + 1) % 3}\n"),
        [(f"a/{name}", content) for name, content in files_of(range(10, 20), lambda row: f"{row % 3}\n")],
        files_of(range(19, 9, -1), lambda row: f"{row % 3}\n"),
    ):
        make(folder / "part-01.tar", files)
        assert stream(folder).sha256 != first


def test_all_else_takes_what_fits_into_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all are asked for, they come in the order of the rows, under the fingerprint of the stream; where they do
    not fit, some from everywhere do, always the same.
    """
    whole = in_memory(folder)
    assert numbers(whole.data) == list(range(200))
    assert whole.sha256 == stream(folder).sha256
    monkeypatch.setattr(shards, "MOST_BYTES", 120 * 3 * 8 * 8)
    some = in_memory(folder)
    found = numbers(some.data)
    assert len(found) == 120
    assert found == sorted(set(found)) == numbers(in_memory(folder).data)
    assert len({number // 10 for number in found}) > 12
    assert some.labels is not None
    assert some.labels.tolist() == [number % 3 for number in found]


RECIPE = """
name = "tiny"
architecture = "dcgan"
trainer = "adversarial"
dataset = "shards:PLACE"
examples = 48
batch_size = 8
log_every = 8
sample_every = 1000
checkpoint_every = 16
config = {image_size = 8, latent_size = 4, generator_widths = [4], discriminator_widths = [4, 4]}
"""


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`run(name, resume=False, **of_the_attendant)`: train on the shards."""
    from zoo.catalogue.plugins.loading import default_registry

    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    recipe = parse_recipe(RECIPE.replace("PLACE", str(folder)), "test")
    resolved, registry = resolve(recipe, default_registry()), default_registry()
    return lambda name, resume=False, **more: train(
        resolved, tmp_path / name, registry=registry, resume=resume, attendant=Attendant(**more)
    )


def state_of(folder: Path) -> bytes:
    return (folder / "checkpoints" / "000000000048" / "state.safetensors").read_bytes()


def test_a_streamed_run_cut_and_resumed_equals_one_that_was_not(run: Callable[..., Any], tmp_path: Path) -> None:
    """Stopped at several steps and resumed, a run on shards ends in the same bytes as an uncut one."""
    run("whole")
    left = [False, False, True, True, True, False]
    run("cut", stop=lambda: left.pop(0))
    run("cut", resume=True, stop=lambda: left.pop(0))
    run("cut", resume=True)
    assert state_of(tmp_path / "cut") == state_of(tmp_path / "whole")


def test_a_changed_shard_is_refused_by_name(run: Callable[..., Any], folder: Path) -> None:
    """Between cut and resume: a shard with other content, one more, one less; the ConfigError says which."""
    run("run", stop=lambda: True)
    kept = (folder / "part-03.tar").read_bytes()
    make(folder / "part-03.tar", [(name, content) for name, content in two_classes(3) if name[:6] != "000031"])
    with pytest.raises(
        ConfigError, match=r"files\.part-03\.tar: '[0-9a-f]{16}' -> '[0-9a-f]{16}'; data\.count: 200 -> "
    ):
        run("run", resume=True)
    (folder / "part-03.tar").write_bytes(kept)
    (folder / "part-00.tar").rename(folder / "part-20.tar")
    with pytest.raises(ConfigError, match=r"files\.part-00\.tar: '[0-9a-f]{16}' -> None"):
        run("run", resume=True)
    (folder / "part-20.tar").rename(folder / "part-00.tar")
    run("run", resume=True)


def test_bad_pictures_are_named_while_training(
    run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad picture that training comes upon is a warning."""
    files = [(name, b"bad" if name == "000070.png" else content) for name, content in two_classes(7)]
    make(folder / "part-07.tar", files)
    warned: list[str] = []
    run("one", warn=warned.append)
    assert [line for line in warned if line.startswith("skipped: part-07.tar, picture 0 at byte 512 (not a picture")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (torch.zeros(3, 28, 28, dtype=torch.uint8), r"of the shape \(3, 28, 28\), and the networks take \(3, 8, 8\)"),
        (torch.zeros(1, 8, 8, dtype=torch.uint8), r"of the shape \(1, 8, 8\), and the networks take \(3, 8, 8\)"),
        (torch.zeros(3, 8, 8), r"cannot be: pictures are uint8 \(N, C, H, W\)"),
    ],
)
def test_examples_that_do_not_fit_are_refused_before_the_first_step(
    given: torch.Tensor, says: str, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loader that does not heed what it is asked for is named, with what it gives and what is needed; no run is
    left.
    """
    monkeypatch.setattr(ShardRows, "read", lambda self, rows: (given[None].repeat(len(rows), 1, 1, 1), rows))
    with pytest.raises(PluginError, match=rf"^shards:.* \(train\) gives examples .*{says}.*report it to its author"):
        run("run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (torch.nan, r"become values from nan to nan, and this trainer's networks take \[-1\.0, 1\.0\]"),
        (2.0, r"become values from 2 to 2, and this trainer's networks take \[-1\.0, 1\.0\]"),
        (torch.tensor(0.5, dtype=torch.float64), r"become torch\.float64, and networks take torch\.float32"),
    ],
)
def test_what_networks_would_see_is_looked_at_too(
    seen: Any, says: str, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind of data that makes other values of what is stored than the trainer asks for is found out likewise."""
    monkeypatch.setattr(
        "zoo.images.modality.to_range", lambda x, *_: torch.as_tensor(seen).expand(x.shape).contiguous()
    )
    with pytest.raises(PluginError, match=says):
        run("run")
