"""weights.card: README.md of a weights folder, its front matter, its figures, and the recipe that reads back."""

from __future__ import annotations

import errno
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from measured_models import record, told

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, parse_recipe, resolve
from zoo.catalogue.weights.card import write_card
from zoo.catalogue.weights.card_check import check_card
from zoo.catalogue.weights.card_sections import PICTURES
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.records import SAYS_LITTLE
from zoo.configs import as_data
from zoo.errors import StorageError, WeightsError

FILES = [f"{stem}.png" for stem in PICTURES]
RECIPE = Recipe(
    name="tiny",
    summary="Shapes of 8 pixels.",
    architecture="dcgan",
    dataset="shapes",
    trainer="adversarial",
    licence="Apache-2.0",
    ema_half_life=0.5,
    config={"image_size": 8, "latent_size": 4, "generator_widths": [4, 4], "discriminator_widths": [4]},
    settings={"generator_lr": 1e-05, "decay": 1e-8, "augment": ["color", "cutout"], "mix_batches": False},
)
LITE0 = "efficientnet-lite0"
NEAR = {"train_examples": 4000, "samples_to_train": 9.25, "samples_to_test": 10.5, "test_to_train": 8.75}
NEAR |= {"ratio": 0.875, "ratio_of_test": 0.885, "copies": 0.0, "spacing": 0.95}
NEAREST = {"network": LITE0, "samples": 5000, "test_examples": 2000, "by_features": NEAR, "by_values": NEAR}
NEAREST |= {"signs": [], "neighbours": [{}] * 16}
REPORT = told(
    record("frechet", LITE0, 12.25, floor=3.5),
    record("precision", LITE0, 0.75, spread=0.03125, floor=None, n_real=5000),
    record("frechet", "pixels", 1.5),
    record("frechet", "efficientnet-lite1", 8.0, contaminated=True),
    record("frechet", LITE0, 14.0, n_fake=1000, floor=9.5),
    memorisation=NEAREST,
)


def config_of(recipe: Recipe = RECIPE, **data: Any) -> dict[str, Any]:
    """config.json as an export writes it."""
    told = as_data(resolve(recipe, default_registry()).recipe)
    config = told.pop("config")
    source = {"name": "shapes", "split": "train", "count": 10_000, "sha256": "cd" * 32, "licence": "CC0-1.0"}
    return {
        "format": 1,
        "architecture": recipe.architecture,
        "config": config,
        "data": source | {"shape": [3, 8, 8], "range": [-1.0, 1.0]} | data,
        "training": {"recipe": told, "examples": 123_456, "torch": "2.13.0", "threads": 3},
        "zoo": "0.1.0",
    }


def card(folder: Path, config: dict[str, Any] | None = None, report: dict[str, Any] | None = None) -> str:
    (folder / "config.json").write_text(json.dumps(config or config_of()))
    if report is not None:
        (folder / "evaluation.json").write_text(json.dumps(report))
    write_card(folder, default_registry())
    return (folder / "README.md").read_text(encoding="utf-8")


def front_matter(text: str) -> dict[str, Any]:
    parts = text.split("---\n", 2)
    assert parts[0] == ""
    data: dict[str, Any] = yaml.safe_load(parts[1])
    return data


def recipe_in(text: str) -> Recipe:
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    return parse_recipe(blocks[0], "the card")


def test_a_card_says_licence_data_training_and_use(tmp_path: Path) -> None:
    """The card holds name, summary, both licences, the data's fingerprint, examples seen, versions, and how to load."""
    text = card(tmp_path)
    for fact in (
        "# tiny",
        "Shapes of 8 pixels.",
        "![samples](samples.png)",
        'zoo.load(".")',
        "(16, 3, 8, 8)",
        "10,000 examples of `shapes`",
        "`train`",
        "cd" * 32,
        "CC0-1.0",
        "123,456 examples seen",
        "torch 2.13.0",
    ):
        assert fact in text
    assert re.search(r"3 threads|threads: 3", text)
    assert "Figures" not in text
    assert "neighbours.png" not in text


def test_the_front_matter_is_what_the_hub_reads(tmp_path: Path) -> None:
    """The front matter is YAML with library, task, licence and tags; without a report it claims no result."""
    assert front_matter(card(tmp_path)) == {
        "library_name": "genzoo",
        "pipeline_tag": "unconditional-image-generation",
        "license": "apache-2.0",
        "datasets": ["shapes"],
        "tags": ["genzoo", "dcgan", "adversarial"],
    }
    unlicensed = config_of()
    unlicensed["training"]["recipe"]["licence"] = ""
    assert front_matter(card(tmp_path, unlicensed))["license"] == "other"


