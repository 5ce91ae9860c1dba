"""The zoo's own verbs, in the order of `zoo --help`: strings alone, a verb's module is imported when it is chosen."""

from __future__ import annotations

from zoo.catalogue.contract.specs import CommandSpec

__all__ = ["VERBS"]

ACT = "zoo.cli.output:act"  # what a verb of verbs runs

VERBS = (
    CommandSpec(
        name="list",
        summary="List models, or what else the catalogue holds.",
        run="zoo.cli.catalogue:list_names",
        arguments="zoo.cli.catalogue:list_arguments",
    ),
    CommandSpec(
        name="info",
        summary="Show what the catalogue knows of a name.",
        run="zoo.cli.catalogue:info",
        arguments="zoo.cli.catalogue:info_arguments",
    ),
    CommandSpec(
        name="sample",
        summary="Write samples: a grid of pictures, or text.",
        run="zoo.cli.sample:sample",
        arguments="zoo.cli.sample:sample_arguments",
    ),
    CommandSpec(
        name="pull",
        summary="Fetch models into the cache, and check every byte.",
        run="zoo.cli.hub:pull",
        arguments="zoo.cli.hub:pull_arguments",
    ),
    CommandSpec(
        name="pin",
        summary="Write down which bytes models are, into a file of yours or of a project.",
        run="zoo.cli.pin:pin",
        arguments="zoo.cli.pin:pin_arguments",
    ),
    CommandSpec(
        name="verify",
        summary="Check hashes, header, golden samples and card of models.",
        run="zoo.cli.hub:verify",
        arguments="zoo.cli.hub:verify_arguments",
    ),
    CommandSpec(
        name="push",
        summary="Publish a weights folder on the Hub, in one commit.",
        run="zoo.cli.push:push",
        arguments="zoo.cli.push:push_arguments",
    ),
    CommandSpec(
        name="cache",
        summary="List or remove what was fetched from the Hub.",
        run=ACT,
        arguments="zoo.cli.hub:cache_arguments",
    ),
    CommandSpec(
        name="plugins",
        summary="List, check, disable, enable and write plugins.",
        run=ACT,
        arguments="zoo.cli.plugins:plugins_arguments",
    ),
    CommandSpec(
        name="train",
        summary="Train a recipe, or an architecture on data of your own.",
        run="zoo.cli.train:train",
        arguments="zoo.cli.train:train_arguments",
    ),
    CommandSpec(
        name="export",
        summary="Write a run as a weights folder, or a model for other programs: ONNX, a web page, …",
        run="zoo.cli.export:export",
        arguments="zoo.cli.export:export_arguments",
    ),
    CommandSpec(
        name="runs",
        summary="List the runs in a folder, or show one: progress, recipe, checkpoints, what is next.",
        run=ACT,
        arguments="zoo.cli.runs:runs_arguments",
    ),
    CommandSpec(
        name="interpolate",
        summary="Write walks between samples, examples or files, a row each.",
        run="zoo.cli.walk:interpolate",
        arguments="zoo.cli.walk:interpolate_arguments",
    ),
    CommandSpec(
        name="traverse",
        summary="Write samples with one coordinate of the latent going from low to high.",
        run="zoo.cli.walk:traverse",
        arguments="zoo.cli.walk:traverse_arguments",
    ),
    CommandSpec(
        name="manifold",
        summary="Write a grid over a two-dimensional latent space, every cell as likely.",
        run="zoo.cli.walk:manifold",
        arguments="zoo.cli.walk:manifold_arguments",
    ),
    CommandSpec(
        name="scatter",
        summary="Plot two-dimensional codes of examples, coloured by class.",
        run="zoo.cli.walk:scatter",
        arguments="zoo.cli.walk:scatter_arguments",
    ),
    CommandSpec(
        name="continuity",
        summary="Measure how evenly latent spaces decode, models side by side.",
        run="zoo.cli.measure:continuity",
        arguments="zoo.cli.measure:continuity_arguments",
    ),
    CommandSpec(
        name="reconstruct",
        summary="Encode examples and decode them again: two rows, the first as given.",
        run="zoo.cli.edit:reconstruct",
        arguments="zoo.cli.edit:reconstruct_arguments",
    ),
    CommandSpec(
        name="edit",
        summary="Move examples along concepts: a row each, one a strength.",
        run="zoo.cli.edit:edit",
        arguments="zoo.cli.edit:edit_arguments",
    ),
    CommandSpec(
        name="eval",
        summary="Measure a model's samples against its data (networks need genzoo[eval]).",
        run="zoo.cli.measure:evaluate",
        arguments="zoo.cli.measure:eval_arguments",
    ),
    CommandSpec(
        name="compare",
        summary="Show what models were measured at, side by side with their samples, ranked where the figures compare.",
        run="zoo.cli.compare:compare",
        arguments="zoo.cli.compare:compare_arguments",
    ),
    CommandSpec(
        name="reproduce",
        summary="Train a model again by its own recipe, and say whether its published figures hold.",
        run="zoo.cli.reproduce:reproduce",
        arguments="zoo.cli.reproduce:reproduce_arguments",
    ),
    CommandSpec(
        name="likelihood",
        summary="Measure the likelihood of held-out data: exactly, or by importance sampling.",
        run="zoo.cli.likelihood:likelihood",
        arguments="zoo.cli.likelihood:likelihood_arguments",
    ),
    CommandSpec(
        name="concept",
        summary="Fit a concept to labelled examples, list them, show one, or measure what it does.",
        run=ACT,
        arguments="zoo.cli.concept:concept_arguments",
    ),
    CommandSpec(
        name="mixture",
        summary="Fit a Gaussian mixture to encoded examples, as a prior to sample from.",
        run=ACT,
        arguments="zoo.cli.mixture:mixture_arguments",
    ),
    CommandSpec(
        name="completion",
        summary="Print what makes a shell complete verbs, options and models.",
        run="zoo.cli.completion:completion",
        arguments="zoo.cli.completion:completion_arguments",
    ),
    CommandSpec(
        name="env",
        summary="Print versions, plugins, devices and settings, for a report of a fault.",
        run="zoo.cli.env:env",
        arguments="zoo.cli.env:env_arguments",
    ),
    CommandSpec(
        name="help",
        summary="Show what a verb does and takes.",
        run="zoo.cli.help:show_help",
        arguments="zoo.cli.help:help_arguments",
    ),
)
