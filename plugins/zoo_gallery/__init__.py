"""The gallery: a page over the catalogue, on this machine alone. Specs only; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import API_VERSION, CommandSpec, PluginContext, hookimpl

ZOO_API_VERSION = API_VERSION


@hookimpl
def zoo_commands(context: PluginContext) -> Iterable[CommandSpec]:
    """The verb `gallery`."""
    return [
        CommandSpec(
            name="gallery",
            summary="Show the catalogue as a page: sample, walk, edit and listen (needs genzoo[gallery]).",
            run="zoo_gallery.serving:run",
            arguments="zoo_gallery.command:arguments",
            install_hint="pip install 'genzoo[gallery]'",
        )
    ]
