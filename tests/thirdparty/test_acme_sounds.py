"""A package of somebody else's brings what the zoo lacks: sounds, sentences, a family, a feature network, a verb.

It enters by the doors that the pages for authors describe, and nothing in zoo/ knows of it.
"""

from __future__ import annotations

import json
import os
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from testing.mutants.workshop import Change, install

import zoo
from zoo.catalogue.plugins import loading
from zoo.cli.main import main
from zoo.data import load_dataset, modality_of
from zoo.nn import load_features
from zoo.nn.serialization import parse

Run = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, beside an installed `sounds`, with both recipes trained and exported."""
    folder = tmp_path_factory.mktemp("sounds")
    (folder / "site").mkdir()
    install(folder / "site", None, Change(plugin="sounds"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        patch.setenv("ZOO_CACHE", str(folder / "cache"))
        patch.setattr("zoo.training.tracking.USUAL", ())  # seconds to import, and not looked at
        patch.chdir(folder)
        loading.BUILT.clear()
        for name in ("tones", "sentences"):
            assert main(["train", f"sounds/{name}", "--out", f"runs/{name}"]) == 0
            assert main(["export", f"runs/{name}", "-o", name]) == 0
        yield folder
    loading.BUILT.clear()


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("list")` gives exit code, output and errors of a command."""

    def command(*words: str) -> SimpleNamespace:
        capsys.readouterr()
        code = main(list(words))
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return command


def test_its_specs_are_in_the_catalogue(here: Path) -> None:
    """Every kind of spec stands under the namespace, and refers to its own by full names."""
    registry = loading.default_registry()
    assert registry.architecture("sounds/gru").family == "sounds/autoregressive"
    assert registry.dataset("sounds/tones").modality == "sounds/wave"
    assert registry.features("sounds/spectrum").modality == "sounds/wave"
    assert registry.trainer("sounds/next-token").family == "sounds/autoregressive"


@pytest.mark.parametrize("name", ["tones", "sentences"])
def test_a_cut_run_goes_on_bit_for_bit(name: str, here: Path, run: Run) -> None:
    """A run that is stopped half-way and resumed ends with the very bytes of an uncut one."""
    examples = {"tones": 3_200, "sentences": 4_800}[name]
    out = f"runs/cut-{name}"
    assert run("train", f"sounds/{name}", "--out", out, "--examples", str(examples)).code == 0
    assert run("train", out, "--resume", "--examples", str(2 * examples)).code == 0
    last = sorted(os.listdir(here / out / "checkpoints"))[-1]
    one, other = (
        (here / run / "checkpoints" / last / "state.safetensors").read_bytes() for run in (out, f"runs/{name}")
    )
    assert parse(bytearray(one), "cut").keys() == parse(bytearray(other), "whole").keys()
    assert one == other


@pytest.mark.parametrize(("name", "form"), [("tones", (torch.float32, (1, 64))), ("sentences", (torch.int64, (6,)))])
def test_a_model_samples_by_its_seed(name: str, form: tuple[torch.dtype, tuple[int, ...]], here: Path) -> None:
    """A seed gives the same samples whatever n and the global random state are; they are of the data's form."""
    model = zoo.load(f"./{name}")
    x = model.sample(40, seed=3)
    torch.rand(2)
    assert (x.dtype, tuple(x.shape[1:])) == form
    assert torch.equal(model.sample(3, seed=3), x[:3])
    assert torch.equal(model.decode(model.latents(40, seed=3)), x)
    assert not torch.equal(model.sample(40, seed=4), x)


def test_the_sentences_are_of_the_grammar(here: Path) -> None:
    """Training has taught it: nearly all samples are sentences that the grammar makes."""
    data = load_dataset("sounds/sentences", registry=loading.default_registry()).data
    known = {tuple(row) for row in data.tolist()}
    samples = zoo.load("./sentences").sample(200, seed=0).tolist()
    assert sum(tuple(row) in known for row in samples) >= 180


@pytest.mark.parametrize("name", ["tones", "sentences"])
def test_a_folder_verifies_and_a_golden_sample_that_is_another_is_found(name: str, here: Path, run: Run) -> None:
    """`zoo verify` replays golden samples of sounds and of tokens."""
    assert json.loads(run("verify", f"./{name}", "--json").out)[0]["golden_difference"] == 0
    config = json.loads((here / name / "config.json").read_text(encoding="utf-8"))
    assert config["data"]["about"] == ({"rate": 8000} if name == "tones" else {"vocabulary": _words()})