def test_the_recipe_of_a_card_reads_back(tmp_path: Path) -> None:
    """The TOML block, read as a recipe, resolves to the same recipe, config and settings, every default written out."""
    wanted = resolve(RECIPE, default_registry())
    found = recipe_in(card(tmp_path))
    assert resolve(found, default_registry()) == wanted
    assert found.settings == wanted.recipe.settings
    assert found.config == wanted.recipe.config


@pytest.mark.parametrize(
    "summary",
    ["Frogs \U0001f438 and ümlauts.", 'A "quoted" \\ word', "two\nlines\ttabbed", "\x7f\x01 control", "[x] = 'y' # z"],
    ids=range(5),
)
def test_any_text_survives_the_card(summary: str, tmp_path: Path) -> None:
    """Whatever a recipe's texts hold, the card's TOML and YAML stay well-formed and say the same."""
    recipe = Recipe(**as_data(RECIPE) | {"summary": summary, "licence": "it's: [odd]", "name": "a'b: c"})
    text = card(tmp_path, config_of(recipe, name="images:/photos/it's {odd}"), REPORT)
    found = recipe_in(text)
    assert (found.summary, found.licence, found.name) == (summary, "it's: [odd]", "a'b: c")
    assert front_matter(text)["license"] == "it's: [odd]"
    result = front_matter(text)["model-index"][0]
    assert result["name"] == "a'b: c"
    assert result["results"][0]["dataset"]["name"] == "images:/photos/it's {odd}"


def test_a_report_is_shown_with_its_floor(tmp_path: Path) -> None:
    """Each judge has a table of each count, the leading one first and the contaminated last: value, spread, floor; and
    the search for copies says its ratio and its verdict.
    """
    text = card(tmp_path, report=REPORT)
    heads = [line for line in text.splitlines() if line.startswith("### ")]
    assert heads == [
        f"### By {LITE0}, 5,000 samples",
        f"### By {LITE0}, 1,000 samples",
        "### By pixels, 5,000 samples",
        "### By efficientnet-lite1 (contaminated), 5,000 samples",
    ]
    for fact in (
        "| frechet | 12.25 ± 0.25 | 3.5 | lower |",
        "| precision | 0.750 ± 0.031 |  | higher |",
        "| frechet | 14.00 ± 0.25 | 9.5 | lower |",
        "5,000 samples of each seed of 0, 1, 2, against 5,000 examples of `frogs`, split `train`; pictures are resized",
        "`zoo eval . --samples 5000 --seeds 0,1,2 --real 4000` (genzoo 0.1.0, torch 2.13.0, cpu)",
        f"**Contaminated: {SAYS_LITTLE}.**",
        "the first 16 samples",
        "| nearest training by nearest test example: **ratio** | 0.875 | 0.875 |",
        "| the ratio that test examples have | 0.885 | 0.885 |",
        "**Verdict: no sign**",
        "FID figures",
    ):
        assert fact in text


def test_the_verdict_is_told_in_words(tmp_path: Path) -> None:
    """Each sign has a sentence."""
    text = card(tmp_path, report=REPORT | {"memorisation": NEAREST | {"signs": ["memorised", "collapsed"]}})
    assert "**Verdict: memorised.** Samples lie nearer to training examples" in text
    assert "**Verdict: collapsed.** Samples are far more alike" in text


def test_figures_of_an_older_zoo_are_not_told(tmp_path: Path) -> None:
    """An evaluation.json without the format is named as old; none of its figures stands in the card or its index."""
    text = card(tmp_path, report={"frechet": 8.25, "network": LITE0, "samples": 5000})
    assert "is of an older zoo, and is not told" in text
    assert "8.25" not in text
    assert "model-index" not in front_matter(text)


def test_the_front_matter_holds_the_figures(tmp_path: Path) -> None:
    """The model index names data and metrics with the records' values: the leading judge's, of the most samples."""
    index = front_matter(card(tmp_path, report=REPORT))["model-index"]
    assert len(index) == 1
    assert index[0]["name"] == "tiny"
    (result,) = index[0]["results"]
    assert result["dataset"] == {"name": "shapes", "type": "image"}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == pytest.approx(
        {f"frechet/{LITE0}@5000": 12.25, f"precision/{LITE0}@5000": 0.75}
    )


def test_without_test_examples_there_is_no_yardstick(tmp_path: Path) -> None:
    """Data without a test split have no ratio, and say nothing of copies."""
    none = dict.fromkeys(("samples_to_test", "test_to_train", "ratio", "ratio_of_test", "copies"))
    nearest = NEAREST | {"test_examples": 0, "by_features": NEAR | none, "by_values": NEAR | none}
    text = card(tmp_path, report=told(record("frechet", LITE0, 2.0, floor=None), memorisation=nearest))
    assert "| frechet | 2.00 ± 0.25 |  | lower |" in text
    assert "**ratio**" not in text


