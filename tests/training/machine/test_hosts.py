"""Two hosts that train one run: each a network namespace of its own, joined by a cable that only they have."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoo.catalogue.runs.folder import checkpoints

RECIPE = """
name = "tiny"
architecture = "dcgan"
dataset = "shapes"
trainer = "adversarial"
examples = 320
batch_size = 16
log_every = 32
sample_every = 160
checkpoint_every = 160
[config]
image_size = 16
latent_size = 8
generator_widths = [8, 4]
discriminator_widths = [4, 8]
dropout = 0.3
[settings]
augment = ["color", "translation", "cutout"]
label_noise = 0.1
clip_norm = 1.0
"""
TRAIN = ("-m", "zoo", "train", "tiny.toml", "--threads", "1", "--device", "cpu")
PORT = "29500"


def hindrance() -> str:
    """Why there can be no namespaces here; "" where there can."""
    if missing := [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]:
        return f"network namespaces need {', '.join(missing)} (util-linux, iproute2)"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return f"network namespaces are not allowed here ({tried.stderr.strip()})" if tried.returncode else ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(hindrance()), reason=hindrance())]


class Host:
    """A network namespace that lives as long as the process which holds it; only what is run in it sees its network."""

    def __init__(self, cable: str, address: str) -> None:
        self.cable, self.address = cable, address
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo up; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.holder.stdout is not None
        self.holder.stdout.readline()  # it is in its namespace by now

    def command(self, *words: str) -> list[str]:
        """The words, as a command of this host's."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", *words]

    def ip(self, *words: str) -> None:
        subprocess.run(self.command("ip", *words), check=True)

    def come_up(self) -> None:
        """Give its end of the cable the address, and take up the network."""
        self.ip("address", "add", f"{self.address}/24", "dev", self.cable)
        for device in ("lo", self.cable):
            self.ip("link", "set", device, "up")

    def go_down(self) -> None:
        """End the holder: the namespace goes with it, and with that its end of the cable."""
        self.holder.kill()
        self.holder.communicate()


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Two hosts, each other's only neighbours."""
    with contextlib.ExitStack() as held:
        found = []
        for name, address in (("left", "10.77.0.1"), ("right", "10.77.0.2")):
            found.append(Host(name, address))
            held.callback(found[-1].go_down)
        left, right = found
        left.ip("link", "add", "left", "type", "veth", "peer", "name", "right", "netns", str(right.holder.pid))
        for host in found:
            host.come_up()
        yield found


def start(host: Host, rank: int, first: Host, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """torchrun on one of two hosts, as docs/processes.md has it, with one process on each."""
    where = ["--nnodes", "2", "--node_rank", str(rank), "--master_addr", first.address, "--master_port", PORT]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "1", *where]
    env = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": host.cable}
    command = host.command(*torchrun, *TRAIN, *arguments)
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def on_both(hosts: list[Host], folder: Path, *arguments: str) -> None:
    """Run the same on both, and see both end well; whatever happens, none is left behind."""
    begun: list[subprocess.Popen[str]] = []
    try:
        for rank, host in enumerate(hosts):
            begun.append(start(host, rank, hosts[0], folder, *arguments))
        ends = [process.communicate(timeout=300) for process in begun]
    finally:
        for process in begun:
            process.terminate()
            process.wait()
    assert [process.returncode for process in begun] == [0, 0], ends


def test_two_hosts_end_in_the_bytes_of_one_with_two_processes(
    hosts: list[Host], tmp_path: Path, contents: Callable[[Path], dict[str, str]]
) -> None:
    """Weights, optimizers, random numbers, samples and all readings; cut in the middle and resumed too."""
    (tmp_path / "tiny.toml").write_text(RECIPE)
    alone = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *TRAIN]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*alone, "--out", "one"], cwd=tmp_path, env=env, check=True, capture_output=True)
    on_both(hosts, tmp_path, "--out", "two", "--examples", "160")
    on_both(hosts, tmp_path, "--out", "two", "--resume")
    one, two = (
        contents(checkpoints(tmp_path / out / "checkpoints")[-1]) | contents(tmp_path / out / "samples")
        for out in ("one", "two")
    )
    assert "state.safetensors" in one
    assert one == two
