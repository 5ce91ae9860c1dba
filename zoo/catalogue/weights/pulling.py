"""A model's files at hand: in the cache with every byte checked, or written into a folder of the user's own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.access import Access
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.first_seen import refuse_other
from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, FILES, MODEL
from zoo.catalogue.weights.locate import locate
from zoo.files import new_folder, refuse_full

__all__ = ["pull"]


def pull(
    name: str | os.PathLike[str],
    *,
    to: str | os.PathLike[str] | None = None,
    force: bool = False,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    registry: Registry | None = None,
) -> dict[str, Any]:
    """Fetch a model and check every byte: `zoo.pull("hf://org/repo")["path"]`, the folder it is in now.

    `to` is a folder to write the files into, as `zoo export` would: new, or empty. With `force` what the cache has is
    fetched anew. `revision`, `token`, `cache_dir` and `local_files_only` are those of `zoo.load`. Gives `name`,
    `origin`, how many `files` and `bytes`, the `path`, and the `sha256` of each file. Raises what `zoo.load` raises,
    and StorageError for `to`.
    """
    access = Access(revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only, force=force)
    if to is not None:
        refuse_full(Path(os.path.expanduser(to)))  # before anything is fetched
    folder = locate(name, registry or default_registry(), access)
    if folder.spec is not None and folder.spec.weights is not None and folder.spec.weights.format:
        refuse_other(str(name), folder.spec.weights, access)
    needed = [file for file in FILES if file in folder.pins or folder.has(file) or file in (CONFIG, MODEL)]
    if folder.foreign is not None:
        needed = [*folder.foreign.tables, *folder.foreign.weights]
    content = {file: folder.read(file) for file in needed}
    folder.config()
    place = folder.path
    if to is not None:
        place = Path(os.path.expanduser(to))
        content |= {file: folder.read(file) for file in (CARD, EVALUATION) if folder.has(file)}
        with new_folder(place) as aside:
            for file, body in content.items():
                (aside / file).parent.mkdir(parents=True, exist_ok=True)
                (aside / file).write_bytes(body)
    size = sum(map(len, content.values()))
    digests = {file: hashlib.sha256(body).hexdigest() for file, body in content.items()}
    told = {"name": str(name), "origin": folder.origin, "files": len(content), "bytes": size, "path": str(place)}
    return told | {"sha256": digests}