def test_a_card_follows_the_report_that_is_there(tmp_path: Path) -> None:
    """Writing a card again gives the same bytes; a report that has gone is gone from the card."""
    plain = card(tmp_path)
    with_report = card(tmp_path, report=REPORT)
    assert card(tmp_path, report=REPORT) == with_report
    (tmp_path / "evaluation.json").unlink()
    assert card(tmp_path) == plain != with_report


LIKELIHOOD = {"nll": 90.5, "standard_error": 0.25, "monte_carlo_error": 0.125, "samples": 1000, "examples": 10}
LIKELIHOOD |= {"binarised": True, "negative_elbo": 95.0}
ROW = {"strength": 2.0, "gained": 0.75, "lost": 0.5, "gained_drift": 0.25, "lost_drift": 0.0}
CONCEPT = {"name": "smile", "factor": "smiling", "other": "gender", "positives": 3, "negatives": 4}
CONCEPT |= {"probe_auc": 0.9375, "probe_accuracy": 0.875, "other_auc": 0.96875, "other_accuracy": 0.5}
CONCEPT |= {"region": [1, 2, 3, 4], "rows": [ROW | {"inside": 0.0625, "outside": 0.03125}]}
CODING = {"split": "test", "examples": 50, "root_mean_square_error": 0.0525, "active_units": 7, "binarised": True}
CODING |= {"negative_elbo": 95.25, "kl": 25.5, "bits_per_dim": 0.1753}
KEPT = {"share": 0.9375, "examples": 100, "among": 1234, "network": "thin-resnet50"}


def test_what_else_was_measured_has_sections_of_its_own(tmp_path: Path) -> None:
    """Coding, likelihood and concepts are told with their figures and commands; the index names the Hub's metrics."""
    coded = [record("elbo", "", 95.25, n_real=50), record("reconstruction", "", 0.0525, n_real=50)]
    evaluation = told(
        *coded, reconstruction=CODING | {"kept": KEPT}, likelihood=LIKELIHOOD, concepts={"smile": CONCEPT}
    )
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation))
    text = card(tmp_path)
    for fact in (
        "50 binarised examples of the split `test`",
        "0.0525",
        "7 latent units",
        "95.25 nats an example (± 0.25 over the seeds of the latents)",
        "Of 100 of them, drawn at random, 94% are kept: among all 1,234 examples",
        "Negative log-likelihood **90.5 nats** an example, of 10 binarised examples of `not recorded`",
        "with 1,000 latents each (Burda et al. 2016, equation 8)",
        "the standard error over the examples is 0.250",
        "## Concept `smile`",
        "| 2 | 75.0% | 25.0% | 50.0% | 0.0% | 0.0625 | 0.0312 |",
        "a judge tells smiling with an AUC of 0.938 and an accuracy of 87.5% (design: not recorded; learnt from: not",
        "codes = model.encode(samples).mean",
    ):
        assert fact in text
    (result,) = front_matter(text)["model-index"][0]["results"]
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {
        "elbo@50": 95.25,
        "reconstruction@50": 0.0525,
        "likelihood@10#latents=1000": 90.5,
        "concept_gained@4[smile]#strength=2": 0.75,
        "concept_gained_drift@4[smile]#strength=2": 0.25,
        "concept_lost@3[smile]#strength=2": 0.5,
        "concept_lost_drift@3[smile]#strength=2": 0.0,
        "concept_outside@7[smile]#strength=2": 0.03125,
    }


def test_pictures_that_are_there_stand_in_the_card_with_their_commands(tmp_path: Path) -> None:
    """Each known picture has a section when its file is in the folder, and none otherwise."""
    assert not any(file in card(tmp_path) for file in FILES)
    for file in FILES:
        (tmp_path / file).write_bytes(b"picture")
    text = card(tmp_path)
    for file in FILES:
        assert f"]({file})" in text
        assert re.search(rf"`zoo \w+ .*-o {file}`", text)


# --- what cannot be written ----------------------------------------------------------------------------------------


def broken(*keys: str) -> dict[str, Any]:
    """A config that lacks the value at a path of keys."""
    config = config_of()
    place = config
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    return config


