"""The verb export: a run's checkpoint becomes a weights folder, a model what another program reads."""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.destination import check_output
from zoo.cli.examples import loaded, located
from zoo.cli.output import complain, plain, takes_offline
from zoo.errors import UsageError
from zoo.files import refuse_full

if TYPE_CHECKING:
    from zoo.catalogue.contract.exports import ExportSpec
    from zoo.nn.models import Model

__all__ = ["export", "export_arguments"]


def export_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo export` takes."""
    command.add_argument("name", metavar="RUN_OR_MODEL", help="a run folder, or with --to a model of `zoo list`, too")
    text = "what to write: onnx, torch, html, safetensors, … (see `zoo list exports`)"
    command.add_argument("--to", "--format", dest="to", metavar="KIND", help=text)
    text = "the file or folder (default with --to: the model's name, here)"
    command.add_argument("-o", "--output", metavar="OUT", help=text)
    text = "which network of a model, where it has several: encoder, decoder, generator"
    command.add_argument("--part", metavar="PART", help=text)
    text = "of a run: an earlier checkpoint; `zoo runs show RUN` names them"
    command.add_argument("--at", type=int, metavar="EXAMPLES", help=text)
    takes_offline(command)


def export(arguments: argparse.Namespace) -> None:
    """Write what was asked for, and print what it is."""
    if arguments.to is not None:
        _export_model(arguments)
        return
    if arguments.output is None:
        raise UsageError(f"say where: zoo export {arguments.name} -o ./folder (a run), or --to KIND (a model)")
    if arguments.part is not None:
        raise UsageError("--part is for a model's file: say which one with --to (see `zoo list exports`)")
    _export_run(arguments)


def _export_run(arguments: argparse.Namespace) -> None:
    """Write a run's newest checkpoint, or an earlier one, as a weights folder, and print its pins."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.training import export as exporting

    run, output = Path(arguments.name), Path(arguments.output)
    digests = exporting.export(run, output, default_registry(), at=arguments.at, warn=complain)
    print(f"{arguments.output}: written; load it with zoo.load({str(Path(arguments.output).resolve())!r}). Its pins:")
    for file, digest in digests.items():
        print(f'    "{file}": "{digest}",')


def _export_model(arguments: argparse.Namespace) -> None:
    """Write a model, or what a run has become, for another program."""
    from zoo.catalogue.contract.references import blamed, import_reference
    from zoo.catalogue.plugins.loading import default_registry

    spec = default_registry().export(arguments.to)
    if arguments.part is not None and not spec.parts:
        raise UsageError(f"--to {arguments.to} takes no --part: it writes the model as a whole")
    out = _output(arguments, spec)
    write = import_reference(spec.code, f"export {arguments.to}", spec.install_hint)
    more = (arguments.part or "",) if spec.parts else ()
    with _model(arguments) as model, blamed(f"export {arguments.to}: {arguments.name} could not be written"):
        files = write(model, arguments.name, out, *more)
    size = sum(file.stat().st_size for file in files) / 1e6
    of = f", its {arguments.part}" if arguments.part else ""
    print(plain(f"{out}: {arguments.name}{of}, as {arguments.to}, {size:.1f} MB"))


def _output(arguments: argparse.Namespace, spec: ExportSpec) -> Path:
    """Where it goes. Raises UsageError or StorageError for what cannot be written; nothing is loaded yet."""
    if arguments.output == "":
        raise UsageError("-o is empty; say what is meant, or leave it out")
    if arguments.output is not None:
        out = Path(arguments.output)
    else:
        named = arguments.name.partition("@")[0] if arguments.name.startswith("hf://") else arguments.name
        part = f"-{arguments.part}" if arguments.part else ""
        out = Path(re.sub(r"[^\w.-]", "-", Path(named).resolve().name + part) + spec.suffix)
    if spec.suffix:
        return check_output(out, (spec.suffix,))
    refuse_full(out)
    return out


@contextlib.contextmanager
def _model(arguments: argparse.Namespace) -> Iterator[Model]:
    """The model of that name; of a run folder the one that it has become, while the block lasts."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.folder import RUN

    run = Path(arguments.name)
    if not (run / RUN).is_file():
        if arguments.at is not None:
            raise UsageError(f"--at is for run folders, and {arguments.name} is none; leave it out")
        yield loaded(located(arguments.name), "cpu")
        return
    from zoo.training import export as exporting

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, run.resolve().name)
        exporting.export(run, folder, default_registry(), at=arguments.at, warn=complain)
        yield loaded(located(str(folder)), "cpu")
