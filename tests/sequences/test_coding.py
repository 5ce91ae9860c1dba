"""zoo.sequences.coding: lines in a latent space, and a writer that sees the latent."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import zoo
from zoo.cli.main import main
from zoo.errors import DataError, UsageError
from zoo.nn import Extras
from zoo.nn.bounds import bits_per_dim
from zoo.nn.vae import VAE
from zoo.sequences import LineDecoder, LineEncoder, LineVAEConfig, filled, written_lines
from zoo_text.text import Text

SMALL = LineVAEConfig(vocabulary=5, length=4, latent_size=2, embedding=3, encoder_width=4, context=3, width=6)


def model(config: LineVAEConfig = SMALL) -> VAE:
    torch.manual_seed(0)
    info = {"data": {"about": {"vocabulary": "\nabcd"}}}
    extras = Extras(modality="text", info=info, given=Text("\nabcd").given)
    return VAE(LineEncoder(config), LineDecoder(config), written_lines(config), extras).eval()


@torch.no_grad()
def test_the_probabilities_of_all_lines_add_up_to_one() -> None:
    """Of whatever is seen of the latent; each is the product of those of its tokens, told from those before alone."""
    likelihood = model().likelihood
    every = torch.cartesian_prod(*[torch.arange(5)] * 4)
    context = torch.randn(1, 3)
    found = likelihood.log_prob(context.expand(len(every), -1), every)
    assert float(found.exp().sum()) == pytest.approx(1, abs=1e-5)
    changed = every[:1].clone()
    changed[:, 3] = 4
    first, second = (likelihood(context, x)[0] for x in (every[:1], changed))
    assert torch.allclose(first[:3], second[:3])
    assert first[3] != second[3]
    several = likelihood.log_prob(torch.randn(3, 2, 3), every[:2])  # three latents an example
    assert several.shape == (3, 2)
    assert bits_per_dim(4 * math.log(2), 4, likelihood) == pytest.approx(1)


def test_what_is_written_is_the_likeliest_at_each_step() -> None:
    """Token by token as all at once; and it follows the latent."""
    of = model()
    with torch.no_grad():
        of.decoder.head.weight.mul_(60)  # else all latents look alike
    z = of.latents(16, seed=0)
    written = of.decode(z)
    assert written.dtype == torch.int64
    assert written.shape == (16, 4)
    assert len(written.unique(dim=0)) > 1
    context = of.decoder(z)
    logits = [of.likelihood(context, torch.cat([written[:, :3], torch.full((16, 1), k)], 1))[:, 3] for k in range(5)]
    assert torch.equal(torch.stack(logits, 1).argmax(1), written[:, 3])


def test_words_are_hidden_while_training_alone() -> None:
    """With the dropout of a config: then what came before counts less, and the draws are torch's."""
    config = LineVAEConfig(**{**vars(SMALL), "dropout": 0.9})
    likelihood = model(config).likelihood
    x, context = torch.randint(5, (8, 4)), torch.randn(8, 3)
    assert torch.equal(likelihood(context, x), likelihood(context, x))
    likelihood.train()
    torch.manual_seed(1)
    first = likelihood(context, x)
    assert not torch.equal(first, likelihood(context, x))
    torch.manual_seed(1)
    assert torch.equal(first, likelihood(context, x))


def test_tokens_are_encoded() -> None:
    """As tokens, or as text; a bound on their likelihood is known; what are no tokens is refused."""
    of = model()
    x = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 0]])
    posterior = of.encode(x)
    assert posterior.mean.shape == (2, 2)
    assert torch.equal(of.encode(["abcd", "ab"]).mean, posterior.mean)
    assert torch.equal(of.encode("ab").mean, of.encode(x[1:]).mean)
    assert of.elbo(x, seed=0).shape == (2,)
    assert of.reconstruct(x).dtype == torch.int64
    for bad in (x.float(), x + 1, x - 1, x[:, :3]):
        with pytest.raises(UsageError, match=r"tokens \(N, 4\) from 0 to 4 are needed"):
            of.encode(bad)
    with pytest.raises(UsageError, match="5 characters, and 4 fit"):
        of.encode("abcda")
    with pytest.raises(UsageError, match="'x'"):
        of.encode("abx")


def test_lines_are_filled_up() -> None:
    """With one token, at least one of it; without lines there is an error."""
    found = filled([torch.tensor([1, 2]), torch.tensor([3])], 4, 0)
    assert found.tolist() == [[1, 2, 0, 0], [3, 0, 0, 0]]
    with pytest.raises(DataError, match="no line of at most 3 characters"):
        filled([], 4, 0)


@pytest.mark.filterwarnings("ignore:.*few examples:UserWarning")
def test_lines_from_a_file_to_a_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Learnt, exported, verified, sampled, walked between two lines; the bound is told; too long a line is refused."""
    monkeypatch.chdir(tmp_path)
    words = ["the king", "my lord", "a horse", "to be or", "not to be", "good night"]
    Path("plays.txt").write_text("\n".join(f"{a}, {b}" for a in words for b in words), encoding="utf-8")
    trained = ["train", "line-vae", "--data", "text-lines:plays.txt", "--out", "run", "--examples", "64"]
    assert main([*trained, "--set", "config.width=16", "--set", "config.encoder_width=8"]) == 0
    assert "of what is given back is wrong" in capsys.readouterr().out
    assert main(["export", "run", "-o", "model"]) == 0
    assert main(["verify", "./model"]) == 0
    assert main(["sample", "./model", "-n", "3", "-o", "out.txt"]) == 0
    ends = ["a horse, my lord", "not to be, a horse"]
    assert main(["interpolate", "./model", "--between", *ends, "-o", "walk.txt"]) == 0
    found = Path("walk.txt").read_text(encoding="utf-8")
    assert found.startswith("a horse, my lord\n")
    assert found.rstrip().endswith("not to be, a horse")
    assert main(["likelihood", "./model", "-n", "2", "--samples", "2"]) == 0
    capsys.readouterr()
    assert main(["interpolate", "./model", "--between", "x" * 90, "my lord", "-o", "walk.txt"]) == 2
    assert "90 characters" in capsys.readouterr().err
    assert main(["manifold", "./model", "-o", "plane.txt"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    line = zoo.load("./model").sample(1, seed=0)
    assert line.dtype == torch.int64
