"""A training step of a VAE on 28x28 pictures, batch 128, against the loop of pytorch/examples and pythae's trainer.

    python benchmarks/train_vae.py mlp|book [--pairs 9] [--seconds 1] [--threads 2]

`mlp` is the network of pytorch/examples, 784-400-20-400-784; `book` the convolutional one of Chollet's book (the preset
`book` of `conv-vae`), in the peers' loops too. The first peer is the loop of pytorch/examples/vae behind torchvision's
MNIST class, which makes a PIL picture of each row, and a DataLoader. The second is the trainer of pythae, where it is
installed; it is no dependency of anything here. The zoo's second way takes `precision = "bfloat16"`, which neither peer
has on a CPU:

    pip install --target ./peers --no-deps pythae pydantic pydantic-core annotated-types typing-inspection cloudpickle
    PYTHONPATH=./peers python benchmarks/train_vae.py mlp

The goals for `mlp` are at least 3.8 and 2, for `book` 1.5 of either.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from pairs import Way, compare_elsewhere, noise_pictures, options
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from training import zoo_way

from zoo.images import import_torchvision

BATCH, COUNT = 128, 60_000
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mlp": {"architecture": "mlp-vae"},
    "book": {"architecture": "conv-vae", "preset": "book"},
}
Layers = tuple[nn.Sequential, int, int, nn.Sequential]  # encoder, its features, latent size, decoder to logits


def mlp() -> Layers:
    """The dense layers of pytorch/examples/vae."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
    return encoder, 400, 20, nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Unflatten(1, SHAPE))


def book() -> Layers:
    """The convolutions of the book's VAE."""
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((1, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU()]
    decoder = nn.Sequential(
        nn.Linear(2, 64 * 14 * 14),
        nn.ReLU(),
        nn.Unflatten(1, (64, 14, 14)),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
        nn.ReLU(),
        nn.Conv2d(32, 1, 3, 1, 1),
    )
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 14 * 14, 32), nn.ReLU()), 32, 2, decoder


SHAPE = (1, 28, 28)
NETWORKS: dict[str, Callable[[], Layers]] = {"mlp": mlp, "book": book}


class Plain(nn.Module):
    """The module of pytorch/examples/vae: x -> probabilities, mean, log variance."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self.encoder, features, latent, self.decoder = NETWORKS[network]()
        self.mean, self.log_var = nn.Linear(features, latent), nn.Linear(features, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.encoder(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        std = torch.exp(0.5 * log_var)
        return torch.sigmoid(self.decoder(mean + torch.randn_like(std) * std)), mean, log_var


class Pictures(Dataset[tuple[Tensor, int]]):
    """Rows of memory as torchvision's MNIST gives them, with `ToTensor`."""

    def __init__(self, data: Tensor) -> None:
        self.data, self.transform = data.squeeze(1), import_torchvision("torchvision.transforms").ToTensor()

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[row].numpy(), mode="L")), 0

    def __len__(self) -> int:
        return len(self.data)


def endless(data: Tensor) -> Iterator[Tensor]:
    """Whole batches, epoch after epoch."""
    loader = DataLoader(Pictures(data), batch_size=BATCH, shuffle=True, drop_last=True)
    while True:
        for x, _ in loader:
            yield x


def examples_way(network: str) -> Way:
    """The loop of pytorch/examples/vae."""
    model, batches = Plain(network), endless(noise_pictures(COUNT, SHAPE))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def way(steps: int) -> float:
        total = 0.0
        for _ in range(steps):
            x = next(batches)
            optimizer.zero_grad()
            given, mean, log_var = model(x)
            reconstruction = F.binary_cross_entropy(given, x, reduction="sum")
            loss = reconstruction - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
            loss.backward()
            total += loss.item()
            optimizer.step()
        return total

    return way


def pythae_way(network: str, folder: str) -> Way:
    """One epoch of pythae's trainer over as many batches as there are steps."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body, features, self.latent_dim, _ = NETWORKS[network]()
            self.mean, self.log_var = nn.Linear(features, self.latent_dim), nn.Linear(features, self.latent_dim)

        def forward(self, x: Tensor) -> Any:
            hidden = self.body(x)
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_var(hidden))

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = NETWORKS[network]()[3]

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.body(z)))

    encoder = Encoder()
    about = VAEConfig(input_dim=SHAPE, latent_dim=encoder.latent_dim, reconstruction_loss="bce")
    model = VAE(about, encoder=encoder, decoder=Decoder())
    x, labels = noise_pictures(COUNT, SHAPE).float() / 255, torch.zeros(COUNT)
    config = BaseTrainerConfig(output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=1e-3)
    trainer = BaseTrainer(model, BaseDataset(x, labels), training_config=config)
    trainer.prepare_training()

    def way(steps: int) -> float:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            return epoch(steps)

    def epoch(steps: int) -> float:
        part = BaseDataset(x[: steps * BATCH], labels[: steps * BATCH])
        trainer.train_loader = trainer.get_train_dataloader(part)
        return float(trainer.train_step(1))

    return way


def main() -> None:
    """Print the table."""
    parser = options(__doc__, piece=1.0)
    parser.add_argument("network", choices=list(NETWORKS))
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    network = arguments.network
    ways: dict[str, Callable[[], Way]] = {"examples": partial(examples_way, network)}
    with tempfile.TemporaryDirectory() as folder:
        if importlib.util.find_spec("pythae"):
            ways["pythae"] = partial(pythae_way, network, folder)
        else:
            print("pythae is not installed and left out; how to install it: --help")
        peers = list(ways)
        for precision in ("float32", "bfloat16"):
            recipe = ARCHITECTURES[network] | {"trainer": "vae", "settings": {"precision": precision}}
            ways[f"zoo, {precision}"] = partial(zoo_way, COUNT, SHAPE, batch_size=BATCH, **recipe)
        compare_elsewhere(ways, peers, examples=BATCH, arguments=arguments)


if __name__ == "__main__":
    main()
