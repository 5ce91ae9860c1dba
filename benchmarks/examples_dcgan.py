"""The peer: the training loop of pytorch/examples' DCGAN, cut to 32 x 32, written out as plainly as it stands there.

    python benchmarks/examples_dcgan.py --images 1000000 --out runs/peer --snapshots 200000,400000 [--fast] [--resume]
    python benchmarks/examples_dcgan.py --evaluate runs/peer/generator-200000.safetensors

ngf = ndf = 64, nz = 100, one layer fewer than for 64 x 64; weights from N(0, 0.02); binary cross-entropy on a sigmoid;
Adam, 2e-4, betas (0.5, 0.999); batches of 64, a smaller one at the end of an epoch. No moving average of the weights,
no augmentation. As there, the generator learns from the fakes that the discriminator has just seen.

`--fast` changes what costs time and nothing of the mathematics: batches are cut from memory instead of collated by a
DataLoader, memory is channels last, Adam is fused, and the generator's phase collects no gradients for the
discriminator.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from zoo.catalogue.plugins.loading import default_registry
from zoo.data.loading import Examples, load_dataset
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.evaluation.metrics import frechet_distance, kernel_distance
from zoo.files import new_file
from zoo.images.modality import Images
from zoo.nn import load_features

LATENT, WIDTH, BATCH = 100, 64, 64
NETWORK = "efficientnet-lite0"
SAVE_EVERY, SAY_EVERY = 120.0, 60.0  # seconds


def generator(channels: int = 3) -> nn.Sequential:
    """z (N, 100, 1, 1) -> images (N, channels, 32, 32) in [-1, 1]."""
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, WIDTH * 4, 4, 1, 0, bias=False),
        nn.BatchNorm2d(WIDTH * 4),
        nn.ReLU(True),
        nn.ConvTranspose2d(WIDTH * 4, WIDTH * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 2),
        nn.ReLU(True),
        nn.ConvTranspose2d(WIDTH * 2, WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(True),
        nn.ConvTranspose2d(WIDTH, channels, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def discriminator(channels: int = 3) -> nn.Sequential:
    """Images (N, channels, 32, 32) -> the probability (N,) that each is real."""
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(WIDTH, WIDTH * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 2),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(WIDTH * 2, WIDTH * 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 4),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(WIDTH * 4, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
        nn.Flatten(0),
    )


def weights_init(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) and 0 for batch norms."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


@dataclass
class Run:
    """All that a run is."""

    g: nn.Sequential
    d: nn.Sequential
    optimizer_g: torch.optim.Adam
    optimizer_d: torch.optim.Adam
    noise: torch.Generator
    seed: int
    fast: bool
    images: int = 0  # real images seen
    epoch: int = 0
    offset: int = 0  # of the next batch in its epoch
    seconds: float = 0.0

    @property
    def numbers(self) -> dict[str, Any]:
        """What of the run is no tensor."""
        return {name: getattr(self, name) for name in ("seed", "images", "epoch", "offset", "seconds")}


def new_run(seed: int, channels: int, fast: bool) -> Run:
    torch.manual_seed(seed)
    g, d = generator(channels).apply(weights_init), discriminator(channels).apply(weights_init)
    if fast:
        g, d = (net.to(memory_format=torch.channels_last) for net in (g, d))  # type: ignore[call-overload]
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=fast) for n in (g, d))
    return Run(g, d, adam_g, adam_d, torch.Generator().manual_seed(seed), seed, fast)


def step(run: Run, real: Tensor) -> dict[str, float]:
    """One update of each network, on real (N, C, 32, 32) in [-1, 1]."""
    criterion = nn.BCELoss()
    ones, zeros = torch.ones(len(real)), torch.zeros(len(real))

    # discriminator: maximise log(D(x)) + log(1 - D(G(z)))
    run.d.requires_grad_(True)
    run.d.zero_grad()
    loss_real = criterion(run.d(real), ones)
    loss_real.backward()
    fake = run.g(torch.randn(len(real), LATENT, 1, 1, generator=run.noise))
    loss_fake = criterion(run.d(fake.detach()), zeros)
    loss_fake.backward()
    run.optimizer_d.step()

    # generator: maximise log(D(G(z)))
    run.d.requires_grad_(not run.fast)
    run.g.zero_grad()
    loss_g = criterion(run.d(fake), ones)
    loss_g.backward()
    run.optimizer_g.step()
    return {"loss_d": loss_real.item() + loss_fake.item(), "loss_g": loss_g.item()}


class _Order(Sampler[int]):
    """The order of one epoch, which follows from seed and epoch, from an offset on."""

    def __init__(self, count: int, run: Run) -> None:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(run.seed * 1_000_003 + run.epoch))
        self.rows = order[run.offset :]

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __len__(self) -> int:
        return len(self.rows)


class _Pictures(Dataset[Tensor]):
    """One normalised picture at a time, as the example's transforms hand them to the DataLoader."""

    def __init__(self, data: Tensor) -> None:
        self.data = data

    def __getitem__(self, row: int) -> Tensor:
        return (self.data[row].float() / 255 - 0.5) / 0.5

    def __len__(self) -> int:
        return len(self.data)


