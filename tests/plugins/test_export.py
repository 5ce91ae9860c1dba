"""zoo_export: a network as an ONNX file or a program of torch.export gives what the model gives, and says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.cli.main import main
from zoo.errors import PluginError, UsageError
from zoo.nn import Extras, Model
from zoo.sequences import LSTM, Autoregressive, LSTMConfig, NextToken, Transformer, TransformerConfig
from zoo_export import graphs, onnx_file, torch_file
from zoo_export import weights as weights_folder

ort: Any = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")

Folder = Callable[..., SimpleNamespace]
INFO = {"data": {"about": {"vocabulary": "\nabcdef"}}}


def writer(kind: str) -> Model:
    torch.manual_seed(0)
    network: NextToken
    if kind == "transformer":
        network = Transformer(TransformerConfig(vocabulary=7, length=6, width=12, heads=3, layers=2))
    else:
        network = LSTM(LSTMConfig(vocabulary=7, length=6, embedding=5, width=9, layers=2))
    return Autoregressive(network, Extras(modality="text", info=INFO)).eval()


class Session:
    """An ONNX file that is run by the names of its inputs."""

    def __init__(self, path: Path) -> None:
        self.session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.about = self.session.get_modelmeta().custom_metadata_map

    def __call__(self, **inputs: Tensor) -> list[Tensor]:
        return [torch.as_tensor(x) for x in self.session.run(None, {key: x.numpy() for key, x in inputs.items()})]


def test_an_onnx_generator_gives_what_decode_gives(make_folder: Folder, tmp_path: Path) -> None:
    """Of any batch, in [0, 1]; its file names what goes in and out, and says prior and range."""
    model = zoo.load(make_folder().path)
    assert onnx_file.write(model, "tiny", tmp_path / "tiny.onnx") == [tmp_path / "tiny.onnx"]
    session = Session(tmp_path / "tiny.onnx")
    for count in (1, 2, 9):
        z = model.latents(count, seed=5)
        (x,) = session(z=z)
        assert torch.allclose(x, model.decode(z), atol=1e-4)
    assert [one.name for one in session.session.get_inputs()] == ["z"]
    assert session.session.get_inputs()[0].shape == ["batch", *model.latent_shape]
    assert session.about["name"] == "tiny"
    assert (session.about["prior"], json.loads(session.about["range"])) == ("normal", [0, 1])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["tiny.onnx"]


def test_a_part_of_a_vae_is_written_alone(vae_folder: Folder, tmp_path: Path) -> None:
    """The encoder gives mean and log variance of pictures in [0, 1]; a part that is not there is named with those."""
    model = zoo.load(vae_folder().path)
    onnx_file.write(model, "tiny", tmp_path / "tiny.onnx", "encoder")
    x = torch.rand(4, 3, 8, 8)
    mean, log_var = Session(tmp_path / "tiny.onnx")(x=x)
    posterior = model.encode(x)
    assert torch.allclose(mean, posterior.mean, atol=1e-4)
    assert torch.allclose(log_var, posterior.log_var, atol=1e-4)
    with pytest.raises(UsageError, match="tiny has no generator; it has decoder, encoder"):
        onnx_file.write(model, "tiny", tmp_path / "other.onnx", "generator")
    assert not (tmp_path / "other.onnx").exists()


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_a_step_writes_what_the_model_writes(kind: str, tmp_path: Path) -> None:
    """From an empty memory on, token by token, beyond the length that is looked back at."""
    model = writer(kind)
    onnx_file.write(model, "tiny", tmp_path / "tiny.onnx")
    session = Session(tmp_path / "tiny.onnx")
    begin, shapes = json.loads(session.about["begin"]), json.loads(session.about["memory"])
    assert begin == 7
    tokens = torch.randint(7, (2, 9))
    types = {one.name: torch.int64 if "int64" in one.type else torch.float32 for one in session.session.get_inputs()}
    memory = {key: torch.zeros(2, *shape, dtype=types[key]) for key, shape in shapes.items()}
    told, token = [], torch.full((2, 1), begin)
    for step in range(10):
        logits, *after = session(token=token, **memory)
        told.append(logits)
        memory = dict(zip(memory, after, strict=True))
        token = tokens[:, step : step + 1]
    network: Any = model.get_submodule("network")
    with torch.no_grad():
        wanted = network.read(torch.cat([torch.full((2, 1), begin), tokens], 1))[0]
    assert torch.allclose(torch.stack(told, 1), wanted, atol=1e-4)


def test_a_program_of_torch_runs_without_the_model(vae_folder: Folder, tmp_path: Path) -> None:
    """`torch.export.load` gives what decode gives, of any batch; about.json in it says what a reader must know."""
    model = zoo.load(vae_folder().path)
    torch_file.write(model, "tiny", tmp_path / "tiny.pt2")
    extra = {torch_file.ABOUT: ""}
    with graphs.quietly():
        program = torch.export.load(tmp_path / "tiny.pt2", extra_files=extra)
    z = model.latents(5, seed=1)
    assert torch.allclose(program.module()(z)[0], model.decode(z), atol=1e-5)
    about = json.loads(extra[torch_file.ABOUT])
    assert (about["inputs"], about["outputs"], about["range"]) == (["z"], ["x"], [0, 1])
    assert not [key for key in program.state_dict if "encoder" in key]  # what it never reads is not in it


def test_a_loop_around_a_network_is_refused(tmp_path: Path) -> None:
    """A model of which no network gives examples by itself is one line."""

    class Steps(Model):
        def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
            return z

    model = Steps(Extras(modality="image", info={}), latent_shape=(2,), data_shape=(2,))
    with pytest.raises(UsageError, match="tiny has no network that gives examples by itself: its examples take many"):
        onnx_file.write(model, "tiny", tmp_path / "tiny.onnx")


def test_what_differs_is_an_error_and_writes_nothing(
    make_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose outputs are off by more than the tolerance is not kept, and leaves nothing."""
    model, traced = zoo.load(make_folder().path), graphs.traced
    other = zoo.load(make_folder("other").path)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(1.5)
    another = graphs.graph_of(other, "other")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(onnx_file, "traced", lambda graph: traced(another))
    with pytest.raises(UsageError, match=r"what was written gives x that differs by .*; 0.0001 is allowed"):
        onnx_file.write(model, "tiny", tmp_path / "tiny.onnx")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_is_not_on_the_cpu_or_in_half_stays_as_it_is(make_folder: Folder, tmp_path: Path) -> None:
    """A model in bfloat16 is written in float32, and is in bfloat16 afterwards."""
    model = zoo.load(make_folder().path, dtype=torch.bfloat16)
    onnx_file.write(model, "tiny", tmp_path / "tiny.onnx")
    assert model.dtype == torch.bfloat16
    z = model.latents(3, seed=5)
    assert torch.allclose(Session(tmp_path / "tiny.onnx")(z=z)[0], model.decode(z), atol=0.05)