def _words() -> list[str]:
    model = zoo.load("./sentences")
    return list(modality_of(model).words)  # type: ignore[attr-defined]


def test_samples_go_to_files_and_come_back(here: Path, run: Run) -> None:
    """`zoo sample` writes what the modality writes, refuses other endings, and a file is read as one example."""
    assert run("sample", "./tones", "-n", "2", "-o", "two.wav").code == 0
    with wave.open("two.wav") as file:
        assert (file.getframerate(), file.getnframes()) == (8000, 2 * (64 + 400))
    found = run("sample", "./tones", "-o", "two.png")
    assert (found.code, "must end in one of .wav" in found.err) == (2, True)
    assert run("sample", "./sentences", "-n", "3", "-o", "three.txt").code == 0
    assert len(Path("three.txt").read_text(encoding="utf-8").splitlines()) == 3
    model = zoo.load("./sentences")
    assert torch.equal(modality_of(model).read(Path("three.txt"), (6,)), model.sample(1, seed=0))
    assert run("interpolate", "./tones", "--between", "two.wav", "two.wav", "-o", "walk.wav").code == 2
    assert run("interpolate", "./tones", "--rows", "1", "-o", "walk.wav").code == 0


def test_it_is_evaluated_where_something_looks_at_it(here: Path, run: Run) -> None:
    """Sounds by the package's own feature network, with the card written again; sentences are refused in one line."""
    found = run("eval", "./tones", "--samples", "100", "--write")
    assert found.code == 0, found.err
    card = (here / "tones" / "README.md").read_text(encoding="utf-8")
    assert "frechet/sounds/spectrum@100" in card
    assert "[samples](samples.wav)" in card
    assert (here / "tones" / "neighbours.wav").is_file()
    assert run("verify", "./tones").code == 0
    found = run("eval", "./sentences")
    assert (found.code, found.err.count("\n")) == (3, 1)
    assert "no feature network looks at these examples, and tokens have no values" in found.err


def test_the_feature_network_can_be_looked_through(here: Path) -> None:
    """It is found by its name, frozen, and differentiable in the sound."""
    network = load_features("sounds/spectrum")
    x = zoo.load("./tones").sample(2, seed=0).requires_grad_()
    network.vector(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert not any(weight.requires_grad for weight in network.parameters())


def test_the_card_speaks_of_its_data(here: Path) -> None:
    """A card of tokens promises no range, and names task, data and how to load it."""
    card = (here / "sentences" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation" in card
    assert "# (16, 6) int64" in card
    assert "[0, 1]" not in card
    assert 'zoo.load(".")' in card


def test_the_report_page_shows_its_examples(here: Path) -> None:
    """report.html plays sounds and shows sentences, without a script."""
    page = (here / "runs" / "tones" / "report.html").read_text(encoding="utf-8")
    assert (
        page.count('<audio controls src="data:audio/wav;base64,') == 4
    )  # at the start, after the first step, and the recipe's two
    page = (here / "runs" / "sentences" / "report.html").read_text(encoding="utf-8")
    assert " sees " in page.partition("<h2>Samples</h2>")[2]
    assert "nats a sentence" in page


def test_its_verb_is_one_of_the_zoo_s(here: Path, run: Run) -> None:
    """`zoo sounds/say` stands in the help, takes its arguments, and fails in one line."""
    assert "sounds/say" in run("--help").out
    found = run("sounds/say", "./sentences", "-n", "3")
    assert (found.code, found.out.count(" .\n")) == (0, 3)
    found = run("sounds/say", "./tones")
    assert (found.code, "makes no sentences" in found.err) == (2, True)


def test_a_starter_makes_a_recipe_of_it(here: Path, run: Run) -> None:
    """`zoo train ARCHITECTURE --data DATASET` asks the package's starter."""
    found = run("train", "sounds/wave-vae", "--data", "sounds/tones[low]", "--examples", "640", "--out", "runs/low")
    assert found.code == 0, found.err
    assert "config.length = 64" in found.out


def test_nothing_in_the_zoo_knows_of_it() -> None:
    """No file of the core holds the package's name, or one of its families and kinds of data."""
    words = ("acme_sounds", "sounds/", "next-token", '"phrase"', '"wave"')
    core = Path(zoo.__file__).parent
    told = {path: path.read_text(encoding="utf-8") for path in core.rglob("*.py")}
    assert [path.name for path, text in told.items() if any(word in text for word in words)] == []
