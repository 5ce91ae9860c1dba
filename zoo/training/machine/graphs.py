"""Steps that a GPU replays: what a step does is recorded once, as a CUDA graph, and from then on sent to it whole.

A step of small networks is some hundred short operations, and Python takes longer to ask for them than a GPU to do
them. A step is a function of its batch and its draws, so it can be recorded: what changes from one to the next (the
rows of the batch, the draws, rates, weights of losses and averages) lies in tensors that stay where they are. The draws
are those of the run's own generator, on the CPU, in the order in which the step asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from zoo.data.batches import Batches
from zoo.data.draws import Draw
from zoo.training.machine.parcel import Kind, Parcel
from zoo.training.optimizers import make_capturable
from zoo.training.state import TrainState
from zoo.training.trainer import Figures

__all__ = ["CudaRecorder", "Graphs", "Recorder", "by_itself", "place_data", "recorder_of", "stepper"]

WARM = 3  # steps of a kind before it is recorded: what is made in the first of them is there by then
PART = 3  # the data may take one part in so many of a GPU's free memory
Step = Callable[[], Figures]


class Recorder(Protocol):
    """How steps are recorded and replayed."""

    def alone(self, step: Step) -> Figures:
        """Take a step as it is, where others will be recorded."""
        ...

    def record(self, step: Step) -> tuple[Figures, Callable[[], None]]:
        """Take a step and record it. Gives its figures, and what does all of it again, on the same tensors.

        Raises RuntimeError for what cannot be recorded; the step has not been taken then.
        """
        ...


class CudaRecorder:
    """By CUDA graphs on `device`, which share their memory: they are replayed one at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def alone(self, step: Step) -> Figures:
        """On the stream that records, as PyTorch asks for what is recorded there later."""
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            figures = step()
        current.wait_stream(self.stream)
        return figures

    def record(self, step: Step) -> tuple[Figures, Callable[[], None]]:
        """Recording alone does nothing, so the recording is replayed at once."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
            figures = step()
        graph.replay()
        return figures, graph.replay


def recorder_of(device: torch.device) -> Recorder | None:
    """What records on a device; None where nothing does."""
    return CudaRecorder(device) if device.type == "cuda" else None


def by_itself(state: TrainState, size: int) -> Figures:
    """A step of `size` examples over all processes as it is, and the averages' move after it."""
    figures = state.trainer.step(*state.next_batch())
    for ema in state.emas.values():
        ema.update(examples=size, examples_seen=state.examples + size)
    return figures


def stepper(state: TrainState, *, graphs: bool, tell: Callable[[str], None]) -> Callable[[int], Figures]:
    """What takes a run's steps, of so many examples each: replayed where that is asked for and can be.

    `tell` gets a line where it was asked for on a GPU and cannot be.
    """
    recorder = recorder_of(state.trainer.processes.device) if graphs else None
    if recorder is None:
        return partial(by_itself, state)
    return Graphs(state, recorder, tell)


def place_data(batches: Batches, device: torch.device) -> list[str]:
    """Let the examples lie on a GPU where they take at most a third of what is free there; gives what is to be said."""
    if device.type != "cuda" or not isinstance(batches.data, Tensor):
        return []
    size, room = batches.data.nbytes / 1e6, torch.cuda.mem_get_info(device)[0] // PART
    if batches.move(device, room):
        return [f"the data lie on {device}: {size:,.0f} MB"]
    return [f"the data stay in the computer's memory: {size:,.0f} MB are more than a third of what is free on {device}"]


@dataclass(frozen=True)
class _Recording:
    """A step that was recorded."""

    parcel: Parcel  # its batch and its draws
    figures: Figures  # of the step that was replayed last
    replay: Callable[[], None]


@dataclass
class _Kind:
    """Steps of one variant."""

    alone: int = 0  # of them that were taken as they are
    draws: tuple[Draw, ...] = ()  # of each
    batch: tuple[Kind, ...] = ()  # what is sent of a batch
    recording: _Recording | None = None


