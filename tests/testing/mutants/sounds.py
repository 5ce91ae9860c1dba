"""The mutants of the reference plugin `sounds`: kinds of data, kinds of models and feature networks."""

from __future__ import annotations

from testing.mutants.mutant import Mutant

SPECS, WAVES, PHRASES, HTML = "__init__.py", "waves.py", "phrases.py", "html.py"
FAMILY, FEATURES = "autoregressive.py", "features.py"


def sound(fails: str, name: str, says: str, file: str, old: str, new: str) -> Mutant:
    """One edit."""
    return Mutant(fails=fails, name=name, says=says, plugin="sounds", edits=((file, old, new),))


FIRST = '        ModalitySpec(\n            name="wave",'
SMELL = """        ModalitySpec(
            name="smell",
            summary="Smells.",
            suffixes=(".txt",),
            html="acme_sounds.html:lines",
            modality="acme_sounds.MADE",
        ),
"""

SOUNDS = (
    sound(
        "modalities.declaration",
        "none-at-all",
        "no Modality",
        SPECS,
        FIRST,
        SMELL.replace("acme_sounds.MADE", "acme_sounds.networks:likelihood") + FIRST,
    ),
    sound(
        "modalities.declaration",
        "no-such-format",
        "torch has no memory format 'channels_odd'",
        SPECS,
        FIRST,
        SMELL.replace('acme_sounds.MADE"', 'acme_sounds.phrases:phrases",\n            memory_format="channels_odd"')
        + FIRST,
    ),
    sound("modalities.light", "torch", "imports torch", HTML, "import html\n", "import html\n\nimport torch\n"),
    sound(
        "modalities.round-trip",
        "one-range",
        "from 2 values - 1",
        WAVES,
        "        return low + (stored.float() + 32_768) / LEVELS * (high - low)",
        "        return (stored.float() + 32_768) / LEVELS",
    ),
    sound(
        "modalities.round-trip",
        "an-octave-lower",
        "stored(values(x)) is not x",
        PHRASES,
        "        self.check(x)\n        return x\n",
        "        self.check(x)\n        return x // 2\n",
    ),
    sound(
        "modalities.refuses",
        "anything",
        "stored takes torch.float32 of up to nan",
        WAVES,
        "        if not x.is_floating_point() or not bool(((x >= -1e-3) & (x <= 1.001)).all()):  # NaN is neither\n",
        "        if not x.is_floating_point():\n",
    ),
    sound(
        "modalities.files",
        "a-clock",
        "another file the second time",
        PHRASES,
        'aside.write_text("".join(f"{line}\\n" for line in self.text(x)), encoding="utf-8")',
        'aside.write_text("\\n".join(self.text(x)) + f"\\n{__import__(\'time\').time_ns()}", encoding="utf-8")',
    ),
    sound(
        "modalities.files",
        "a-script",
        "by a script",
        HTML,
        "    return f\"<pre>{html.escape(path.read_text(encoding='utf-8'))}</pre>\"",
        "    return f\"<script>{html.escape(path.read_text(encoding='utf-8'))}</script>\"",
    ),
    sound(
        "modalities.augmentations",
        "dice-of-its-own",
        "draws alone",
        WAVES,
        "draws.uniform(len(x), 1, 1)",
        "torch.rand(len(x), 1, 1)",
    ),
    sound(
        "families.declaration",
        "another-name",
        "is named 'ar'",
        FAMILY,
        '    name="autoregressive",\n',
        '    name="ar",\n',
    ),
    sound(
        "families.declaration",
        "another-file",
        "notes.safetensors is no file",
        FAMILY,
        '    published=("network",),\n',
        '    published=("network",),\n    optional=("notes.safetensors",),\n',
    ),
    sound(
        "families.sampling",
        "looks-at-the-others",
        "not the first of five",
        FAMILY,
        "(z.float() + 1) / 2",
        "((z + z.roll(1, 0)).float() / 2 + 1) / 2",
    ),
    sound("features.loads", "another-pin", "has sha256", SPECS, 'sha256="6', 'sha256="7'),
    sound("features.maps", "no-strides", "1 maps for 0 strides", FEATURES, "strides = (4,)", "strides = ()"),
    sound("features.vector", "float64", "float64", FEATURES, ".flatten(1)\n", ".flatten(1).double()\n"),
    sound(
        "features.vector",
        "no-gradient",
        "no gradient in x",
        FEATURES,
        "        loudness = (sines.square() + cosines.square() + 1e-12).sqrt()\n",
        "        loudness = (sines.square() + cosines.square() + 1e-12).sqrt().detach()\n",
    ),
    sound("features.maps", "another-stride", "a map (2, 12, 9)", FEATURES, "stride=4", "stride=8"),
)
