"""How the Hub is reached for one model: what `zoo.load` takes beside a name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from zoo.catalogue.hub.cache import hub_folder
from zoo.catalogue.hub.transport import is_offline
from zoo.errors import UsageError

__all__ = ["USUAL", "Access"]

TOKEN = re.compile(r"[!-~]{1,400}")  # what a header may hold


@dataclass(frozen=True, kw_only=True)
class Access:
    """How one is reached. Raises UsageError for what cannot be meant."""

    revision: str | None = None  # a branch, tag or commit of a name hf://org/repo
    token: str | bool | None = None  # False: none; True: there must be one; else HF_TOKEN, or that of `hf auth login`
    cache_dir: str | os.PathLike[str] | None = None  # else HF_HUB_CACHE
    local_files_only: bool = False  # ask no network
    force: bool = False  # fetch anew what is there

    def __post_init__(self) -> None:
        if self.revision is not None and not isinstance(self.revision, str):
            raise UsageError(f"revision is {self.revision!r:.60}; it takes a branch, a tag or a commit")
        if not (self.token is None or isinstance(self.token, bool)) and not (
            isinstance(self.token, str) and TOKEN.fullmatch(self.token)
        ):
            raise UsageError("token is none; it takes a text that begins with hf_, True, False or None")
        if self.cache_dir is not None and not (isinstance(self.cache_dir, str | os.PathLike) and str(self.cache_dir)):
            raise UsageError(f"cache_dir is {self.cache_dir!r:.60}; it takes a folder")

    @property
    def cache(self) -> Path:
        """The cache folder."""
        return hub_folder() if self.cache_dir is None else Path(os.path.expanduser(self.cache_dir))

    @property
    def offline(self) -> bool:
        """Whether no network may be asked."""
        return self.local_files_only or is_offline()


USUAL = Access()  # as the environment says
