"""The verb `sample`: into a file, a folder or a pipe, and onto the terminal; of text as it is written."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.destination import NPZ, Destination
from zoo.cli.examples import asked_labels, loaded, located, takes_device, takes_label, takes_prior
from zoo.cli.lines import USUAL, colours
from zoo.cli.lines import columns as width_of
from zoo.cli.output import takes_offline
from zoo.cli.progress import Bar
from zoo.cli.writing import SCALE, check_size, output_of, takes_output, write_examples
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.data.modality import Modality
    from zoo.nn.models import Model

__all__ = ["sample", "sample_arguments"]

MANY, FEW, SHOWN = 64, 1, 8  # samples where nobody says how many: in a file, as text, and in colour on the terminal
PATIENCE = 0.5  # seconds after which how far it is is shown
BETWEEN = "-" * 40  # the line between two texts
COLOUR = re.compile(r"(\x1b\[(?:0|[34]8;2;\d+;\d+;\d+(?:;48;2;\d+;\d+;\d+)?)m)")  # that a terminal may be sent
RESET = "\x1b[0m"
# What some models take besides.
OPTIONS = ("prompt", "length", "temperature", "top_k", "top_p", "min_p", "steps", "sampler", "guidance_scale")


def sample_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo sample` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    command.add_argument("-n", type=int, help=f"how many (default {MANY}; on the terminal {SHOWN}, of text {FEW})")
    takes_label(command)
    command.add_argument("--columns", type=int, help="examples a row (default: the square root, or a row a class)")
    takes_prior(command)
    command.add_argument("--truncation", type=float, help="keep latent coordinates within this distance of 0")
    takes_output(command, samples=True)
    text = "show them on the terminal: pictures in its colours, text as it is, of sounds and tunes a line each"
    command.add_argument("--show", action="store_true", help=text)
    group = command.add_argument_group("models that write", "text, tunes and other tokens, one after the other")
    group.add_argument("--prompt", metavar="TEXT", help="what is there already")
    group.add_argument("--length", type=int, metavar="N", help="tokens behind it (default: as were learnt at once)")
    text = "below 1 the likely becomes likelier, above 1 all more alike (default 1, or the model's own)"
    group.add_argument("--temperature", type=float, metavar="T", help=text)
    group.add_argument("--top-k", type=int, metavar="K", help="only the K likeliest tokens")
    group.add_argument("--top-p", type=float, metavar="P", help="the fewest tokens that have P of the probability")
    group.add_argument("--min-p", type=float, metavar="P", help="tokens at least P times as likely as the likeliest")
    group = command.add_argument_group("models that take noise away", "in steps, as diffusion models do")
    group.add_argument("--steps", type=int, metavar="N", help="how often the network is asked")
    group.add_argument("--sampler", metavar="NAME", help="by which rule: `zoo info MODEL` names them")
    text = "how far from no class towards the one that is asked for, of a model that was trained with none, too; 1: not"
    group.add_argument("--guidance-scale", type=float, metavar="S", help=text)


def sample(arguments: argparse.Namespace) -> None:
    """Write samples, or show them."""
    from zoo.data.modality import modality_of
    from zoo.nn.sampling import in_rows

    folder = located(arguments.name)
    out = output_of(arguments, folder, samples=True) if arguments.output is not None else None
    if arguments.show and out is not None and out.piped:
        raise UsageError("-o - and --show both want standard output; leave one of them out")
    options = {name: getattr(arguments, name) for name in OPTIONS if getattr(arguments, name) is not None}
    model = loaded(folder, arguments.device)
    modality = modality_of(model)
    n = _count(arguments.n, modality, model) if out is None else MANY if arguments.n is None else arguments.n
    labels, columns = in_rows(n, asked_labels(model, arguments.label))
    given = {"labels": labels, "truncation": arguments.truncation, "prior": arguments.prior} | options
    if arguments.show:
        _check_shown(modality, model)
    elif out is None:
        _print(modality, model, n, arguments.seed, given)
        return
    scale = arguments.scale if arguments.scale is not None else 1 if out is not None and out.each else SCALE
    if out is not None:
        check_size(model, 1 if out.each else n, scale, out)
    with Bar(unit="step", patience=PATIENCE) as advance:
        x = model.sample(n, seed=arguments.seed, progress=advance, **given).cpu()
    columns = columns if arguments.columns is None else arguments.columns
    if out is not None:
        _write(model, x, out, labels, columns, scale, arguments.seed)
        of = f" ({', '.join(arguments.label)})" if arguments.label else ""
        out.say(f"{n} samples of {arguments.name}{of}, seed {arguments.seed}")
    if arguments.show:
        colour = colours(sys.stdout)
        width = width_of(sys.stdout) or USUAL
        _show((modality.terminal(x, width=width, columns=arguments.columns, colour=colour) or "") + "\n", colour)


def _write(model: Model, x: Tensor, out: Destination, labels: Any, columns: int | None, scale: int, seed: int) -> None:
    """Samples into one file, or each into its own."""

    def one(number: int, path: Path) -> None:
        rows = slice(number, number + 1)
        if out.suffix == NPZ:
            write_arrays(model, x[rows], path, seed=seed, labels=None if whole is None else whole[rows], first=number)
        else:
            modality_of(model).write(x[rows], path, columns=1, scale=scale)

    from zoo.cli.arrays import write_arrays
    from zoo.data.modality import modality_of
    from zoo.nn.sampling import check_labels

    whole = check_labels(labels, len(x), model.num_classes, model.classes, mixed=model.mixes_labels)
    if out.each:
        out.files(len(x), one)
    elif out.suffix == NPZ:
        with out.file() as path:
            write_arrays(model, x, path, seed=seed, labels=whole)
    else:
        write_examples(model, x, out, columns=columns, scale=scale)


def _made_up(modality: Modality, model: Model) -> Tensor:
    """An example without a meaning: what its kind of data can be is seen by it before anything is sampled."""
    import torch

    return modality.values(modality.made_up(1, model.data_shape, torch.Generator().manual_seed(0)))


def _count(asked: int | None, modality: Modality, model: Model) -> int:
    """How many are shown on the terminal."""
    if asked is not None:
        return asked
    return SHOWN if modality.texts(_made_up(modality, model)) is None else FEW


def _check_shown(modality: Modality, model: Model) -> None:
    if modality.terminal(_made_up(modality, model), width=USUAL) is None:
        raise UsageError(f"--show: a terminal cannot show {model.modality}; write a file: -o FILE")


def _print(modality: Modality, model: Model, n: int, seed: int, given: Mapping[str, Any]) -> None:
    """Samples as texts on standard output, the first one as it is written where that is a terminal."""
    from zoo.sequences.modality import Tokens
    from zoo.sequences.writing import Autoregressive

    if modality.texts(_made_up(modality, model)) is None:
        raise UsageError("the following arguments are required: -o/--output, or --show; see `zoo sample --help`")
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
        with Bar(unit="step", patience=PATIENCE) as advance:
            texts = modality.texts(model.sample(n, seed=seed, progress=advance, **given)) or []
        _show(texts.pop(0) + "\n")
    for text in texts:
        _show(f"{BETWEEN}\n{text}\n")


def _show(text: str, colour: bool = False) -> None:
    """Print a text without what steers a terminal, but for 24-bit colours where these are wanted: its characters come
    from others' files. The terminal is left in its own colours.
    """
    pieces = COLOUR.split(text) if colour else [text]
    if len(pieces) > 1 and pieces[-2] != RESET:
        pieces += [RESET, ""]
    for place, piece in enumerate(pieces):
        plain = "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in piece)
        print(piece if place % 2 else plain, end="", flush=True)
