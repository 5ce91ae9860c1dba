"""Whatever a card tells to do works: its Python is executed and its commands are parsed or run, wherever it lies."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from cli.commands import Run, parsed
from loopback_hub import TOKEN
from measured_models import record, told

import zoo
from zoo.catalogue.contract.data_references import parse_reference
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.card import write_card
from zoo.catalogue.weights.card_sections import PICTURES
from zoo.latent.concept_file import save_concepts
from zoo.latent.concepts import ConceptVector
from zoo.latent.priors import save_mixture
from zoo.nn.distributions import GaussianMixture

Make = Callable[..., SimpleNamespace]
WEIGHTS = Path(__file__).parents[2] / "weights"
BUNDLED = sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))
CODING = {"split": "test", "examples": 50, "root_mean_square_error": 0.05, "active_units": 3, "binarised": False}
CODING |= {"negative_elbo": 95.25, "kl": 25.5, "bits_per_dim": 0.1753}
LIKELIHOOD = {"settings": {"latents": 5, "binarised": False}, "details": {"standard_error": 0.25}}
LIKELIHOOD |= {"command": "zoo likelihood . --samples 5 --seeds 0,1,2"}
SMILE = {"concept": "smile", "factor": "smiling", "keep": "gender", "region": [1, 2, 3, 4], "strength": 2.0}
JUDGE = {"tells": "smiling", "design": "three convolutions", "accuracy": 0.8, "auc": 0.9, "sha256": ["ab" * 32] * 3}
JUDGE |= {"learnt_from": {"name": "shapes", "split": "train", "sha256": "cd" * 32}}
MEASURE = "zoo concept measure . smile --data shapes --factor smiling --keep gender --region 1,2,3,4 --seeds 0,1,2"
CONCEPT = {"settings": SMILE, "judge": JUDGE, "command": MEASURE, "floor": 0.5, "spread": 0.01}
OF_CONCEPT = ("concept_gained", "concept_lost", "concept_gained_drift", "concept_lost_drift")


def text_of(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def execute(text: str) -> dict[str, Any]:
    """Run a card's Python; gives its names."""
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(block, "card", "exec"), names)
    return names


def commands(text: str) -> list[list[str]]:
    """The words behind `zoo` of each command in a card, read by the command line's own parser."""
    found = [shlex.split(command)[1:] for command in re.findall(r"`(zoo [^`\n]+)`", text)]
    for words in found:
        arguments = parsed(words)
        if getattr(arguments, "data", None):
            default_registry().dataset(parse_reference(arguments.data).name)
    return found


@pytest.fixture
def whole(vae_folder: Make) -> Path:
    """A weights folder of a VAE with all that a card can tell of: figures, concepts, a mixture, every picture."""
    path: Path = vae_folder(latent_size=2).path
    recipe = {"name": "tiny", "trainer": "vae", "licence": "MIT", "summary": "Tiny.", "settings": {}}
    config = json.loads((path / "config.json").read_text())
    source = {"name": "shapes", "split": "train", "count": 9, "sha256": "ab" * 32, "licence": "CC0-1.0"}
    config["data"] = source | {"shape": [3, 8, 8], "range": [0.0, 1.0]}
    config["training"] = {"recipe": recipe, "examples": 1, "torch": "2", "threads": 1}
    (path / "config.json").write_text(json.dumps(config))
    found = [record("likelihood", "", 90.5, **LIKELIHOOD), *(record(kind, "", 0.75, **CONCEPT) for kind in OF_CONCEPT)]
    found += [record("frechet", "pixels", 2.0), record("elbo", "", 95.25)]
    measured = told(*found, leading="pixels", reconstruction=CODING)
    (path / "evaluation.json").write_text(json.dumps(measured))
    save_concepts(path, [ConceptVector(name="smile", direction=torch.ones(2))])
    save_mixture(path, GaussianMixture(torch.ones(2), torch.zeros(2, 2), torch.eye(2).repeat(2, 1, 1)))
    for stem in ("samples", *PICTURES):
        (path / f"{stem}.png").write_bytes(b"")
    write_card(path, default_registry())
    return path


