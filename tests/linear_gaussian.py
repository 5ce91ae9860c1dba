"""x = W z + b + sd noise with z from N(0, I), in float64: everything about it has a closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.nn.distributions import DiagonalGaussian, Gaussian
from zoo.nn.interfaces import Decoder, Encoder

LATENT, DATA, SD = 2, 5, 0.3


class LinearEncoder(Encoder):
    """q(z given x) = N(A x + a, diag(exp(log_var)))."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = (LATENT,), (DATA,)
        self.matrix = nn.Parameter(torch.randn(LATENT, DATA, generator=generator, dtype=torch.float64))
        self.offset = nn.Parameter(torch.randn(LATENT, generator=generator, dtype=torch.float64))
        self.log_var = nn.Parameter(torch.tensor([-1.0, 0.4], dtype=torch.float64))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        mean = x.flatten(1) @ self.matrix.T + self.offset
        return DiagonalGaussian(mean, self.log_var.expand_as(mean))


class LinearDecoder(Decoder):
    """z -> W z + b."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes = (LATENT,), (DATA,), None
        # Orthogonal columns make the true posterior's covariance diagonal.
        columns = torch.linalg.qr(torch.randn(DATA, LATENT, generator=generator, dtype=torch.float64)).Q
        self.matrix = nn.Parameter(columns * torch.tensor([1.0, 0.5], dtype=torch.float64))
        self.offset = nn.Parameter(torch.randn(DATA, generator=generator, dtype=torch.float64))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return z @ self.matrix.T + self.offset


class LinearGaussian:
    """The three parts, and what is known of them."""

    def __init__(self, *, exact: bool = False) -> None:
        generator = torch.Generator().manual_seed(0)
        self.encoder, self.decoder = LinearEncoder(generator), LinearDecoder(generator)
        self.likelihood = Gaussian(sd=SD).double()
        self.x = torch.rand(6, DATA, generator=generator, dtype=torch.float64)
        if exact:
            self.use_the_true_posterior()

    @torch.no_grad()
    def use_the_true_posterior(self) -> None:
        """Bishop 2006, equation 12.42: covariance S = (I + W^T W / sd^2)^-1, mean S W^T (x - b) / sd^2."""
        w = self.decoder.matrix
        covariance = torch.linalg.inv(torch.eye(LATENT, dtype=torch.float64) + w.T @ w / SD**2)
        self.encoder.matrix.copy_(covariance @ w.T / SD**2)
        self.encoder.offset.copy_(-covariance @ w.T @ self.decoder.offset / SD**2)
        self.encoder.log_var.copy_(covariance.diagonal().log())

    def log_likelihood(self) -> Tensor:
        """log p(x), (N,): x is normal with mean b and covariance W W^T + sd^2 I."""
        w = self.decoder.matrix.detach()
        covariance = w @ w.T + SD**2 * torch.eye(DATA, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(self.decoder.offset.detach(), covariance).log_prob(self.x)

    def elbo(self) -> Tensor:
        """The ELBO without sampling, (N,), with gradients.

        E_q |x - W z - b|^2 = |x - W m - b|^2 + sum_j var_j |W_j|^2.
        """
        q = self.encoder(self.x)
        w, b = self.decoder.matrix, self.decoder.offset
        squared = (self.x - q.mean @ w.T - b).square().sum(1) + (q.log_var.exp() * w.square().sum(0)).sum(1)
        expected = -0.5 * squared / SD**2 - DATA * (math.log(SD) + 0.5 * math.log(2 * math.pi))
        kl = 0.5 * (q.mean.square() + q.log_var.exp() - 1 - q.log_var).sum(1)
        return expected - kl

    def parameters(self) -> list[nn.Parameter]:
        """All that learns."""
        return [*self.encoder.parameters(), *self.decoder.parameters()]


def exact_noise(n: int) -> Tensor:
    """(2 LATENT, n, LATENT): plus and minus sqrt(LATENT) along each axis.

    Their mean is 0 and their covariance I, so the average of any quadratic over them is its expectation.
    """
    axes = math.sqrt(LATENT) * torch.eye(LATENT, dtype=torch.float64)
    return torch.cat([axes, -axes])[:, None].expand(-1, n, -1)
