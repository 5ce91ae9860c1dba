"""zoo.nn.pretrained: a name or folder becomes a filled model, or an error before anything is used."""

from __future__ import annotations

import json
import resource
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import zoo
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ArchitectureSpec, ModelSpec, WeightsSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.errors import ConfigError, IntegrityError, NotFoundError, PluginError, UsageError, WeightsError, ZooError
from zoo.latent.concept_file import save_concepts
from zoo.latent.concepts import ConceptVector
from zoo.nn.pretrained import load, load_folder

Make = Callable[..., SimpleNamespace]
KINDS = [owned for kind in ("family", "modality") for owned in default_registry().list(kind)]


@pytest.fixture
def tiny(make_folder: Make) -> SimpleNamespace:
    return make_folder()


def pinned(folder: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, architecture: str = "dcgan") -> Registry:
    """The installed architectures, and a model `tiny` whose weights are the folder, bundled and pinned."""
    package = folder.path.parent / "zoo_test_tiny"
    package.mkdir()
    (package / "__init__.py").write_text("")
    folder.path.rename(package / "tiny")
    folder.path = package / "tiny"
    monkeypatch.syspath_prepend(package.parent)
    spec = ModelSpec(
        name="tiny",
        summary="",
        architecture=architecture,
        dataset="shapes",
        licence="MIT",
        weights=WeightsSpec(files=folder.pins, bundled="zoo_test_tiny:tiny"),
    )
    owned = [Owned(name="tiny", spec=spec, owner="test")]
    return Registry.of([*owned, *default_registry().list("architecture"), *KINDS])


def rewrite(path: Path, **change: Any) -> None:
    """Replace some keys of a folder's config.json."""
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


def flip(path: Path, at: int = -1) -> None:
    """Flip one bit of a file, without changing its size."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


PICTURES = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal but for rounding: another memory layout of the same weights runs through other kernels."""
    return torch.allclose(a, b, atol=1e-5)


def states_equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_a_folder_is_loaded_as_it_was_written(tiny: SimpleNamespace) -> None:
    """`load` of a path gives the model the folder was written from, in eval mode, without gradients."""
    for name in (tiny.path, str(tiny.path)):
        model = load(name)
        assert states_equal(model.generator, tiny.model.generator)
        assert close(model.sample(3, seed=0), tiny.model.sample(3, seed=0))
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert (model.discriminator, model.spec) == (None, None)
        assert model.info["architecture"] == "dcgan"
        assert (model.latent_shape, model.data_shape) == ((3,), (3, 8, 8))


def test_the_public_name_is_the_same_function() -> None:
    """`zoo.load` is `zoo.nn.pretrained.load`."""
    assert zoo.load is load