@pytest.mark.parametrize(
    "keys",
    [
        ("training", "recipe"),
        ("training", "examples"),
        ("training", "recipe", "name"),
        ("training", "recipe", "settings"),
        ("data", "sha256"),
        ("data", "shape"),
        ("data", "count"),
    ],
    ids=str,
)
def test_a_config_that_lacks_something_is_refused(keys: tuple[str, ...], tmp_path: Path) -> None:
    """A folder whose config says too little for a card is a WeightsError that names it, and keeps its old card."""
    (tmp_path / "README.md").write_text("old")
    with pytest.raises(WeightsError, match=rf"{tmp_path.name}: .*'{keys[-1]}'"):
        card(tmp_path, broken(*keys))
    assert (tmp_path / "README.md").read_text() == "old"


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"likelihood": {}}', b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000], ids=range(7)
)
def test_a_damaged_report_is_refused(content: bytes, tmp_path: Path) -> None:
    """An evaluation.json that is no report is a WeightsError in one line, and no card appears."""
    (tmp_path / "config.json").write_text(json.dumps(config_of()))
    (tmp_path / "evaluation.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"evaluation\.json") as caught:
        write_card(tmp_path, default_registry())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize("value", ["9" * 4000, "NaN"])
def test_a_figure_that_no_float_holds_does_not_verify(value: str, tmp_path: Path) -> None:
    """A report whose figure is beyond all floats, or no number, is a WeightsError, for the card and against it."""
    card(tmp_path, report=REPORT)
    path = tmp_path / "evaluation.json"
    path.write_text(path.read_text().replace('"value": 0.75', f'"value": {value}'))
    with pytest.raises(WeightsError, match=r"@5000 is 0\.75, evaluation\.json says inf|NaN is no number of JSON"):
        check_card(Folder(name="tiny", path=tmp_path))
    with pytest.raises(WeightsError, match=r"lacks what a card says"):
        write_card(tmp_path, default_registry())


def test_a_folder_without_a_config_is_named(tmp_path: Path) -> None:
    """Where there is no config.json it is a StorageError with the folder; where it is damaged, a WeightsError."""
    with pytest.raises(StorageError, match=f"cannot read {tmp_path}"):
        write_card(tmp_path, default_registry())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json is no JSON"):
        write_card(tmp_path, default_registry())


def test_a_full_disk_keeps_the_old_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the card cannot be written it is a StorageError; the old one stays and nothing else does."""
    old = card(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match=r"README\.md: No space left on device"):
        card(tmp_path, report=REPORT)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == old
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "evaluation.json", "README.md"}


def test_the_block_is_toml_of_todays_standard(tmp_path: Path) -> None:
    """The block is TOML that Python's own reader takes, with the two sections as tables."""
    block = re.findall(r"^```toml\n(.*?)^```", card(tmp_path), re.DOTALL | re.MULTILINE)[0]
    data = tomllib.loads(block)
    assert data["settings"]["decay"] == 1e-8
    assert data["settings"]["augment"] == ["color", "cutout"]
    assert data["config"]["generator_widths"] == [4, 4]
    assert data["ema_half_life"] == 0.5


# --- as editors leave it -------------------------------------------------------------------------------------------

EDITED = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "a mark and CRLF": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    "blanks behind": lambda text: text.replace("---\n", "--- \n").encode(),
    "more text": lambda text: f"{text}\nMade on a rainy day, für euch.\n".encode(),
}


@pytest.mark.parametrize("how", EDITED)
def test_a_card_that_an_editor_saved_is_consistent(how: str, tmp_path: Path) -> None:
    """Line ends, a byte order mark, blanks and words of one's own change nothing of what the card says."""
    text = card(tmp_path, report=REPORT)
    (tmp_path / "README.md").write_bytes(EDITED[how](text))
    assert check_card(Folder(name="tiny", path=tmp_path)) == "consistent"


WRONG = {
    "UTF-16": (lambda text: text.encode("utf-16"), r"is no UTF-8 \(it is UTF-16\); save it as UTF-8"),
    "Latin-1": (lambda text: text.replace("Fréchet", "Fr\xe9chet").encode("latin-1", "replace"), "is no UTF-8"),
    "none": (lambda text: text.split("---\n", 2)[2].encode(), "does not begin with front matter between two lines"),
    "not closed": (lambda text: text.replace("\n---\n", "\n", 1).encode(), "does not begin with front matter"),
    "empty": (lambda text: b"", "does not begin with front matter"),
    "no YAML": (
        lambda text: text.replace("license: apache-2.0", "license: [apache", 1).encode(),
        r"its front matter is no YAML \(line 5: .*\); mend it, or write it anew",
    ),
    "no table": (lambda text: b"---\n- a\n---\n", "is no table of keys and values"),
    "another licence": (
        lambda text: text.replace("license: apache-2.0", "license: mit", 1).encode(),
        "license is 'mit', config.json says 'Apache-2.0'; write it anew",
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_card_that_cannot_be_read_says_why_and_what_to_do(how: str, tmp_path: Path) -> None:
    """Another encoding, no front matter, YAML that is none (with its line): a WeightsError of one line."""
    make, says = WRONG[how]
    (tmp_path / "README.md").write_bytes(make(card(tmp_path, report=REPORT)))
    with pytest.raises(WeightsError, match=says) as caught:
        check_card(Folder(name="tiny", path=tmp_path))
    assert "\n" not in str(caught.value)