def epoch(data: Tensor, run: Run) -> Iterator[Tensor]:
    """The batches that are left of the run's epoch, the last one smaller."""
    order = _Order(len(data), run)
    if not run.fast:
        yield from DataLoader(_Pictures(data), batch_size=BATCH, sampler=order)
        return
    for rows in torch.split(order.rows, BATCH):
        yield ((data[rows].float() / 255 - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)


def write(path: Path, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    with new_file(path) as aside:
        packed = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
        save_file(packed, aside, metadata={"run": json.dumps(numbers)})


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads((file.metadata() or {}).get("run", "{}"))


def save(run: Run, folder: Path) -> None:
    """`state.safetensors`, all that is needed to go on, and `generator.safetensors`."""
    tensors = {"noise": run.noise.get_state()}
    for name, net, optimizer in (("g", run.g, run.optimizer_g), ("d", run.d, run.optimizer_d)):
        tensors |= {f"{name}.{key}": value for key, value in net.state_dict().items()}
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"adam_{name}.{index}.{key}": value for key, value in values.items()}
    write(folder / "state.safetensors", tensors, run.numbers)
    write(folder / "generator.safetensors", run.g.state_dict(), run.numbers)


def restore(run: Run, folder: Path) -> None:
    tensors, numbers = read(folder / "state.safetensors")
    if numbers["seed"] != run.seed:
        raise SystemExit(f"{folder} was begun with seed {numbers['seed']}, not {run.seed}")
    for name, net, optimizer in (("g", run.g, run.optimizer_g), ("d", run.d, run.optimizer_d)):
        net.load_state_dict(
            {key.removeprefix(f"{name}."): v for key, v in tensors.items() if key.startswith(f"{name}.")}
        )
        parameters = list(net.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"adam_{name}."):
                _, index, field = key.split(".")
                if value.dim():  # fused kernels walk raw memory: a moment needs its parameter's layout
                    value = torch.empty_like(parameters[int(index)], requires_grad=False).copy_(value)
                state.setdefault(int(index), {})[field] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    run.noise.set_state(tensors["noise"])
    for field in ("images", "epoch", "offset", "seconds"):
        setattr(run, field, numbers[field])


def train(run: Run, data: Tensor, images: int, folder: Path, snapshots: list[int]) -> None:
    """Until `images` real images have been seen, in all; a snapshot as each of `snapshots` is reached."""
    before, begun = run.seconds, time.perf_counter()
    saved = said = begun
    said_images = run.images
    due = sorted(count for count in snapshots if count > run.images)
    while run.images < images:
        for real in epoch(data, run):
            losses = step(run, real)
            run.images += len(real)
            run.offset += len(real)
            now = time.perf_counter()
            run.seconds = before + now - begun
            while due and run.images >= due[0]:
                write(folder / f"generator-{due.pop(0)}.safetensors", run.g.state_dict(), run.numbers)
            if now - saved >= SAVE_EVERY:
                save(run, folder)
                saved = now
            if now - said >= SAY_EVERY:
                rate = (run.images - said_images) / (now - said)
                values = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
                print(f"{run.images:>9} images  {run.seconds:.0f} s  {rate:.0f} images/s  {values}", flush=True)
                said, said_images = now, run.images
            if run.images >= images:
                break
        else:
            run.epoch, run.offset = run.epoch + 1, 0
    save(run, folder)
    print(f"{run.images} images in {run.seconds:.0f} s, {run.images / max(run.seconds, 1e-9):.0f} images/s", flush=True)


def sample(path: Path, count: int, seed: int) -> Tensor:
    """Images (count, C, 32, 32) in [0, 1], batch norms in evaluation."""
    tensors, _ = read(path)
    net = generator(tensors["9.weight"].shape[1])
    net.load_state_dict(tensors)
    net.eval()
    z = torch.randn(count, LATENT, 1, 1, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        return torch.cat([(net(part) + 1) / 2 for part in torch.split(z, 250)])


def report(path: Path, reference: str, samples: int, seed: int, cache: Path | None) -> dict[str, Any]:
    train_set, test_set = (examples(reference, split).data for split in ("train", "test"))
    observer = Observer(load_features(NETWORK), Images())
    known, unseen = (cached_vectors(x, observer, cache) for x in (train_set, test_set))
    drawn = vectors(sample(path, samples, seed), observer)
    kernel, error = kernel_distance(drawn, known, seed=seed)
    found = {"network": NETWORK, "samples": samples, "train_examples": len(known), "seed": seed, "kernel": kernel}
    found |= {"frechet": frechet_distance(drawn, known), "kernel_standard_error": error}
    found["floor"] = frechet_distance(unseen, known)  # of as many test examples as there are
    return {"file": path.name, "run": read(path)[1], "data": reference, **found}


def examples(reference: str, split: str) -> Examples:
    return load_dataset(reference, registry=default_registry(), split=split, data_shape=(3, 32, 32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000, help="real images to see, in all")
    parser.add_argument("--data", default="cifar10[frog]")
    parser.add_argument("--out", type=Path, default=Path("runs/examples-dcgan"))
    parser.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--snapshots", default="", help="counts of images, joined by commas")
    parser.add_argument("--fast", action="store_true", help="the same mathematics, faster")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--evaluate", type=Path, metavar="FILE", help="print a report on a generator file as JSON")
    parser.add_argument("--samples", type=int, default=5000, help="for --evaluate")
    parser.add_argument("--cache", type=Path, help="folder for the real images' features")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.evaluate:
        print(json.dumps(report(args.evaluate, args.data, args.samples, args.seed, args.cache), indent=1))
        return
    data = examples(args.data, "train").data
    run = new_run(args.seed, data.shape[1], args.fast)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.resume:
        restore(run, args.out)
    train(run, data, args.images, args.out, [int(text) for text in args.snapshots.split(",") if text])


if __name__ == "__main__":
    main()