def test_a_catalogued_model_is_loaded_by_name(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name gives the bundled folder's model, with the catalogue's entry."""
    registry = pinned(tiny, monkeypatch)
    model = load("tiny", registry=registry)
    assert model.spec == registry.model("tiny")
    assert states_equal(model.generator, tiny.model.generator)


def test_a_model_says_what_it_is(tiny: SimpleNamespace, vae_folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """name, device, dtype, card, concepts, classes and priors; without card and concepts these are empty."""
    model = load(tiny.path)
    assert (model.name, model.device, model.dtype) == (str(tiny.path), torch.device("cpu"), torch.float32)
    assert (model.card, model.concepts, model.classes, model.priors) == ("", (), (), ("normal",))
    assert load(tiny.path, dtype=torch.bfloat16).dtype == model.half().bfloat16().dtype == torch.bfloat16
    assert tiny.model.name == ""
    coder = vae_folder("coder")
    (coder.path / "README.md").write_text("# Ümläut\n", encoding="utf-8")
    save_concepts(coder.path, [ConceptVector(name=name, direction=torch.ones(3)) for name in ("smile", "age")])
    model = load(coder.path)
    assert (model.card, model.concepts) == ("# Ümläut\n", ("age", "smile"))
    assert load("tiny", registry=pinned(tiny, monkeypatch)).name == "tiny"


def test_what_a_model_cannot_say_is_a_typed_error(vae_folder: Make) -> None:
    """A file of concepts that is damaged costs `concepts` alone: the model is loaded and sampled."""
    coder = vae_folder("coder")
    (coder.path / "concepts.safetensors").write_bytes(b"damaged")
    model = load(coder.path)
    assert model.sample(1, seed=0).shape == (1, 3, 8, 8)
    with pytest.raises(WeightsError, match=r"concepts\.safetensors is no safetensors file"):
        _ = model.concepts


def test_a_model_is_sampled_without_a_number(tiny: SimpleNamespace) -> None:
    """`sample()` draws 16, the first of them what `sample(1)` of the seed draws."""
    x = load(tiny.path).sample(seed=3)
    assert x.shape == (16, 3, 8, 8)
    assert torch.equal(load(tiny.path).sample(1, seed=3), x[:1])


def test_truncation_has_a_range_in_which_it_helps(tiny: SimpleNamespace) -> None:
    """config.json may say it; below it is a warning that names it, within and above not, and samples are the same."""
    free = load(tiny.path)
    assert free.truncation is None
    rewrite(tiny.path, truncation=[1, 2.5])
    model = load(tiny.path)
    assert model.truncation == (1.0, 2.5)
    with pytest.warns(UserWarning, match=r"truncation 0\.5 is below 1, where .* decay; it helps from 1 to 2\.5$"):
        x = model.sample(2, seed=0, truncation=0.5)
    with warnings.catch_warnings(action="error"):
        assert torch.equal(x, free.sample(2, seed=0, truncation=0.5))
        for truncation in (1, 2, 9, None):
            model.sample(2, seed=0, truncation=truncation)
    with pytest.raises(UsageError, match="truncation is -1"):
        model.sample(2, truncation=-1)


@pytest.mark.parametrize(
    "value", [1, [1], [1, 2, 3], [2, 1], [0, 1], [-1, 1], [1, 101], ["1", "2"], [True, 2], None, {}]
)
def test_a_range_of_truncation_that_cannot_be_meant_is_refused(value: Any, tiny: SimpleNamespace) -> None:
    """Anything but two numbers above 0, the lower first, is a WeightsError that shows it."""
    rewrite(tiny.path, truncation=value)
    with pytest.raises(WeightsError, match=r"config\.json: truncation is .*; it must be two numbers above 0"):
        load(tiny.path)


def test_the_discriminator_comes_on_request(tiny: SimpleNamespace) -> None:
    """With `discriminator` the second player is there and judges as it did; without its file that is NotFoundError."""
    model = load(tiny.path, discriminator=True)
    assert model.discriminator is not None
    assert states_equal(model.discriminator, tiny.model.discriminator)
    assert close(model.discriminator(PICTURES), tiny.model.discriminator(PICTURES))
    (tiny.path / "discriminator.safetensors").unlink()
    with pytest.raises(NotFoundError, match=r"no discriminator\.safetensors"):
        load(tiny.path, discriminator=True)
    assert load(tiny.path).discriminator is None


def test_a_discriminator_with_spectral_norm_survives(make_folder: Make, tiny_config: dict[str, Any]) -> None:
    """Spectral norm's own tensors are filled too, and the logits are the same."""
    folder = make_folder(config=tiny_config | {"discriminator_norm": "spectral"})
    model = load(folder.path, discriminator=True)
    assert model.discriminator is not None
    assert states_equal(model.discriminator, folder.model.discriminator)
    assert close(model.discriminator(PICTURES), folder.model.discriminator(PICTURES))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "discriminator.safetensors"])