@pytest.mark.parametrize("place", ["elsewhere/my-faces", "tiny", "with blanks/my faces"])
def test_the_card_of_an_exported_folder_works_wherever_it_lies(
    place: str, made: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved and renamed, the folder's card loads the folder: what it samples is what the folder's model samples."""
    folder = shutil.copytree(made / "tiny", here / place)
    monkeypatch.chdir(folder)
    assert execute(text_of(folder))["samples"].equal(zoo.load(made / "tiny").sample(16, seed=0))


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
@pytest.mark.parametrize("branch", ["main", "next"])
def test_the_card_of_a_pushed_folder_loads_the_repository(
    branch: str, hub: Any, made: Path, here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the Hub the card names the repository, and the branch where that is another; no folder is needed for it."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    code, _, err = run("push", str(made / "tiny"), "--to", "me/mine", "--revision", branch)
    assert code == 0, err
    repo = hub.repos["me/mine"]
    text = repo.commits[repo.refs[branch]]["README.md"].decode()
    name = "hf://me/mine" if branch == "main" else f"hf://me/mine@{branch}"
    assert f'zoo.load("{name}")\n' in text
    assert execute(text)["samples"].equal(zoo.load(made / "tiny").sample(16, seed=0))
    assert run("push", str(made / "tiny"), "--to", "me/mine", "--revision", branch)[1].count("nothing to do") == 1
    assert 'zoo.load(".")' in text_of(made / "tiny")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", BUNDLED)
def test_the_card_of_a_bundled_model_works_anywhere(name: str) -> None:
    """It loads the catalogue's model, its Python runs, its commands are parsed and name what there is."""
    text = text_of(WEIGHTS / name)
    names = execute(text)
    assert names["model"].origin == "bundled"
    model = zoo.load(name)
    assert names["samples"].equal(model.sample(16, seed=0, labels=next(iter(model.classes), None)))
    assert len(names.get("codes", names["samples"])) == 16
    assert all(name in words for words in commands(text))


@pytest.mark.parametrize("name", BUNDLED)
def test_the_card_of_a_bundled_model_is_the_one_that_is_written_today(name: str, tmp_path: Path) -> None:
    """Writing it anew changes nothing."""
    bundled = WEIGHTS / name
    again = shutil.copytree(bundled, tmp_path / "copy")
    write_card(again, default_registry())
    assert text_of(again) == text_of(bundled)


def test_every_command_a_card_can_hold_is_one(whole: Path) -> None:
    """Figures, likelihood, concepts and each picture tell the command they were made by: the parser takes them all."""
    found = commands(text_of(whole))
    assert {words[0] for words in found} == {
        "reconstruct",
        "manifold",
        "scatter",
        "sample",
        "interpolate",
        "edit",
        "eval",
        "likelihood",
        "concept",
    }


def test_commands_of_a_card_run_in_its_folder(whole: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that need no downloaded data are run as they stand, and write what they say."""
    monkeypatch.chdir(whole)
    ready = [words for words in commands(text_of(whole)) if words[0] in ("sample", "manifold", "reconstruct", "edit")]
    assert len(ready) == 4
    for words in ready:
        code, _, err = run(*words)
        assert code == 0, f"{words}: {err}"
        assert (whole / words[words.index("-o") + 1]).stat().st_size > 0
    assert execute(text_of(whole))["codes"].shape == (16, 2)


def test_a_card_that_names_a_folder_is_no_longer_taken(whole: Path, run: Run) -> None:
    """`zoo.load("./tiny")` is right in one place only: verify says so, and what to do."""
    (whole / "README.md").write_text(text_of(whole).replace('zoo.load(".")', 'zoo.load("./tiny")'))
    code, _, err = run("verify", str(whole))
    assert code == 4
    assert "it tells to load ./tiny, and a folder may be called anything; write it anew" in err


def test_both_licences_stand_in_a_card() -> None:
    """Weights may be free while the data they were trained on are not."""
    text = text_of(WEIGHTS / "vae-faces")
    assert "- The weights: Apache-2.0.\n" in text
    assert "`faces`: none stated; photographs of named people, for research use.\n" in text
