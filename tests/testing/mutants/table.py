"""The mutants of the reference plugin `acme`, and of `sounds` in `mutants/sounds.py`.

An edit is (file, old text, new text). A mutation of the GAN's networks is made without the weights that were trained
with the networks as they were, and without the plugin's own trainer, which would notice too.
"""

from __future__ import annotations

from testing.mutants.damage import Damage, append, config, flip_a_bit, grey, other_owner, tensors
from testing.mutants.mutant import Edit, Mutant
from testing.mutants.sounds import SOUNDS

SPECS, NETWORKS, CONFIGS, DATA, TRAINERS = "__init__.py", "networks.py", "configs.py", "data.py", "trainers.py"
COMMANDS = "commands.py"
BUNDLED = 'weights=WeightsSpec(files=PINS, bundled="acme_zoo:weights/tiny-dots") if PINS else None'
UNPUBLISHED: Edit = (SPECS, BUNDLED, "weights=None")
NO_TRAINER: Edit = (SPECS, "    return [\n        TrainerSpec(", "    return []\n    return [\n        TrainerSpec(")


def spec(fails: str, name: str, says: str, old: str, new: str, file: str = SPECS) -> Mutant:
    """One edit, of the spec module unless another file is named."""
    return Mutant(fails=fails, name=name, says=says, edits=((file, old, new),))


def network(fails: str, name: str, says: str, old: str, new: str) -> Mutant:
    """One edit of the VAE's networks."""
    return spec(fails, name, says, old, new, NETWORKS)


def gan(fails: str, name: str, says: str, *edits: tuple[str, str]) -> Mutant:
    """Edits of the GAN's networks."""
    changed = tuple((NETWORKS, old, new) for old, new in edits)
    return Mutant(fails=fails, name=name, says=says, edits=(UNPUBLISHED, NO_TRAINER, *changed))


def published(fails: str, name: str, says: str, weights: Damage) -> Mutant:
    """The weights changed before they are pinned."""
    return Mutant(fails=fails, name=name, says=says, weights=weights)


START = "ZOO_API_VERSION = API_VERSION"
TRAINS_HOOK = "def zoo_trainers(context: PluginContext)"

