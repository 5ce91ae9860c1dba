"""zoo.evaluation.written: what models of tokens copy, and which rules they keep."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from zoo.cli.main import main
from zoo.evaluation.written import copied_share
from zoo_music.tunes import Tunes, tunes


def test_pieces_that_stand_somewhere_are_counted() -> None:
    """Of each text by itself, never across two; whole copies are 1, nothing in common is 0, half is half."""
    known = ["abcdefgh", "ijklmnop"]
    assert copied_share(["abcdefgh"], known, 4) == 1
    assert copied_share(["ponmlkji"], known, 4) == 0
    assert copied_share(["efghijkl"], known, 4) == pytest.approx(2 / 5)  # efgh and ijkl, and nothing between
    assert copied_share(["abcd", "zzzz"], known, 4) == 0.5
    assert copied_share(["abc", ""], known, 4) == 0
    assert copied_share([], known, 4) == 0
    assert copied_share(["abcd"], [], 4) == 0


def test_rules_of_tunes() -> None:
    """A good tune keeps both; a short bar breaks the one, a sign that is none the other."""
    good, short, wrong = "M:3/4\nL:1/4\nK:C\nCDE|FGA|", "M:3/4\nL:1/4\nK:C\nCDE|FG|FGA|", "M:3/4\nL:1/4\nK:C\nCDE|JGA|"
    kind = tunes({})
    assert isinstance(kind, Tunes)

    def rules(*texts: str) -> list[float]:
        longest = max(map(len, texts)) + 2
        return [*kind.rules(kind.tokens("".join(t.ljust(longest, "\n") for t in texts)).view(len(texts), -1)).values()]

    assert rules(good) == [1, 1]
    assert rules(good, short) == [1, pytest.approx(4 / 5)]
    assert rules(good, wrong)[0] == 0.5
    unfinished = kind.tokens(f"{good}AB(3c")  # the example ends before the tune does
    assert [*kind.rules(unfinished[None]).values()] == [1, 1]


@pytest.mark.filterwarnings("ignore:.*few examples:UserWarning")
def test_a_model_that_knows_its_text_by_heart_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`zoo eval` says the share, `--write` keeps it and the card tells it; networks and classes are for other data."""
    monkeypatch.chdir(tmp_path)
    Path("fox.txt").write_text("the quick brown fox jumps over the lazy dog. " * 60, encoding="utf-8")
    trained = ["train", "char-lstm", "--data", "./fox.txt", "--out", "run", "--examples", "3200"]
    for setting in ("config.width=48", "config.length=40", "settings.lr=0.01", "config.layers=1"):
        trained += ["--set", setting]
    assert main(trained) == 0
    assert main(["export", "run", "-o", "model"]) == 0
    capsys.readouterr()
    few = ["eval", "./model", "--samples", "20", "--seeds", "0,1"]
    assert main([*few, "--json"]) == 0
    copied = json.loads(capsys.readouterr().out)[0]["records"]["copied@20"]
    assert copied["value"] > 0.5
    assert (copied["floor"], copied["seeds"], len(copied["values"])) == (1, [0, 1], 2)
    assert main([*few, "--write"]) == 0
    assert "pieces of 25 characters" in capsys.readouterr().out
    assert json.loads(Path("model/evaluation.json").read_text())["records"]["copied@20"]["value"] == copied["value"]
    assert f"| {copied['value']:.1%} ± {copied['spread']:.1%} | 100.0% |" in Path("model/README.md").read_text(
        encoding="utf-8"
    )
    assert main(["likelihood", "./model", "--write", "--json"]) == 0
    out = capsys.readouterr().out
    nats, bits = json.loads(out[out.index("[\n") :])[0]["records"].values()
    assert (nats["seeds"], nats["spread"], nats["settings"], len(nats["values"])) == ([], None, {}, 1)  # exactly
    assert nats["command"] == "zoo likelihood . --data text:fox.txt"
    assert bits["value"] == pytest.approx(nats["value"] / 40 / math.log(2), rel=1e-5)
    assert main(["verify", "./model"]) == 0
    capsys.readouterr()
    assert main(few) == 0
    assert "recorded before, by other commands:\nFIGURE" in capsys.readouterr().out
    assert main(["eval", "./model", "--classify"]) == 2
    assert "not for tokens" in capsys.readouterr().err
    assert main(["eval", "./model", "--samples", "1"]) == 2
    Path("cat.txt").write_text("a cat is no fox, and no dog either; it sleeps. " * 60, encoding="utf-8")
    assert main(["eval", "./model", "--data", "./cat.txt"]) == 2
    assert "has copied nothing there" in capsys.readouterr().err
