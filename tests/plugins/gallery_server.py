"""A gallery in a process of its own, beside a model whose code raises and a plugin that is broken."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from sites import Site

TOKEN = "a-token-of-tests"
RAISING = """
from zoo.api import ArchitectureSpec, hookimpl
ZOO_API_VERSION = 2

@hookimpl
def zoo_architectures(context):
    parts = {"generator": "acme_zoo.networks:Raising", "discriminator": "acme_zoo.networks:Raising"}
    config = "acme_zoo.networks:Config"
    return [ArchitectureSpec(name="raising", summary="It raises.", family="gan", modality="image", config=config,
                             parts=parts)]
"""
NETWORKS = """
from dataclasses import dataclass
import torch
from zoo.nn import Generator

@dataclass(frozen=True)
class Config:
    size: int = 8

class Raising(Generator):
    def __init__(self, config):
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes, self.prior = (4,), (3, 8, 8), None, "normal"
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, z, labels=None):
        raise ZeroDivisionError("the network fell apart")
"""


class Server:
    """`zoo gallery`, as a user starts it."""

    def __init__(self, folder: Path, *, harm: bool = True) -> None:
        """Without `harm` nothing is beside it."""
        site = Site(folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZOO_", "XDG_"))}
        self.aside = folder / "aside"  # where it keeps what is sent
        self.aside.mkdir()
        self.env = kept | {"HOME": str(site.home), "PYTHONPATH": str(site.folder), "TMPDIR": str(self.aside)}
        self.port, self.log, self.weights = 0, folder / "log", folder / "raising"
        self.models = [str(self.weights)] * harm
        if harm:
            self._harm(site)
        self.start()

    def _harm(self, site: Site) -> None:
        package = site.install("acme", RAISING)
        (site.folder / package / "networks.py").write_text(NETWORKS)
        site.install("broken", "raise RuntimeError('this plugin is broken')")
        self.weights.mkdir()
        config = {
            "format": 1,
            "architecture": "acme/raising",
            "config": {},
            "data": {"name": "x"},
            "training": {},
            "zoo": "1",
        }
        (self.weights / "config.json").write_text(json.dumps(config))
        save_file({"generator.weight": torch.zeros(1)}, self.weights / "model.safetensors")

    def start(self, token: str = TOKEN) -> None:
        """Start it, on the port that it had before, and wait for its link."""
        words = ["gallery", "--port", str(self.port), "--token", token, *self.models]
        log = self.log.open("wb")
        command = [sys.executable, "-m", "zoo", *words]
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().split()[-1]
        assert self.link.endswith(f"/?token={token}"), self.log.read_text()
        self.home = self.link.partition("?")[0]
        self.port = int(self.home.rstrip("/").rpartition(":")[2])

    def worker(self) -> int:
        """The process id of the one that has torch, once there is one."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for _ in range(600):
            if found := children.read_text().split():
                return int(found[0])
            time.sleep(0.1)
        raise AssertionError("no worker was started")

    def end(self, how: int = signal.SIGINT) -> None:
        """End it, and see that nothing of it is left."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.send_signal(how)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        sent = [*self.aside.glob("zoo-gallery-*")]  # beside it torch leaves an empty folder of its own
        assert how == signal.SIGKILL or not sent, "what was sent is left"
        for path in self.aside.iterdir():
            shutil.rmtree(path)
        for _ in range(100):
            if not any(Path(f"/proc/{child}").exists() for child in children):
                return
            time.sleep(0.1)
        raise AssertionError(f"of the gallery {children} are left")