MUTANTS = (
    # --- package
    Mutant(
        fails="package.record",
        name="a-file-changed",
        says="networks.py has been changed",
        installed=append("*/networks.py", "# patched\n"),
    ),
    Mutant(
        fails="package.record",
        name="a-file-gone",
        says="py.typed is in RECORD and not installed",
        installed=lambda site: next(site.glob("acme_zoo_*/py.typed")).unlink(),
    ),
    spec("package.entry-point", "stale", "no installed module", "acme = acme_zoo", "acme = ghost", "entry_points.txt"),
    Mutant(fails="package.namespace", name="two-owners", says="acme-zoo and other", installed=other_owner),
    spec("package.licence", "none", "states no licence", "License-Expression: MIT\n", "", "METADATA"),
    spec("package.requires-zoo", "not-at-all", "does not require", "genzoo>=0.1,<2", "attrs", "METADATA"),
    spec("package.requires-zoo", "any", "requires any genzoo", "genzoo>=0.1,<2", "genzoo", "METADATA"),
    spec("package.requires-zoo", "another", "installed is", "genzoo>=0.1,<2", "genzoo>=99", "METADATA"),
    # --- discovery
    spec("discovery.imports", "raises", "division by zero", START, f"{START}\n1 / 0"),
    spec("discovery.imports", "exits", "SystemExit: 0", START, f"{START}\nraise SystemExit(0)"),
    spec("discovery.imports", "ends-the-process", "exit code 3", START, f"{START}\nimport os\nos._exit(3)"),
    spec("discovery.imports", "another-api", "plugin API 99", START, "ZOO_API_VERSION = 99"),
    spec("discovery.hooks", "a-default", "default", TRAINS_HOOK, "def zoo_trainers(context: PluginContext = None)"),
    spec("discovery.hooks", "misspelt", "zoo_trainer", TRAINS_HOOK, "def zoo_trainer(context: PluginContext)"),
    spec("discovery.hooks", "unmarked", "hookimpl", f"@hookimpl\n{TRAINS_HOOK}", TRAINS_HOOK),
    spec(
        "discovery.specs", "garbage", "TrainerSpec", "        TrainerSpec(\n", "        None,\n        TrainerSpec(\n"
    ),
    spec("discovery.specs", "illegal-name", "Big Duel", 'name="duel"', 'name="Big Duel"'),
    spec("discovery.specs", "twice", "twice", 'name="vae-dots"', 'name="tiny-dots"'),
    spec(
        "discovery.specs",
        "half-way",
        "division by zero",
        "    return [\n        TrainerSpec(",
        "    yield 0 / 0\n    _ = [\n        TrainerSpec(",
    ),
    spec("discovery.light", "numpy", "numpy", START, f"{START}\nimport numpy"),
    spec("discovery.light", "torch", "torch", START, f"{START}\nimport torch"),
    spec("discovery.silent", "prints", "hello", START, f'{START}\nprint("hello")'),
    spec("discovery.silent", "writes-to-stderr", "careful", START, f'{START}\nimport sys\nsys.stderr.write("careful")'),
    spec("discovery.changes-nothing", "folder", "the current folder", START, f'{START}\nimport os\nos.chdir("/")'),
    spec(
        *("discovery.changes-nothing", "dtype-of-its-networks", "torch's default dtype", "import torch\n"),
        *("import torch\n\ntorch.set_default_dtype(torch.float64)\n", NETWORKS),
    ),
    Mutant(
        fails="discovery.same-twice",
        name="counts",
        says="two calls give different specs: tiny-dots and tiny-dots differ in tags",
        edits=(
            (SPECS, START, f"{START}\nCALLS: list[str] = []"),
            (SPECS, 'tags=("gan",)', 'tags=tuple(CALLS.append("x") or CALLS)'),
        ),
    ),
    spec(
        "discovery.same-twice",
        "another-process",
        "two processes",
        'tags=("gan",)',
        'tags=(str(__import__("os").getpid()),)',
    ),
    spec("discovery.plain-data", "a-set", "a set", 'tags=("gan",)', 'tags=({"gan"},)'),
    spec("discovery.summary", "two-lines", "one line", '"Dark and light dots."', '"Dark\\nand light dots."'),
    # --- build
    spec("build.config", "a-preset-with-an-unknown-key", "widht", '"broad": {"width": 16}', '"broad": {"widht": 16}'),
    spec(
        "build.bad-config-refused",
        "no-bounds",
        "give it bounds",
        "Annotated[int, Meta(ge=1, le=64)] = 8",
        "int = 8",
        CONFIGS,
    ),
    spec(
        "build.bad-config-refused",
        "a-list-without-end",
        "a list of 100,000",
        ", Meta(max_length=4)]",
        ", Meta()]",
        CONFIGS,
    ),
    network(
        "build.meta-and-cpu-alike",
        "a-tensor-with-memory",
        "encoder.shift has memory",
        "        self.last = nn.Linear(config.width, 2 * config.latent_size)\n",
        "        self.last = nn.Linear(config.width, 2 * config.latent_size)\n"
        '        self.shift = nn.Buffer(torch.zeros(1, device="cpu"))\n',
    ),
    network(
        "build.interfaces", "no-encoder", "TinyEncoder", "class TinyEncoder(Encoder)", "class TinyEncoder(nn.Module)"
    ),
    network(
        "build.seed",
        "another-source",
        "starts differently",
        "        self.third.weight = self.second.weight\n",
        "        self.third.weight = self.second.weight\n"
        '        nn.init.constant_(self.first.bias, __import__("random").random())\n',
    ),
    network(
        "build.picklable",
        "a-lambda",
        "cannot be sent",
        "        self.third.weight = self.second.weight\n",
        "        self.third.weight = self.second.weight\n        self.unused = lambda x: x\n",
    ),
    spec(
        "build.names-resolve",
        "no-such-class",
        "no class 'red'",
        'dataset="acme/dots[light]"',
        'dataset="acme/dots[red]"',
    ),
    spec("build.starter", "an-unknown-key", "unknown key 'side'", '"config.image_size"', '"config.side"', CONFIGS),
    spec("build.starter", "no-trainer", "chooses no trainer", 'Choice("trainer"', 'Choice("summary"', CONFIGS),
    spec(
        "build.starter",
        "a-short-run",
        "ema_half_life",
        'Choice("examples", facts',
        'Choice("ema_half_life", facts.chosen("examples", 99) - 99, "x")\n    yield Choice("examples", facts',
        CONFIGS,
    ),
    spec("build.starter", "a-batch-too-large", "more than there are", "facts.batch(32)", "32", CONFIGS),
    spec("build.recipe", "an-unknown-key", "imagse", "examples = 32", "imagse = 32", "recipes/vae-dots.toml"),
    spec("build.recipe", "another-licence", "licence", 'licence = "MIT"', 'licence = "GPL"', "recipes/vae-dots.toml"),
    # --- behaviour
    network("behaviour.outputs", "float64", "float64", "        return x.view(", "        return x.double().view("),
    network(
        "behaviour.outputs",
        "nan-in-eval",
        "in eval mode gives NaN",
        "        return x.view(",
        "        x = x if self.training else x / 0\n        return x.view(",
    ),
    network(
        "behaviour.gradients",
        "a-weight-unused",
        "decoder.spare.weight gets no gradient",
        "        self.third.weight = self.second.weight\n",
        "        self.third.weight = self.second.weight\n        self.spare = nn.Linear(1, 1)\n",
    ),
    gan(
        "behaviour.players-apart",
        "a-shared-layer",
        "of the generator's",
        ("class TinyGenerator", "BUILT: list[nn.Linear] = []\n\n\nclass TinyGenerator"),
        (
            '        self.prior = "normal"\n',
            '        self.prior = "normal"\n        BUILT[:] = [nn.Linear(1, 1)]\n        self.shared = BUILT[0]\n',
        ),
        (
            "        self.last = nn.Linear(config.width, 1)\n",
            "        self.last = nn.Linear(config.width, 1)\n        self.shared = BUILT[0]\n",
        ),
        ("        return torch.tanh(x)", "        return torch.tanh(x + self.shared(x.mean(1, keepdim=True)))"),
        ("        return logits.squeeze(1)", "        return self.shared(logits).squeeze(1)"),
    ),
    network(
        "behaviour.batch-invariance",
        "looks-at-the-batch",
        "else when alone",
        "        return x.view(",
        "        x = x - 0.5 * x.mean(0)\n        return x.view(",
    ),
    gan(
        "behaviour.sample-range",
        "pixels",
        "far outside [-1, 1]",
        ("        return torch.tanh(x)", "        return 255 * torch.tanh(x + 1)"),
    ),
    network(
        "behaviour.seed",
        "a-little-noise",
        "another sample the second time",
        "        return x.view(",
        "        x = x + 1e-6 * torch.randn_like(x)\n        return x.view(",
    ),
    network(
        "behaviour.encode-decode",
        "infinite-variance",
        "the ELBO is",
        "        return DiagonalGaussian(mean, log_var)",
        "        return DiagonalGaussian(mean, log_var if self.training else log_var + 200)",
    ),
    gan(
        "behaviour.logits",
        "probabilities",
        "probabilities",
        ("        return logits.squeeze(1)", "        return logits.squeeze(1).sigmoid()"),
    ),
    network(
        "behaviour.state",
        "kept-out-of-it",
        "cannot hold",
        "        self.third.weight = self.second.weight\n",
        "        self.third.weight = self.second.weight\n"
        "        self.shift = nn.Buffer(torch.zeros(1), persistent=False)\n",
    ),
    network(
        "behaviour.trains",
        "uphill",
        "the loss rises",
        "        return x.view(",
        "        x = 2 * x.detach() - x\n        return x.view(",
    ),
    gan(
        "behaviour.trains",
        "nan-once-trained",
        "nan at step",
        (
            "        self.last = nn.Linear(config.width, 1)\n",
            "        self.last = nn.Linear(config.width, 1)\n        nn.init.zeros_(self.last.bias)\n",
        ),
        ("        return logits.squeeze(1)", "        return logits.squeeze(1) / (self.last.bias.detach() == 0)"),
    ),
    network(
        "behaviour.resumes",
        "counts-its-calls",
        "differ after a cut",
        "        return x.view(",
        '        self.calls = self.__dict__.get("calls", 0) + self.training\n'
        "        x = x * (1 + 0.01 * self.calls * self.training)\n        return x.view(",
    ),
    # --- weights
    Mutant(fails="weights.pins", name="a-flipped-bit", says="model.safetensors has sha256", pinned=flip_a_bit),
    Mutant(
        fails="weights.pins",
        name="a-missing-file",
        says="is not there",
        pinned=lambda folder: (folder / "golden.safetensors").unlink(),
    ),
    Mutant(
        fails="weights.files",
        name="notes",
        says="notes.txt",
        pinned=lambda folder: (folder / "notes.txt").write_text("x") and None,
    ),
    published("weights.header", "another-config", "first.weight", config(lambda data: data["config"].update(width=9))),
    published(
        "weights.config",
        "another-run",
        "log_every",
        config(lambda data: data["training"]["recipe"].update(log_every=8)),
    ),
    Mutant(
        fails="weights.card", name="none", says="no README.md", pinned=lambda folder: (folder / "README.md").unlink()
    ),
    published(
        "weights.golden",
        "others",
        "golden samples differ",
        tensors("golden.safetensors", lambda held: held["x"].mul_(0.9)),
    ),
    published("weights.samples", "all-grey", "another seed gives the same samples", grey),
    published(
        "weights.discriminator",
        "infinite",
        "logits are",
        tensors("discriminator.safetensors", lambda held: [tensor.fill_(3e37) for tensor in held.values()]),
    ),
    # --- datasets
    spec("datasets.declaration", "http", "https://", "https://example.org", "http://example.org"),
    spec("datasets.licence", "empty", "licence is empty", 'licence="CC0-1.0"', 'licence=""'),
    spec("datasets.schema", "floats", "uint8", "data=data,", "data=data.float(),", DATA),
    spec("datasets.schema", "a-short-factor", "factor place", '"place": place', '"place": place[1:]', DATA),
    spec(
        "datasets.schema",
        "never-there",
        "external=True",
        "    channels, side, _ =",
        "    from zoo.errors import NotFoundError\n\n    raise NotFoundError('gone')\n    channels, side, _ =",
        DATA,
    ),
    spec("datasets.splits", "another-count", "declared are 33", '"train": 32', '"train": 33'),
    spec("datasets.same-twice", "random", "a second load", '"place": place', '"place": torch.rand(len(place))', DATA),
    spec(
        "datasets.classes",
        "ignored",
        "is not the examples labelled",
        "        index, labels = index[chosen], labels[chosen]\n",
        "        pass\n",
        DATA,
    ),
    # --- trainers and commands
    spec("trainers.callable", "missing", "cannot import", "trainers:DuelTrainer", "trainers:Absent"),
    spec("trainers.settings", "a-default-out-of-range", "lr", "] = 1e-3", "] = 2.0", TRAINERS),
    spec("trainers.steps", "nothing-averaged", "average", '    averaged = ("generator",)\n', "", TRAINERS),
    spec(
        "trainers.steps",
        "one-player-rests",
        "has not moved",
        '        self._update("generator", fooled)\n',
        "",
        TRAINERS,
    ),
    spec(
        "trainers.resumes",
        "a-momentum-of-its-own",
        "differ after a cut",
        "        self.optimizers[name].step()\n",
        '        self.seen = self.__dict__.get("seen", 0) + 1\n'
        "        self.optimizers[name].param_groups[0]['lr'] *= self.seen\n"
        "        self.optimizers[name].step()\n",
        TRAINERS,
    ),
    spec(
        "trainers.players-apart",
        "fakes-not-detached",
        "has got a gradient",
        "generator(z).detach()",
        "generator(z)",
        TRAINERS,
    ),
    spec("commands.runs", "no-arguments", "does not take one Name", "arguments: argparse.Namespace", "", COMMANDS),
    spec("commands.arguments", "no-parser", "does not take one Arg", "parser: argparse.ArgumentParser", "", COMMANDS),
    spec("commands.arguments", "an-option-twice", "conflicting option", '"--loud"', '"--help"', COMMANDS),
    spec("commands.arguments", "a-help-of-percents", "incomplete format", "half as loud", "at 50 %", COMMANDS),
    *SOUNDS,
)

IMMUTABLE: dict[str, str] = {}  # check -> why no plugin that the zoo loads can fail it
