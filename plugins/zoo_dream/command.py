"""The verb `zoo dream`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from zoo.cli import Bar, check_output, device_of, say, table, takes_device
from zoo.errors import UsageError
from zoo.images import MOVING, WRITTEN, grid, save_animation, save_picture, to_pil
from zoo_dream.dreaming import Dreamer, Settings, as_picture, settings_of, zoom
from zoo_dream.layers import NETWORK, Layers, parse_layers

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["arguments", "run"]

FRAME = 80  # milliseconds of each picture of a zoom
MOST_FRAMES = 1000
THUMBNAIL, COLUMNS, CAPTION = 128, 8, 14  # pixels a side, in a row, and pixels for the name above


def arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo dream` takes."""
    usual = Settings()
    command.add_argument("photo", nargs="?", metavar="PHOTO", help="a picture's file, of any height and width")
    command.add_argument("-o", "--output", metavar="FILE", help="the file: its ending says the format")
    command.add_argument("--layers", metavar="NAME[=WEIGHT],…", help="what is dreamt of (default: see --list-layers)")
    command.add_argument("--network", default=NETWORK, help=f"one of `zoo list --features` (default {NETWORK})")
    command.add_argument("--list-layers", action="store_true", help="show them; with -o also what each dreams of noise")
    text = f"sizes at which it is changed, each 1.4 times the one before (default {usual.octaves})"
    command.add_argument("--octaves", type=int, default=usual.octaves, metavar="N", help=text)
    command.add_argument("--steps", type=int, default=usual.steps, metavar="N", help=f"at each (default {usual.steps})")
    text = f"how far a step moves a value on average, of 1 (default {usual.rate})"
    command.add_argument("--rate", type=float, default=usual.rate, help=text)
    command.add_argument("--size", type=int, metavar="PIXELS", help="of the longer side (default: the photo's own)")
    command.add_argument("--seed", type=int, default=usual.seed, help="whole number from 0 (default 0)")
    text = f"pixels a side that are computed at once: less needs less memory (default {usual.tile})"
    command.add_argument("--tile", type=int, default=usual.tile, metavar="PIXELS", help=text)
    text = f"pictures of a way into the dream, for -o FILE{MOVING[0]}: each is the middle of the one before"
    command.add_argument("--frames", type=int, metavar="N", help=text)
    takes_device(command)


def run(given: argparse.Namespace) -> None:
    """Dream on a photo, or show what can be dreamt of."""
    settings = settings_of(**{name: getattr(given, name) for name in Settings.__dataclass_fields__})
    weights = parse_layers(given.layers) if given.layers is not None else None
    if given.list_layers:
        if given.photo or weights:
            raise UsageError("--list-layers shows all layers, and takes neither PHOTO nor --layers")
        _list(given, settings)
        return
    if not given.photo or not given.output:
        raise UsageError("give a photo and a file: zoo dream PHOTO -o dream.png; or --list-layers")
    if given.frames is None:
        out = check_output(Path(given.output), WRITTEN)
    else:
        out = check_output(Path(given.output), MOVING)
        if not 2 <= given.frames <= MOST_FRAMES:
            raise UsageError(f"--frames is {given.frames}; it must be a whole number from 2 to {MOST_FRAMES:,}")
    place = device_of(given)
    x = as_picture(given.photo, settings.size).to(place)
    dreamer = Dreamer(Layers(given.network, place), weights, settings)
    with Bar(unit="step") as advance:
        if given.frames is None:
            save_picture(_picture(dreamer.dream(x, progress=advance)), out)
        else:
            frames = [_picture(frame) for frame in zoom(dreamer, x, given.frames, progress=advance)]
            save_animation(frames, out, duration=FRAME)
    what = ", ".join(name if weight == 1 else f"{name} times {weight:g}" for name, weight in dreamer.weights.items())
    say(f"{out}: {given.photo}, {x.shape[2]} x {x.shape[1]} pixels, dreamt of by {what} of {given.network}")


def _picture(x: Tensor) -> Image:
    return to_pil(x[None].cpu())[0]


def _list(given: argparse.Namespace, settings: Settings) -> None:
    out = check_output(Path(given.output), WRITTEN) if given.output else None
    layers = Layers(given.network, device_of(given))
    usual = layers.usual
    rows = [
        {
            "layer": layer.name,
            "channels": layer.channels,
            "stride": layer.stride,
            "": "*" if layer.name in usual else "",
        }
        for layer in layers.known
    ]
    table(rows, ("layer", "channels", "stride", ""))
    say("stride: pixels a side for each place of its maps. *: what is dreamt of where --layers names nothing.")
    if out is None:
        say(f"What each dreams of noise: zoo dream --list-layers -o layers{WRITTEN[0]}")
        return
    noise = torch.rand(3, THUMBNAIL, THUMBNAIL, generator=torch.Generator().manual_seed(settings.seed)) / 4 + 0.375
    dreamt = []
    with Bar(unit="layer") as advance:
        for done, layer in enumerate(layers.known, 1):
            dreamt.append(Dreamer(layers, {layer.name: 1.0}, settings).dream(noise.to(layers.device)).cpu())
            advance(done, len(layers.known))
    save_picture(_captioned(torch.stack(dreamt), [layer.name for layer in layers.known]), out)
    say(f"{out}: what each of {len(dreamt)} layers dreams of noise, from left to right and from top to bottom")


def _captioned(x: Tensor, names: list[str]) -> Image:
    """Pictures (N, 3, H, W) in a grid, the name of each above it."""
    from PIL import ImageDraw

    white = x.new_ones(len(x), 3, CAPTION, x.shape[3])
    sheet = grid(torch.cat([white, x], 2), columns=COLUMNS, gap=4)
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(names):
        row, column = divmod(index, COLUMNS)
        draw.text((column * (x.shape[3] + 4), row * (x.shape[2] + CAPTION + 4)), name, fill="black")
    return sheet
