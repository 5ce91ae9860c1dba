"""zoo.nn.shown: what models, concepts, samples and runs show of themselves, in a notebook and when they are printed."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from zoo.images.sheet import grid
from zoo.latent.concepts import ConceptVector
from zoo.nn.pretrained import load
from zoo.nn.shown import Shown

Make = Callable[..., SimpleNamespace]
PICTURE = re.compile(r'src="data:image/png;base64,([^"]+)"')


def shown(html: str) -> Image.Image:
    """The one picture in it."""
    (found,) = PICTURE.findall(html)
    return Image.open(io.BytesIO(base64.b64decode(found)))


def test_a_model_is_two_lines(make_folder: Make, tiny_config: dict[str, Any]) -> None:
    """Name, kind, shapes, classes; parameters, dtype, device, origin. The layers are those of its parts."""
    folder = make_folder("classes", config=tiny_config | {"num_classes": 3})
    model = load(folder.path)
    count = sum(weight.numel() for weight in model.parameters())
    assert repr(model) == (
        f"{folder.path}: GAN, latent (3,) -> image (3, 8, 8), 3 classes\n"
        f"{count:,} parameters, float32 on cpu, from {folder.path}"
    )
    assert repr(model.half()).endswith(f"parameters, float16 on cpu, from {folder.path}")
    assert repr(folder.model).startswith("a model: GAN, latent (3,)")
    assert repr(folder.model).endswith("not loaded")
    assert "ConvTranspose2d" in repr(model.generator) or "Conv2d" in repr(model.generator)


def test_a_notebook_shows_the_samples_beside_the_weights(make_folder: Make) -> None:
    """A model's HTML has both lines, and the picture that lies in its folder; nothing is sampled, nothing else read."""
    folder = make_folder()
    model = load(folder.path)
    plain = model._repr_html_()
    first, second = repr(model).split("\n")
    assert plain == f"<b>{first.replace('>', '&gt;')}</b><br>{second}"
    sheet = grid(torch.rand(4, 3, 8, 8))
    sheet.save(folder.path / "samples.png")
    model.forward = lambda *_: pytest.fail("sampled")
    assert shown(model._repr_html_()).tobytes() == sheet.tobytes()
    (folder.path / "samples.png").write_bytes(b"no picture")
    assert model._repr_html_() == plain
    assert folder.model._repr_html_().startswith("<b>a model: GAN")


def test_names_of_others_are_no_markup(make_folder: Make) -> None:
    """What stands in a folder's name or a concept's source is shown as text."""
    model = load(make_folder("<img src=x>").path)
    assert "<img" not in model._repr_html_()
    concept = ConceptVector(name="smile", direction=torch.ones(3), source="<script>", measures={"auc": 0.875})
    assert "<script>" not in concept._repr_html_()


def test_a_concept_says_what_it_is() -> None:
    """One line when printed, a table in a notebook."""
    concept = ConceptVector(name="smile", direction=torch.tensor([3.0, 4.0]), measures={"auc": 0.875, "positives": 60})
    assert repr(concept) == "smile: a concept in latents (2,), by mean_difference, auc 0.875, positives 60"
    html = concept._repr_html_()
    for key, value in (("one unit is as long as", "5"), ("auc", "0.875"), ("positives", "60"), ("in latents", "(2,)")):
        assert f"<td>{key}</td><td>{value}</td>" in html
    assert "of the model" not in html


def test_samples_are_shown_as_their_kind_is(make_folder: Make) -> None:
    """`model.show(x)` is a grid of pictures in a notebook, and says how many they are when it is printed."""
    model = load(make_folder().path)
    x = model.sample(4, seed=0)
    found = model.show(x, columns=4)
    assert isinstance(found, Shown)
    assert repr(found) == "4 of image (3, 8, 8)"
    assert shown(found._repr_html_()).tobytes() == grid(x, columns=4, scale=3).tobytes()


@pytest.mark.parametrize(
    ("name", "holds", "printed"),
    [
        ("vae-spoken-digits", ("<audio controls", "data:audio/wav", "data:image/png"), "2 of audio (1, 8128)"),
        ("vae-tunes", ("<svg", "<audio controls", "<pre>X:1"), "X:1\nT:Tune 1\n"),
        ("vae-lines", ("<pre>",), ""),
        ("gpt-shakespeare", ("<pre>",), ""),  # it writes, and encodes nothing
    ],
)
def test_every_kind_of_data_is_shown_by_its_own(name: str, holds: tuple[str, ...], printed: str) -> None:
    """Sound is a player and a spectrogram, a tune its notes, a player and its text, text the text."""
    model = load(name)
    found = model.show(model.sample(2, seed=0))
    html = found._repr_html_()
    assert [part for part in holds if part not in html] == []
    assert repr(found).startswith(printed)
    assert [part for part in holds if part not in model._repr_html_()] == []  # the samples of its folder


NOTEBOOK = """
import zoo
frogs = zoo.load("dcgan-cifar-frog")
frogs
---
zoo.grid(frogs.sample(4, seed=0))
---
frogs.show(frogs.sample(2, seed=0))
---
spoken = zoo.load("vae-spoken-digits")
spoken.show(spoken.sample(1, seed=0))
---
tunes = zoo.load("vae-tunes")
tunes.show(tunes.sample(1, seed=0))
---
lines = zoo.load("vae-lines")
lines.show(lines.sample(2, seed=0))
---
zoo.load_concept("vae-faces", "smile")
---
zoo.train("dcgan-shapes", folder="run", examples=32, batch_size=4, log_every=16, log=[], config=TINY)
"""
TINY = {"image_size": 8, "latent_size": 4, "generator_widths": [4], "discriminator_widths": [4]}


@pytest.mark.slow
def test_a_notebook_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that is executed has each as HTML and as text, and a grid as a picture; its kernel is gone after."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    cells = [cell.strip().replace("TINY", repr(TINY)) for cell in NOTEBOOK.split("---")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.create_kernel_manager()
    client.km.ip = "127.0.0.1"
    with client.setup_kernel(cleanup_kc=True):
        kernel = client.km.provisioner.process
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    assert kernel.poll() is not None
    found = [cell.outputs[-1].data for cell in notebook.cells]
    assert found[0]["text/plain"].startswith("dcgan-cifar-frog: GAN, latent (100,) -> image (3, 32, 32)\n")
    assert "data:image/png" in found[0]["text/html"]
    assert "image/png" in found[1]
    assert shown(found[2]["text/html"]).size == (2 * 96 + 2, 96)
    assert "data:audio/wav" in found[3]["text/html"]
    assert all(part in found[4]["text/html"] for part in ("<svg", "<audio", "<pre>X:1"))
    assert "<pre>" in found[5]["text/html"]
    assert "<b>smile: a concept</b>" in found[6]["text/html"]
    assert "<b>dcgan-shapes: a run</b>" in found[7]["text/html"]
    assert "<td>examples</td><td>32 of 32</td>" in found[7]["text/html"]
    assert "data:image/png" in found[7]["text/html"]