def test_a_missing_package_is_named_with_what_installs_it(
    make_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without onnxscript the error is the line that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(PluginError, match=r"onnxscript; pip install 'genzoo\[export\]'"):
        onnx_file.write(zoo.load(make_folder().path), "tiny", tmp_path / "tiny.onnx")


def test_the_weights_folder_is_written_as_it_is(make_folder: Folder, tmp_path: Path) -> None:
    """Every file of a model's folder, byte for byte; it loads, and gives the same samples."""
    tiny = make_folder()
    model = zoo.load(tiny.path)
    files = weights_folder.write(model, str(tiny.path), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in files} == {
        path.name: path.read_bytes() for path in tiny.path.iterdir()
    }
    assert torch.equal(zoo.load(tmp_path / "out").sample(2, seed=0), model.sample(2, seed=0))


@pytest.mark.slow
def test_what_the_documentation_shows_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of docs/export.md, one after the other, on files that the verb wrote, without the zoo's networks."""
    monkeypatch.chdir(tmp_path)
    for words in ("dcgan-cifar-frog --to onnx", "gpt-folk --to onnx", "vae-mnist --to torch"):
        assert main(["export", *words.split()]) == 0
    page = Path(__file__).parents[2] / "docs" / "export.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    with graphs.quietly():
        for block in blocks[:-1]:
            exec(block, names)
    assert names["x"].shape == (16, 1, 28, 28)
    assert len(names["text"]) == 200
    assert names["text"].startswith("X:") or "K:" in names["text"], names["text"]
