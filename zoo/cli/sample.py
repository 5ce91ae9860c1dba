"""The verb `sample`: into a file, or of text onto the terminal, as it is written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import asked_labels, loaded, located, takes_device, takes_label, takes_prior
from zoo.cli.output import takes_offline
from zoo.cli.writing import check_size, output_of, takes_output, write_examples
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.nn.models import Model

__all__ = ["sample", "sample_arguments"]

MANY, FEW = 64, 1  # samples in a file, and on the terminal, where nobody says how many
BETWEEN = "-" * 40  # the line between two texts
# What some models take besides.
OPTIONS = ("prompt", "length", "temperature", "top_k", "top_p", "min_p", "steps", "sampler")


def sample_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo sample` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    command.add_argument("-n", type=int, help=f"how many (default {MANY}; of text without -o {FEW})")
    takes_label(command)
    command.add_argument("--columns", type=int, help="examples a row (default: the square root, or a row a class)")
    takes_prior(command)
    command.add_argument("--truncation", type=float, help="keep latent coordinates within this distance of 0")
    takes_output(command, required=False)
    group = command.add_argument_group("models that write", "text, tunes and other tokens, one after the other")
    group.add_argument("--prompt", metavar="TEXT", help="what is there already")
    group.add_argument("--length", type=int, metavar="N", help="tokens behind it (default: as were learnt at once)")
    text = "below 1 the likely becomes likelier, above 1 all more alike (default 1)"
    group.add_argument("--temperature", type=float, metavar="T", help=text)
    group.add_argument("--top-k", type=int, metavar="K", help="only the K likeliest tokens")
    group.add_argument("--top-p", type=float, metavar="P", help="the fewest tokens that have P of the probability")
    group.add_argument("--min-p", type=float, metavar="P", help="tokens at least P times as likely as the likeliest")
    group = command.add_argument_group("models that take noise away", "in steps, as diffusion models do")
    group.add_argument("--steps", type=int, metavar="N", help="how often the network is asked")
    group.add_argument("--sampler", metavar="NAME", help="by which rule: `zoo info MODEL` names them")


def sample(arguments: argparse.Namespace) -> None:
    """Write samples."""
    from zoo.nn.sampling import in_rows

    folder = located(arguments.name)
    out = output_of(arguments, folder) if arguments.output is not None else None
    options = {name: getattr(arguments, name) for name in OPTIONS if getattr(arguments, name) is not None}
    model = loaded(folder, arguments.device)
    n = arguments.n if arguments.n is not None else FEW if out is None else MANY
    labels, columns = in_rows(n, asked_labels(model, arguments.label))
    given = {"labels": labels, "truncation": arguments.truncation, "prior": arguments.prior} | options
    if out is None:
        _print(model, n, arguments.seed, given)
        return
    check_size(model, n, arguments.scale)
    x = model.sample(n, seed=arguments.seed, **given)
    columns = columns if arguments.columns is None else arguments.columns
    write_examples(model, x, out, columns=columns, scale=arguments.scale)
    of = f" ({', '.join(arguments.label)})" if arguments.label else ""
    print(f"{out}: {n} samples of {arguments.name}{of}, seed {arguments.seed}")


def _print(model: Model, n: int, seed: int, given: Mapping[str, Any]) -> None:
    """Samples as texts on standard output, the first one as it is written where that is a terminal."""
    from zoo.data.modality import modality_of
    from zoo.sequences.modality import Tokens
    from zoo.sequences.writing import Autoregressive

    modality = modality_of(model)
    if modality.texts(modality.made_up(1, model.data_shape, _generator())) is None:
        raise UsageError("the following arguments are required: -o/--output; see `zoo sample --help`")
    streams = sys.stdout.isatty() and isinstance(modality, Tokens) and modality.streams
    if streams and isinstance(model, Autoregressive) and n <= model.at_once:
        steps = []
        for tokens in model.stream(n, seed=seed, **given):
            steps.append(tokens)
            _show((modality.texts(tokens[:1, None]) or [""])[0])
        _show("\n")
        import torch

        texts = (modality.texts(torch.stack(steps, 1)) or [])[1:]
    else:
        texts = modality.texts(model.sample(n, seed=seed, **given)) or []
        _show(texts.pop(0) + "\n")
    for text in texts:
        _show(f"{BETWEEN}\n{text}\n")


def _generator() -> Any:
    import torch

    return torch.Generator().manual_seed(0)


def _show(text: str) -> None:
    """Print a text without what steers a terminal: its characters come from others' files."""
    plain = "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
    print(plain, end="", flush=True)
