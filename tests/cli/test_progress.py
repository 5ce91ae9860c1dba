"""zoo.cli.progress: one line that says how far, what is being done, how long still, how well in words, the losses."""

from __future__ import annotations

import io
import sys
import time

import pytest
from cli.commands import Terminal

from zoo.cli import progress
from zoo.cli.lines import cells
from zoo.cli.progress import Bar, TrainingBar, duration
from zoo.training.attendant import Reading


def at(examples: int, rate: float, words: tuple[str, str] = ("", ""), **metrics: float) -> Reading:
    return Reading(examples=examples, steps=0, total=1000, examples_per_second=rate, metrics=metrics, words=words)


def a_screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 100 columns in the place of standard error, from now on."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    return terminal


def bars(screen: Terminal) -> list[str]:
    """What the line has been, one after the other."""
    return [text.rstrip() for text in screen.getvalue().split("\r") if text.strip()]


def test_a_line_has_rate_time_left_and_losses(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal each report is a line; the time left follows from the mean rate so far."""
    with TrainingBar() as bar:
        bar.begin(1000, better={"loss": "lower"})
        bar.report(at(100, 10.0, loss=0.5))
        bar.report(at(200, 30.0, ("reconstructions off by 4.0 %", "lower is better"), loss=20_000.0, kl=3.0))
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first == "100/1,000  10 examples/s  90 s left  loss 0.500 (lower is better)"
    assert second == (
        "200/1,000  30 examples/s  53 s left  reconstructions off by 4.0 %  (lower is better)  "
        "loss 20000.0 (lower is better)  kl 3.000"
    )  # 200 examples took 10 + 3.33 s
    assert captured.err == ""


def test_a_resumed_run_counts_from_where_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """What was done before does not count into the rate: 100 examples at 10 a second leave 100 for 10 seconds."""
    with TrainingBar() as bar:
        bar.begin(1000, done=800)
        bar.report(at(900, 10.0))
    assert capsys.readouterr().out.startswith("900/1,000  10 examples/s  10 s left")


def test_a_run_that_goes_back_goes_on_counting(capsys: pytest.CaptureFixture[str]) -> None:
    """A report that stands before the last one, after a way back, is taken as it comes."""
    with TrainingBar() as bar:
        bar.begin(1000)
        for examples in (100, 200, 50, 150):
            bar.report(at(examples, 10.0))
    assert [line.split("  ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "90 s left",
        "80 s left",
        "95 s left",
        "85 s left",
    ]


def test_a_pause_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    """A reading of a run that was stopped for a while says nothing of what is to come; one that is slower now does."""
    with TrainingBar() as bar:
        bar.begin(10_000)
        for number, rate in enumerate([100.0, 100.0, 100.0, 2.0, 100.0, *[50.0] * 8], 1):
            bar.report(at(100 * number, rate))
    lines = capsys.readouterr().out.splitlines()
    left = [line.split("  ")[2] for line in lines]
    assert left[3] == "96 s left"  # of 9,600 examples
    assert left[4] == "95 s left"
    assert left[-1] == "3 min left"  # 8,700 at 50 a second


def test_a_silence_is_broken_without_a_terminal_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no report comes a line says now and then what is being done; there is no carriage return in it."""
    monkeypatch.setattr(progress, "TICK", 0.01)
    monkeypatch.setattr(progress, "SILENCE", 0.05)
    with TrainingBar() as bar:
        bar.begin(1000)
        bar.doing("reading the data", 0)
        time.sleep(0.5)
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("0/1,000  reading the data")
    assert "\r" not in out


def test_the_bar_moves_whatever_the_training_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first report too: it says what is being done, and for how long."""
    screen = a_screen(monkeypatch)
    monkeypatch.setattr(progress, "TICK", 0.05)
    with TrainingBar() as bar:
        assert bars(screen) == ["loading PyTorch"]
        bar.begin(1000)
        bar.doing("reading the data", 0)
        time.sleep(1.3)
        assert bars(screen)[-1] == "  0%  [          ]  0/1,000  reading the data, 1 s"
        bar.doing("training", 500)
        time.sleep(0.3)
        assert " 50%  [#####     ]  500/1,000" in bars(screen)[-1]
    assert screen.getvalue().endswith("\r")  # without a reading nothing is left of it


def test_the_bar_of_a_resumed_run_starts_at_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the first thing shown of a resumed run is its share; what is printed meanwhile has its own line."""
    screen = a_screen(monkeypatch)
    with TrainingBar() as bar:
        bar.begin(1000, done=600)
        bar.doing("building the networks", 0)
        with bar.aside():
            pass
        assert bars(screen)[-1] == " 60%  [######    ]  600/1,000  building the networks"
        bar.report(at(800, 10.0, loss=0.5))
        assert bars(screen)[-1].startswith(" 80%  [########  ]  800/1,000")
        assert bars(screen)[-1].endswith("20 s left  loss 0.500")
        with bar.aside():
            screen.write("zoo: a word\n")
    assert "\rzoo: a word\n" in screen.getvalue()
    assert screen.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            140,
            " 80%  [########  ]  800/1,000  10 examples/s  20 s left  reconstructions off by 4.0 %  (lower is better)  "
            "loss -6684.9 (lower is better)",
        ),
        (
            110,
            " 80%  [########  ]  800/1,000  10 examples/s  20 s left  reconstructions off by 4.0 %  (lower is better)",
        ),
        (80, " 80%  [########  ]  800/1,000  20 s left  reconstructions off by 4.0 %"),
        (60, " 80%  800/1,000  20 s left  reconstructions off by 4.0 %"),
        (40, " 80%  800/1,000  20 s left"),
        (20, " 80%  800/1,000"),
    ],
)
def test_what_does_not_fit_is_left_out(width: int, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses go first, what a photographer understands stays longest, and nothing is cut; also after a resize."""
    screen = a_screen(monkeypatch)
    reading = at(800, 10.0, ("reconstructions off by 4.0 %", "lower is better"), loss=-6684.9, elbo=7662.8)
    with TrainingBar() as bar:
        bar.begin(1000, done=600, better={"loss": "lower", "elbo": "higher"})
        monkeypatch.setenv("COLUMNS", str(width))
        bar.doing("training", 800)
        bar.report(reading)
        assert bars(screen)[-1] == line
    assert cells(line) < width


def test_a_last_batch_beyond_the_end_is_the_whole_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that sees a few examples more than were wanted ends at 100 %."""
    screen = a_screen(monkeypatch)
    with TrainingBar() as bar:
        bar.begin(1000)
        bar.report(at(1008, 10.0, real_accuracy=0.5, loss=0.25))
    assert bars(screen)[-1].startswith("100%  [##########]  1,008/1,000")
    assert "0 s left  loss 0.250  real_accuracy" in bars(screen)[-1]  # losses come first


def test_a_hidden_bar_shows_nothing_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that is not the first has no bar."""
    screen = a_screen(monkeypatch)
    with TrainingBar(hidden=True) as bar:
        bar.begin(1000)
        bar.report(at(800, 10.0, loss=0.5))
    assert screen.getvalue() == capsys.readouterr().out == ""


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
        bar = Bar(quiet=quiet)
        with bar as advance:
            advance(3, 12)
            advance(12, 12)
        assert bool(screen.getvalue()) == shown
        assert (bar.bar.n, bar.bar.total) == (12, 12) or not shown


def test_who_listens_is_told_what_a_bar_is_told() -> None:
    """Within `progress_to` each advance reaches the listener, whose exception ends the work; afterwards none does."""
    told: list[tuple[int, int]] = []
    with progress.progress_to(lambda done, total: told.append((done, total))), Bar(quiet=True) as advance:
        advance(1, 4)
        advance(4, 4)
    with Bar(quiet=True) as advance:
        advance(2, 4)
    assert told == [(1, 4), (4, 4)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.progress_to(stop), Bar(quiet=True) as advance:
        advance(1, 4)