@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_flipped_bit_in_a_pinned_file_is_caught(
    file: str, at: int, tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit anywhere is an IntegrityError at every load; when it is mended, loading works again."""
    registry = pinned(tiny, monkeypatch)
    flip(tiny.path / file, at)
    for _ in range(2):
        with pytest.raises(IntegrityError, match=file):
            load("tiny", registry=registry, discriminator=True)
    flip(tiny.path / file, at)
    assert load("tiny", registry=registry, discriminator=True).discriminator is not None


def test_a_file_that_is_not_pinned_is_not_loaded(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A discriminator that the catalogue does not pin is an IntegrityError."""
    del tiny.pins["discriminator.safetensors"]
    registry = pinned(tiny, monkeypatch)
    assert load("tiny", registry=registry).discriminator is None
    with pytest.raises(IntegrityError, match="not pinned"):
        load("tiny", registry=registry, discriminator=True)


def test_the_catalogue_and_the_config_must_agree(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model catalogued under another architecture than its config names is a WeightsError."""
    registry = pinned(tiny, monkeypatch, architecture="vae")
    with pytest.raises(WeightsError, match="tiny is catalogued as vae, its config says dcgan"):
        load("tiny", registry=registry)


CONFIGS: list[tuple[dict[str, Any], type[ZooError], str]] = [
    ({"architecture": "dcgam"}, NotFoundError, "no architecture is named 'dcgam'; did you mean 'dcgan'"),
    ({"architecture": "os.path:join"}, WeightsError, "is no name of the catalogue"),
    ({"config": {"latent_size": 10**9}}, ConfigError, "latent_size = 1000000000 is not allowed"),
    ({"config": {"module": "os"}}, ConfigError, "unknown key 'module'"),
    ({"config": {"latent_size": 4}}, WeightsError, "holds|needs|lacks"),
    ({"data": {"range": [1, -1]}}, WeightsError, "must be two numbers, the lower first"),
    ({"data": {"range": [0, 0]}}, WeightsError, "must be two numbers"),
    ({"data": {"range": [0]}}, WeightsError, "must be two numbers"),
    ({"data": {"range": [0, "1"]}}, WeightsError, "must be two numbers"),
    ({"data": {"range": None}}, WeightsError, "must be two numbers"),
    ({"data": {"range": [0, 10**400]}}, WeightsError, "must be two numbers"),
    ({"data": {"range": [float("nan"), 1]}}, WeightsError, "NaN is no number of JSON"),
    ({"data": {"range": [float("-inf"), float("inf")]}}, WeightsError, "-Infinity is no number of JSON"),
    ({"data": {"range": [False, True]}}, WeightsError, "must be two numbers"),
    ({"data": {"range": [0, 1e-320]}}, WeightsError, "must be two numbers"),
    ({"config": {"generator_norm": "\ud800"}}, ConfigError, "generator_norm = .* is not allowed"),
    ({"format": 2}, WeightsError, "update genzoo"),
    ({"code": "os.system('x')"}, WeightsError, "must have exactly the keys"),
]


@pytest.mark.parametrize(("change", "error", "says"), CONFIGS, ids=range(len(CONFIGS)))
def test_a_config_that_does_not_fit_is_refused(
    change: dict[str, Any], error: type[ZooError], says: str, tiny: SimpleNamespace
) -> None:
    """config.json selects an architecture of the catalogue and its settings, within bounds, and names no code."""
    if "config" in change:
        change = {"config": tiny.facts["config"] | change["config"]}
    rewrite(tiny.path, **change)
    with pytest.raises(error, match=says) as caught:
        load(tiny.path)
    assert "\n" not in str(caught.value)


def test_the_range_of_the_data_is_the_configs(tiny: SimpleNamespace) -> None:
    """`data.range` is what the networks work in; without one it is [-1, 1]."""
    before = load(tiny.path).sample(2, seed=0)
    rewrite(tiny.path, data={})
    assert torch.equal(load(tiny.path).sample(2, seed=0), before)
    rewrite(tiny.path, data={"range": [-3, 1]})
    assert load(tiny.path).value_range == (-3, 1)
    assert torch.allclose(load(tiny.path).sample(2, seed=0), before / 2 + 0.5)


def _tensors(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return damage


STEM = "generator.stem.weight"
DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "the file at"),
    "empty": (lambda path: path.write_bytes(b""), "no safetensors file"),
    "a pickle": (
        lambda path: path.write_bytes(b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00."),
        "no safetensors file",
    ),
    "one tensor fewer": (_tensors(lambda t: t.pop(STEM)), "lacks 'stem.weight'"),
    "one tensor more": (_tensors(lambda t: t.update({"generator.x": t[STEM].clone()})), "holds 'x' beyond"),
    "another part's": (
        _tensors(lambda t: t.update({"encoder.x": t[STEM].clone()})),
        "'encoder.x', which is no tensor of a gen",
    ),
    "without a part": (_tensors(lambda t: t.update({"x": t[STEM].clone()})), "'x', which is no tensor of a generator"),
    "turned": (_tensors(lambda t: t.update({STEM: t[STEM].T.contiguous()})), "stem.weight is torch.float32"),
    "half": (_tensors(lambda t: t.update({STEM: t[STEM].half()})), "stem.weight is torch.float16"),
    "NaN": (_tensors(lambda t: t.update({STEM: t[STEM] * torch.nan})), "stem.weight holds NaN"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_weights_are_refused(case: str, tiny: SimpleNamespace) -> None:
    """Even without pins a file that is malformed or does not fit is a WeightsError naming it."""
    damage, says = DAMAGES[case]
    damage(tiny.path / "model.safetensors")
    with pytest.raises(WeightsError, match=says) as caught:
        load(tiny.path)
    assert str(tiny.path / "model.safetensors") in str(caught.value)


def test_a_file_far_larger_than_the_architecture_is_refused_before_it_is_read(tiny: SimpleNamespace) -> None:
    """Weights of gigabytes for a network of some hundred parameters are a WeightsError, and take no memory."""
    with (tiny.path / "model.safetensors").open("r+b") as stream:
        stream.truncate(2**31)  # with a hole: it takes no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"model\.safetensors has 2,147,483,648 bytes; at most 8,39"):
        load(tiny.path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19  # KiB


def test_a_missing_file_is_not_found(tiny: SimpleNamespace) -> None:
    """A folder without weights or config is NotFoundError naming the file."""
    (tiny.path / "model.safetensors").unlink()
    with pytest.raises(NotFoundError, match=r"model\.safetensors is missing"):
        load(tiny.path)
    (tiny.path / "config.json").unlink()
    with pytest.raises(NotFoundError, match=r"has weights and no config\.json"):
        load(tiny.path)


def test_what_changes_on_the_disk_later_does_not_reach_a_loaded_model(tiny: SimpleNamespace) -> None:
    """The bytes that were checked are the bytes that are used: a file rewritten in place changes nothing."""
    model = load(tiny.path)
    before = model.sample(2, seed=0)
    with (tiny.path / "model.safetensors").open("r+b") as stream:
        stream.write(bytes((tiny.path / "model.safetensors").stat().st_size))
    assert torch.equal(model.sample(2, seed=0), before)


@pytest.mark.parametrize("device", ["banana", "cpu:x", 3.5, "cuda:99"])
def test_a_device_that_is_not_there_is_a_usage_error(device: Any, tiny: SimpleNamespace) -> None:
    """A device torch does not know or have is a UsageError that shows it."""
    with pytest.raises(UsageError, match="cannot be used here"):
        load(tiny.path, device=device)


def architecture(**change: Any) -> Registry:
    spec = default_registry().architecture("dcgan")
    keys = ("name", "summary", "family", "modality", "config", "parts")
    changed = ArchitectureSpec(**{key: getattr(spec, key) for key in keys} | change)
    return Registry.of([Owned(name="dcgan", spec=changed, owner="test"), *KINDS])


def test_an_architecture_of_another_kind_is_refused(tiny: SimpleNamespace) -> None:
    """An unknown family, or a part that implements no interface, is an error that says so."""
    folder = Folder(name="tiny", path=tiny.path)
    with pytest.raises(ConfigError, match="no family is named 'flow'"):
        load_folder(folder, architecture(family="flow"))
    with pytest.raises(PluginError, match="building its generator failed"):
        load_folder(folder, architecture(parts={"generator": "torch.nn:Linear"}))
    with pytest.raises((WeightsError, PluginError)):
        load_folder(folder, architecture(parts={"generator": "zoo_gan.networks:DCGANDiscriminator"}))
