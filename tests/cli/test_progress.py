"""zoo.cli.progress: one line that says how far, how fast, how long still, and the losses."""

from __future__ import annotations

import io
import sys

import pytest
from cli.commands import Terminal

from zoo.cli.progress import ExampleBar, TrainingBar, duration
from zoo.training.attendant import Reading


def at(examples: int, rate: float, total: int = 1000, **metrics: float) -> Reading:
    return Reading(examples=examples, steps=0, total=total, examples_per_second=rate, metrics=metrics)


def test_a_line_has_rate_time_left_and_losses(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal each report is a line; the time left follows from the mean rate so far."""
    with TrainingBar(1000) as report:
        report(at(100, 10.0, loss=0.5))
        report(at(200, 30.0, loss=20_000.0))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "100/1000  10 examples/s  90 s left  loss 0.500"
    assert second == "200/1000  30 examples/s  53 s left  loss 20000.0"  # 200 examples took 10 + 3.33 s


def test_a_resumed_run_counts_from_where_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """What was done before does not count into the rate: 100 examples at 10 a second leave 100 for 10 seconds."""
    with TrainingBar(1000, done=800) as report:
        report(at(900, 10.0))
    assert capsys.readouterr().out.startswith("900/1000  10 examples/s  10 s left")


def test_a_run_that_goes_back_goes_on_counting(capsys: pytest.CaptureFixture[str]) -> None:
    """A report that stands before the last one, after a way back, is taken as it comes."""
    with TrainingBar(1000) as report:
        for examples in (100, 200, 50, 150):
            report(at(examples, 10.0))
    assert [line.split("  ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "90 s left",
        "80 s left",
        "95 s left",
        "85 s left",
    ]


def test_the_bar_of_a_resumed_run_starts_at_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the first thing shown of a resumed run is its share; what is printed meanwhile has its own line."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    bar = TrainingBar(1000, done=600)
    with bar as report:
        assert "60%" in screen.getvalue()
        assert "600/1000  starting" in screen.getvalue()
        report(at(800, 10.0, loss=0.5))
        assert " 80%|" in screen.getvalue().split("\r")[-1]
        assert "20 s left  loss 0.500" in screen.getvalue()
        with bar.aside():
            screen.write("zoo: a word\n")
    assert "\rzoo: a word\n" in screen.getvalue()


def test_a_last_batch_beyond_the_end_is_the_whole_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that sees a few examples more than were wanted ends at 100 %."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with TrainingBar(1000) as report:
        report(at(1008, 10.0, real_accuracy=0.5, loss=0.25))
    assert "100%|" in screen.getvalue().split("\r")[-1]
    assert "1008/1000  10 examples/s  0 s left  loss 0.250  real_accuracy" in screen.getvalue()  # losses come first
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with TrainingBar(1000, done=1008):
        assert "100%|" in screen.getvalue()


def test_a_hidden_bar_shows_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is not the first has no bar."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with TrainingBar(1000, hidden=True):
        pass
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99.4, "99 s"), (100, "2 min"), (3600, "60 min"), (6000, "1 h 40 min"), (180_000, "2 d 2 h")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    """Seconds, minutes, hours or days, whichever says it in two figures or so."""
    assert duration(seconds) == text


def test_an_evaluation_shows_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar of an evaluation moves on a terminal, and is silent elsewhere and where it should be quiet."""
    for screen, quiet, shown in ((Terminal(), False, True), (Terminal(), True, False), (io.StringIO(), False, False)):
        monkeypatch.setattr(sys, "stderr", screen)
        bar = ExampleBar(quiet=quiet)
        with bar as advance:
            advance(3, 12)
            advance(12, 12)
        assert bool(screen.getvalue()) == shown
        assert (bar.bar.n, bar.bar.total) == (12, 12) or not shown
