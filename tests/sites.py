"""Tiny installed distributions on a path of their own, and the command line run beside them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HEAD = """
from zoo.api import ArchitectureSpec, CommandSpec, DatasetSpec, ModelSpec, hookimpl
ZOO_API_VERSION = 2

def model(name):
    recipe = "zoo_gan:recipes/dcgan-shapes.toml"
    return ModelSpec(name=name, summary="Toy.", architecture="dcgan", dataset="shapes", licence="MIT", recipe=recipe)

"""
GOOD = HEAD + "@hookimpl\ndef zoo_models(context):\n    return [model('toy')]\n"


BROAD = "[one for one in warnings.filters if one[2].__module__ == 'builtins' and not one[1] and not one[3]]"


class Site:
    """A folder that is put on a child's path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder / "site", folder / "home"
        self.folder.mkdir()
        self.home.mkdir()

    def install(
        self, name: str, code: str | None = GOOD, *, dist: str = "", points: str | bytes = "", requires: str = ""
    ) -> str:
        """A distribution with the entry point `name` to a module of that code (None: no module); gives the module."""
        dist = dist or f"{name}-zoo"
        module = dist.replace("-", "_")
        if code is not None:
            (self.folder / module).mkdir()
            (self.folder / module / "__init__.py").write_text(code, encoding="utf-8")
        about = self.folder / f"{module}-1.2.dist-info"
        about.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n{needs}", encoding="utf-8")
        text = points or f"[zoo]\n{name} = {module}\n"
        (about / "entry_points.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        return module

    def run(self, *words: str, **env: str) -> tuple[int, str, str]:
        """`zoo WORDS…`: the exit code, standard output and standard error."""
        return self.python("-m", "zoo", *words, **env)

    def python(self, *words: str, **env: str) -> tuple[int, str, str]:
        """Python beside the site, with a home of its own and no setting of the zoo's."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ZOO_", "XDG_"))}
        kept |= {"HOME": str(self.home), "PYTHONPATH": str(self.folder)} | env
        done = subprocess.run(
            [sys.executable, *words], cwd=self.home, env=kept, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def rows(self, *words: str, code: int = 0, **env: str) -> dict[str, dict[str, Any]]:
        """What `zoo WORDS… --json` prints, by name; the command must end with that exit code."""
        ended, out, err = self.run(*words, "--json", **env)
        assert ended == code, err
        return {row["name"]: row for row in json.loads(out)}


def sings(site: Site, code: str) -> None:
    """Install `acme` with a verb `sing`, whose module has that code."""
    hook = "@hookimpl\ndef zoo_commands(context):\n    "
    hook += "return [CommandSpec(name='sing', summary='Sing.', run='acme_zoo.sing:run')]\n"
    site.install("acme", HEAD + hook)
    (site.folder / "acme_zoo" / "sing.py").write_text(code)


def beside(folder: Path, plugin: str, code: str) -> tuple[int, str, str]:
    """What Python makes of the code beside a plugin `acme` of that text: exit code, standard output and error."""
    site = Site(folder)
    site.install("acme", plugin)
    return site.python("-c", code)
