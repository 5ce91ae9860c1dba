"""The test session: a home and caches of its own, one thread, and no way to the network but the loopback."""

from __future__ import annotations

import atexit
import errno
import ipaddress
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# Before anything imports torch or huggingface_hub: both read their settings at import. ZOO_DATA is where real data are.
KEPT = ("HF_HOME", "ZOO_CACHE", "ZOO_DATA")
_HOME = tempfile.mkdtemp(prefix="zoo-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
OWN = ("HOME", "HF_HOME", "ZOO_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
os.environ.update({name: f"{_HOME}/{name.lower()}" for name in OWN})
os.environ.setdefault("OMP_NUM_THREADS", "1")
_DATA = os.environ.get("ZOO_DATA", "")  # what tests of the real data sets ask for
for _name in [name for name in os.environ if name.startswith(("ZOO_", "HF_")) and name not in KEPT]:
    del os.environ[_name]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a script, whose Ctrl-C is for others
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.append(str(Path(__file__).parent))  # for linear_gaussian.py, which several folders use

REACHED: list[object] = []  # addresses something wanted to reach


def _is_here(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a unix socket
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] in ("localhost", "")


def _refuse(address: object) -> None:
    REACHED.append(address)
    raise OSError(errno.ENETUNREACH, f"tests do not reach the network, and {address!r} is not this machine")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, address: method(self, address) if _is_here(address) else _refuse(address)

    def guarded_look_up(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return look_up(host, *rest, **more) if name is None or _is_here((name,)) else _refuse(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture
def real_data() -> Callable[[str], str]:
    """`real_data("mnist.tar")` gives the ZOO_DATA the session was started with, or skips where it lacks that file."""

    def roots(file: str) -> str:
        if not any((Path(root) / file).exists() for root in _DATA.split(os.pathsep) if root):
            pytest.skip(f"no {file} in ZOO_DATA")
        return _DATA

    return roots


@pytest.fixture
def reached() -> list[object]:
    """The addresses that something tried to reach while the test ran."""
    REACHED.clear()
    return REACHED


class _Installed(Distribution):
    """A distribution that is not on the disk."""

    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


@pytest.fixture
def entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EntryPoint]:
    """Write a plugin's module and give its entry point: `entry_point("acme", code, dist="acme-zoo")`."""
    monkeypatch.syspath_prepend(tmp_path)
    written = 0

    def make(name: str, code: str, *, dist: str = "acme-zoo", version: str = "1.2", value: str = "") -> EntryPoint:
        nonlocal written
        written += 1
        module = f"{tmp_path.name.replace('-', '_')}_plugin_{written}"  # no two tests share a name in sys.modules
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        point = EntryPoint(name=name, value=value or module, group="zoo")
        return point._for(_Installed(dist, version))  # type: ignore[attr-defined,no-any-return]

    return make


@pytest.fixture(scope="session")
def tiny_config() -> dict[str, Any]:
    """The keys of a DCGAN's config that make one of 8x8 pixels and a few hundred weights."""
    return {"image_size": 8, "latent_size": 3, "generator_widths": [4, 4], "discriminator_widths": [4, 4]}


@pytest.fixture
def make_folder(tmp_path: Path, tiny_config: dict[str, Any]) -> Callable[..., SimpleNamespace]:
    """Write a whole weights folder of a tiny DCGAN; gives its `path`, `pins`, and the `model` it was written from."""

    def make(
        name: str = "tiny", config: dict[str, Any] | None = None, training: dict[str, Any] | None = None
    ) -> SimpleNamespace:
        import json

        import torch

        from zoo.catalogue.plugins.loading import default_registry
        from zoo.files import sha256_of
        from zoo.nn.build import decode_config, initialise_parts
        from zoo.nn.extras import Extras
        from zoo.nn.gan import GAN
        from zoo.nn.golden import golden_samples
        from zoo.nn.serialization import save

        given = tiny_config if config is None else config
        spec = default_registry().architecture("dcgan")
        parts: dict[str, Any] = initialise_parts(spec, decode_config(spec, given, "test"), seed=0)
        extras = Extras(modality="image", memory_format=torch.channels_last)
        model = GAN(parts["generator"], parts["discriminator"], extras).eval()
        path = tmp_path / name
        path.mkdir()
        data = {"range": [-1.0, 1.0], "shape": list(model.data_shape), "name": "shapes"}
        data |= {"count": 1, "split": "train", "sha256": "0" * 64, "licence": "none"} if training else {}
        facts = {"format": 1, "architecture": "dcgan", "config": given, "data": data, "zoo": "0.1.0"}
        facts["training"] = training or {}
        (path / "config.json").write_text(json.dumps(facts), encoding="utf-8")
        for part, file in (("generator", "model"), ("discriminator", "discriminator")):
            tensors = {f"{part}.{key}": tensor for key, tensor in parts[part].state_dict().items()}
            save(path / f"{file}.safetensors", tensors)
        save(path / "golden.safetensors", golden_samples(model))
        pins = {file.name: sha256_of(file) for file in path.iterdir()}
        return SimpleNamespace(path=path, pins=pins, model=model, facts=facts)

    return make


TINY_VAE: dict[str, Any] = {
    "image_size": 8,
    "channels": 3,
    "latent_size": 3,
    "encoder_widths": [4],
    "encoder_strides": [2],
    "hidden": 4,
    "decoder_stem": 4,
    "decoder_widths": [4],
    "likelihood": "gaussian",
}


@pytest.fixture
def vae_folder(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Write a whole weights folder of a tiny VAE with random weights; gives its `path` and the `model`."""

    def make(name: str = "tiny", seed: int = 0, latent_size: int = 3, channels: int = 3) -> SimpleNamespace:
        import json

        import torch

        from zoo.catalogue.plugins.loading import default_registry
        from zoo.nn.build import decode_config, initialise_parts
        from zoo.nn.extras import Extras
        from zoo.nn.golden import golden_samples
        from zoo.nn.serialization import save
        from zoo.nn.vae import VAE

        config = TINY_VAE | {"latent_size": latent_size, "channels": channels}
        spec = default_registry().architecture("conv-vae")
        parts: dict[str, Any] = initialise_parts(spec, decode_config(spec, config, "test"), seed=seed)
        extras = Extras(modality="image", memory_format=torch.channels_last)
        model = VAE(parts["encoder"], parts["decoder"], parts["likelihood"], extras).eval()
        path = tmp_path / name
        path.mkdir()
        data = {"range": [0.0, 1.0], "shape": [3, 8, 8], "name": "shapes"}
        facts = {
            "format": 1,
            "architecture": "conv-vae",
            "config": config,
            "data": data,
            "training": {},
            "zoo": "0.1.0",
        }
        (path / "config.json").write_text(json.dumps(facts), encoding="utf-8")
        named = {f"{part}.{key}": value for part in parts for key, value in parts[part].state_dict().items()}
        save(path / "model.safetensors", named)
        save(path / "golden.safetensors", golden_samples(model))
        return SimpleNamespace(path=path, model=model)

    return make


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A loopback Hub that this process's client talks to, with a cache of its own (`hub.cache`) and no long waits."""
    from huggingface_hub import constants
    from loopback_hub import LoopbackHub

    with LoopbackHub() as running:
        running.cache = tmp_path / "hub-cache"  # type: ignore[attr-defined]
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(running.cache))  # type: ignore[attr-defined]
        monkeypatch.setattr("zoo.catalogue.hub.transport.PAUSE", 0.01)
        monkeypatch.setattr("zoo.catalogue.hub.branch.PAUSE", 0.01)
        yield running


@pytest.fixture
def tiny_files(make_folder: Callable[..., SimpleNamespace]) -> dict[str, bytes]:
    """The files of a whole weights folder of a tiny DCGAN, with its card."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.card import write_card

    recipe = {"name": "tiny", "trainer": "adversarial", "licence": "MIT", "summary": "Tiny.", "settings": {}}
    tiny = make_folder("tiny-files", training={"recipe": recipe, "examples": 1, "torch": "2", "threads": 1})
    write_card(tiny.path, default_registry())
    return {path.name: path.read_bytes() for path in tiny.path.iterdir()}


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of ZOO_DATA with a tar of 360 labelled faces: those who smile are bright, women are blue."""
    import io
    import tarfile

    from PIL import Image

    names = [f"P{chr(97 + i % 26)}{chr(97 + i // 26)}_0001" for i in range(360)]
    rows = [f"{name},{i % 2},,,{('male', 'female')[i // 2 % 2]}" for i, name in enumerate(names)]
    with tarfile.open(tmp_path / "lfwcrop.tar", "w", format=tarfile.USTAR_FORMAT) as tar:

        def add(member: str, content: bytes) -> None:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

        for i, name in enumerate(names):
            file = io.BytesIO()
            Image.new("RGB", (8, 8), (60 + 120 * (i % 2), 90, 80 + 120 * (i // 2 % 2) + i % 20)).save(file, "PNG")
            add(f"images/{name}.png", file.getvalue())
        add("labels.csv", "\n".join(["name,smiling,smiled,expression,gender", *rows]).encode())
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))


@pytest.fixture
def refused(make_folder: Callable[..., SimpleNamespace], capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Run words in which PHOTO, MODEL, GAN and OUT stand for paths: the code, one line that `says`, nothing written."""
    from zoo.cli.main import main

    def check(words: list[str], code: int, says: str, *, model: Path, photo: Path) -> None:
        places = {"PHOTO": photo, "MODEL": model, "OUT": photo.parent / "out.png"}
        if "GAN" in words:
            places["GAN"] = make_folder("gan").path
        before = sorted(photo.parent.rglob("*"))
        filled = [str(places.get(word, word)).replace("MODEL/", f"{model}/").replace("OUT.", "out.") for word in words]
        assert main(filled) == code
        captured = capsys.readouterr()
        assert says in captured.err
        assert captured.err.count("\n") == 1
        assert sorted(photo.parent.rglob("*")) == before

    return check
