"""Feature networks by name: found, checked, loaded once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.errors import IntegrityError, NotFoundError, PluginError
from zoo.nn import features as module
from zoo.nn.features import Features, default_features, load_features

WEIGHTS = b"\x02\x03"
SPEC = FeaturesSpec(
    name="sums",
    summary="Sums of two.",
    modality="wave",
    licence="MIT",
    weights="acme_features:two.bin",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    features="acme_networks:sums",
    install_hint="pip install acme-zoo[looks]",
)
CODE = """
import torch
from zoo.nn import Features

built = []

class Sums(Features):
    strides = (2,)
    dimensions = 1

    def __init__(self, weights):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([float(value) for value in weights]))

    def vector(self, x):
        return x.sum((1, 2))[:, None] * self.scale.sum()

    def maps(self, x):
        return (x.unflatten(-1, (-1, 2)) @ self.scale,)

def sums(weights):
    built.append(weights)
    return Sums(weights)

def nothing(weights):
    return torch.nn.Identity()

def ends(weights):
    raise SystemExit(3)
"""


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries weights and must not be imported, a module that builds, and nothing loaded yet."""
    (tmp_path / "acme_features").mkdir()
    (tmp_path / "acme_features/__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "acme_features/two.bin").write_bytes(WEIGHTS)
    (tmp_path / "acme_networks.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_networks", raising=False)
    monkeypatch.setattr(module, "_loaded", {})
    return tmp_path


def registry(*specs: FeaturesSpec) -> Registry:
    """A catalogue of these, all of the plugin acme."""
    return Registry.of(Owned(name=f"acme/{spec.name}", spec=spec, owner="acme (acme-zoo 1)") for spec in specs)


def test_a_name_gives_a_frozen_network() -> None:
    """It is in eval mode, has no weight that learns, carries name and sha256, and passes gradients to x alone."""
    network = load_features("acme/sums", registry(SPEC))
    assert (network.name, network.sha256) == ("acme/sums", SPEC.sha256)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    x = torch.ones(1, 1, 4, requires_grad=True)
    assert torch.equal(torch.autograd.grad(network.maps(x)[0].sum(), x)[0], torch.tensor([[[2.0, 3.0, 2.0, 3.0]]]))


def test_it_is_loaded_once_by_many_threads() -> None:
    """Sixteen threads get one object, built once; another entry of the same name is another network."""
    found = registry(SPEC)
    with ThreadPoolExecutor(16) as pool:
        networks = set(pool.map(lambda _: load_features("acme/sums", found), range(16)))
    assert len(networks) == 1
    assert sys.modules["acme_networks"].built == [WEIGHTS]
    with pytest.raises(IntegrityError):
        load_features("acme/sums", registry(replace(SPEC, sha256="0" * 64)))


def test_whoever_loads_it_first_gradients_pass_later() -> None:
    """Loaded under inference_mode, it can still be looked through in training."""
    with torch.inference_mode():
        network = load_features("acme/sums", registry(SPEC))
    x = torch.ones(1, 1, 2, requires_grad=True)
    network.vector(x).sum().backward()
    assert x.grad is not None


def test_whoever_loads_it_first_it_is_the_same_and_no_random_number_is_used_up() -> None:
    """The zoo's own network, built under another default dtype in a process of its own, is float32 and leaves the
    random state as it was: a run that finds it loaded goes on as one that loads it.
    """
    code = """
import torch
torch.set_default_dtype(torch.float64)
before = torch.random.get_rng_state()
from zoo.nn import load_features
network = load_features("efficientnet-lite0")
assert torch.equal(torch.random.get_rng_state(), before), "random numbers were used up"
print({str(p.dtype) for p in network.parameters()})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{'torch.float32'}\n"


def test_an_absent_package_names_the_command() -> None:
    """Without the package of the weights NotFoundError gives the spec's install line."""
    spec = replace(SPEC, weights="no_such_package_of_weights:two.bin")
    with pytest.raises(NotFoundError, match=r"acme/sums: its weights are not installed; pip install acme-zoo\[looks\]"):
        load_features("acme/sums", registry(spec))


def test_other_bytes_reach_no_code(packages: Path) -> None:
    """A file whose sha256 is another raises IntegrityError naming both, before what would read it is imported."""
    (packages / "acme_features/two.bin").write_bytes(b"other")
    with pytest.raises(IntegrityError, match=f"two.bin has sha256 [0-9a-f]{{64}}, not {SPEC.sha256}"):
        load_features("acme/sums", registry(SPEC))
    assert "acme_networks" not in sys.modules


@pytest.mark.parametrize(
    ("attribute", "cause"),
    [("nothing", "gives a Identity, no zoo.nn.Features"), ("ends", "SystemExit: 3"), ("missing", "cannot import")],
)
def test_code_that_fails_is_the_plugins_error(attribute: str, cause: str) -> None:
    """A builder that raises, ends the program, gives something else or is not there is a PluginError naming it."""
    with pytest.raises(PluginError, match=f"feature network acme/sums: .*{cause}"):
        load_features("acme/sums", registry(replace(SPEC, features=f"acme_networks:{attribute}")))


def test_an_unknown_name_says_how_to_list_them() -> None:
    """NotFoundError offers near names, or the command that lists all."""
    with pytest.raises(NotFoundError, match="did you mean 'acme/sums'"):
        load_features("acme/sum", registry(SPEC))
    with pytest.raises(NotFoundError, match="zoo list features"):
        load_features("qqqq", registry(SPEC))


def test_a_plugin_does_not_take_over_the_default() -> None:
    """The zoo's own comes before a plugin's, one that says default before another, and each modality has its own."""
    named = {
        "acme/a": replace(SPEC, name="a", tags=("default",)),
        "acme/b": replace(SPEC, name="b"),
        "other/c": replace(SPEC, name="c", modality="text"),
        "own": replace(SPEC, name="own", tags=("default",)),
        "last": replace(SPEC, name="last"),
    }

    def chosen(*names: str, modality: str = "wave") -> str:
        return default_features(modality, Registry.of(Owned(name=n, spec=named[n], owner="o") for n in names))

    assert chosen(*named) == "own"
    assert chosen("acme/a", "acme/b") == "acme/a"
    assert chosen("acme/b") == "acme/b"
    assert chosen(*named, modality="text") == "other/c"
    with pytest.raises(NotFoundError, match="no feature network looks at text; install"):
        chosen("own", modality="text")


def test_features_is_abstract() -> None:
    """A network without `vector` and `maps` cannot be made."""

    class Half(Features):
        def vector(self, x: Tensor) -> Tensor:
            return x

    with pytest.raises(TypeError, match="maps"):
        Half()  # type: ignore[abstract]
    assert issubclass(Features, nn.Module)