class Graphs:
    """The steps of one pass of the loop; a state that has been restored wants another one."""

    def __init__(self, state: TrainState, recorder: Recorder, tell: Callable[[str], None]) -> None:
        self.state, self.trainer, self.recorder, self.tell = state, state.trainer, recorder, tell
        self.device, self.kinds = self.trainer.processes.device, dict[Hashable, _Kind]()
        self.reason = self._hindrance()  # why steps are not replayed, in so many words; "": they are
        self.weights = {name: torch.zeros((), device=self.device) for name in state.emas}
        self.moving = {name: torch.zeros((), device=self.device) for name in self.trainer.scheduled(self._share)}
        data = state.batches.data
        self.near = isinstance(data, Tensor) and data.device.type == self.device.type
        if self.reason:
            self._say()

    def __call__(self, size: int) -> Figures:
        """The next step, of `size` examples: replayed, recorded, or as it is."""
        state, trainer = self.state, self.trainer
        trainer.moving = None if self.reason else self.moving
        if self.reason:
            return by_itself(state, size)
        for name, value in trainer.scheduled(self._share).items():
            self.moving[name].fill_(value)
        for name, ema in state.emas.items():
            self.weights[name].fill_(ema.weight(examples=size, examples_seen=state.examples + size))
        kind = self.kinds.setdefault(trainer.variant(), _Kind())
        if kind.recording is not None:
            self._send(kind, kind.recording.parcel)
            kind.recording.replay()
            return kind.recording.figures
        return self._alone(kind) if kind.alone < WARM else self._record(kind)

    @property
    def _share(self) -> int:
        return self.state.batches.share

    def _whole(self, stored: Tensor, labels: Tensor | None) -> Figures:
        """All that is recorded: stored examples on the device, and their labels, become a step and what follows it."""
        figures = self.trainer.step(self.trainer.modality.ready(stored, self.trainer.value_range), labels)
        for name, ema in self.state.emas.items():
            ema.move(self.weights[name])
        return figures

    def _alone(self, kind: _Kind) -> Figures:
        """A step as it is, from which is seen what the others of its kind will ask for."""
        stored, labels = self.state.batches.next()
        near = stored.to(self.device), None if labels is None else labels.to(self.device)
        draws, noted, before = self.trainer.draws, list[Draw](), self._standing()

        def note(draw: Draw) -> Tensor:
            noted.append(draw)
            return draws.take(draw)

        with self.trainer.drawing(note):
            figures = self.recorder.alone(partial(self._whole, *near))
        if kind.alone and kind.draws != tuple(noted):
            self.reason = "its steps differ in what they draw"
        else:
            self.reason = self._astray(before, noted)
        kind.alone, kind.draws = kind.alone + 1, tuple(noted)
        kind.batch = ((torch.int64, (self._share,)),) if self.near else tuple(map(_kind, _there(stored, labels)))
        if self.reason:
            self._say()
        return figures

    def _record(self, kind: _Kind) -> Figures:
        parcel = Parcel([*kind.batch, *((draw.dtype, draw.shape) for draw in kind.draws)], self.device)
        self._send(kind, parcel)

        def step() -> Figures:
            given = _Given(kind.draws, parcel.tensors[len(kind.batch) :])
            with self.trainer.drawing(given):
                figures = self._whole(*self._batch(parcel.tensors[: len(kind.batch)]))
            given.check_empty()
            return figures

        try:
            figures, replay = self.recorder.record(step)
        except RuntimeError as error:
            self.reason = f"it could not be recorded ({str(error).splitlines()[0]:.200})"
            self._say()
            return step()
        kind.recording = _Recording(parcel, figures, replay)
        return figures

    def _send(self, kind: _Kind, parcel: Parcel) -> None:
        """Fill a parcel with the next batch and its draws."""
        batches, here = self.state.batches, parcel.open()
        batch = [batches.next_rows()] if self.near else _there(*batches.next())
        for mine, tensor in zip(here, batch, strict=False):
            mine.copy_(tensor)
        for mine, draw in zip(here[len(kind.batch) :], kind.draws, strict=True):
            draw.of(self.trainer.random, out=mine)
        parcel.send()

    def _batch(self, tensors: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Examples as they are stored, and their labels, of what a parcel holds of a batch."""
        if self.near:
            return self.state.batches.at(tensors[0])
        return tensors[0], tensors[1] if len(tensors) > 1 else None

    def _hindrance(self) -> str:
        """What is known beforehand that keeps steps from being replayed."""
        trainer = self.trainer
        if trainer.processes.count > 1:
            return "several processes train together"
        if trainer.accumulate > 1:
            return "batches are cut into pieces (accumulate)"
        if trainer.variant() is None:
            return f"{type(trainer).__name__} does not say that it can be replayed"
        for optimizer in trainer.optimizers.values():
            if not make_capturable(optimizer, self.device):
                return f"{type(optimizer).__name__} cannot be replayed"
        return ""

    def _say(self) -> None:
        self.tell(f"steps are taken one by one, and not replayed as CUDA graphs: {self.reason}")

    def _standing(self) -> tuple[Tensor, Tensor, list[int]]:
        """The states of both random numbers on the CPU, and where in memory the parts' tensors lie."""
        parts = self.trainer.parts.values()
        places = [tensor.data_ptr() for part in parts for tensor in (*part.parameters(), *part.buffers())]
        return self.trainer.random.get_state(), torch.get_rng_state(), places

    def _astray(self, before: tuple[Tensor, Tensor, list[int]], noted: list[Draw]) -> str:
        """What a step has done that a recording would not: compared with how all stood before, and what it drew."""
        own, torchs, places = self._standing()
        again = torch.Generator()
        again.set_state(before[0])
        for draw in noted:
            draw.of(again)
        if not torch.equal(again.get_state(), own):
            return "it draws numbers otherwise than by its `draws`"
        if self.device.type != "cpu" and not torch.equal(before[1], torchs):
            return "it draws numbers of torch's own on the CPU"
        return "" if before[2] == places else "it puts new tensors into the place of its weights or buffers"


class _Given:
    """Draws that lie in tensors, given in the order in which they were asked for before."""

    def __init__(self, draws: tuple[Draw, ...], tensors: list[Tensor]) -> None:
        self.left = list(zip(draws, tensors, strict=True))

    def __call__(self, draw: Draw) -> Tensor:
        if not self.left or self.left[0][0] != draw:
            raise RuntimeError("a step draws otherwise than those before it")
        return self.left.pop(0)[1]

    def check_empty(self) -> None:
        """Raise RuntimeError where not all was asked for."""
        if self.left:
            raise RuntimeError("a step draws less than those before it")


def _there(stored: Tensor, labels: Tensor | None) -> list[Tensor]:
    return [stored] if labels is None else [stored, labels]


def _kind(tensor: Tensor) -> Kind:
    return tensor.dtype, tuple(tensor.shape)
