"""A branch of a repository, as one who writes sees it: made where it is missing, compared, committed to, tagged.

Whatever the Hub's client raises becomes a NetworkError without the client's text, which may hold a token.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.catalogue.contract.names import COMMIT
from zoo.catalogue.hub.client import Digest, Hub
from zoo.catalogue.hub.transport import Absent
from zoo.errors import NetworkError, NotFoundError, UsageError, ZooError

__all__ = ["NEW", "REMOVED", "Branch"]

TRIES, PAUSE = 3, 1.0
NEW, CHANGED, REMOVED = "new", "changed", "removed"  # what a commit does to a file


class _Refused(NetworkError):
    """The Hub does not let this token write."""


@dataclass(frozen=True)
class Branch:
    """A branch, which may not be there yet."""

    hub: Hub
    repo: str
    revision: str = "main"

    def facts(self) -> dict[str, Any] | None:
        """What the Hub says of the repository; None where there is none that may be seen.

        Raises UsageError for one that has another name now: what is written goes where it was said to go, or nowhere.
        """
        try:
            facts = self.hub.json(f"/api/models/{self.repo}")
        except NotFoundError:
            return None
        facts = facts if isinstance(facts, dict) else {}
        name = facts.get("id", self.repo)
        if name != self.repo:
            raise UsageError(f"hf://{self.repo} is now hf://{name!s:.100}; if that is meant, write --to {name!s:.100}")
        return facts

    def commit_of(self, revision: str) -> str | None:
        """The commit a branch or tag stands at; None where there is no such one."""
        try:
            facts = self.hub.json(f"/api/models/{self.repo}/revision/{revision.replace('/', '%2F')}")
        except NotFoundError:
            return None
        found = facts.get("sha") if isinstance(facts, dict) else None
        if not isinstance(found, str) or not COMMIT.fullmatch(found):
            raise NetworkError(f"hf://{self.repo}@{revision}: the Hub does not say which commit it is")
        return found

    def make_repository(self, *, private: bool) -> None:
        """Make the repository, where it is missing."""
        _ask(self.repo, lambda: _api().create_repo(self.repo, private=private, exist_ok=True))

    def make_branch(self) -> str:
        """Make the branch where it is missing; gives its commit."""
        _ask(self.repo, lambda: _api().create_branch(self.repo, branch=self.revision, exist_ok=True))
        return self.newest()

    def newest(self) -> str:
        """The newest commit."""
        found = self.commit_of(self.revision)
        if found is None:
            raise NetworkError(f"hf://{self.repo} has no branch {self.revision} any more; run this again")
        return found

    def changes(self, commit: str | None, files: Mapping[str, bytes], known: Sequence[str]) -> dict[str, str]:
        """What must happen for a commit to hold `files` and no other of the `known` names: file -> what."""
        found = {name: self._change(commit, name, files.get(name)) for name in known}
        return {name: what for name, what in found.items() if what}

    def _change(self, commit: str | None, name: str, body: bytes | None) -> str:
        try:
            there = None if commit is None else self.hub.look(self.repo, commit, name)
        except Absent:
            there = None
        if there is None or body is None:
            return (NEW if body is not None else "") if there is None else REMOVED
        digest = Digest(there.digest, len(body))
        digest.update(body)
        return "" if there.digest is not None and digest.is_one(there.digest) else CHANGED

    def commit(
        self,
        parent: str,
        files: Mapping[str, bytes],
        known: Sequence[str],
        changes: Mapping[str, str],
        message: str,
    ) -> str:
        """Write and remove these files in one commit on top of `parent`. A lost answer is found out, not sent twice."""
        for attempt in range(1, TRIES + 1):
            try:
                return _oid(self._send(parent, files, changes, message), self.repo)
            except _Refused:
                raise
            except NetworkError:
                newest = self.newest()
                if newest != parent and not self.changes(newest, files, known):
                    return newest  # it had arrived
                if newest != parent:
                    where = f"hf://{self.repo}@{self.revision}"
                    text = f"{where} was changed by somebody else meanwhile (now {newest}); nothing was written"
                    raise NetworkError(f"{text}: look at it, and run this again") from None
                if attempt == TRIES:
                    raise
                time.sleep(PAUSE * attempt)
        raise AssertionError("unreachable")

    def propose(
        self, parent: str, files: Mapping[str, bytes], changes: Mapping[str, str], message: str
    ) -> tuple[str, str]:
        """The same in a pull request: its commit and its address. Sent once, for a second one would be another."""
        try:
            done = self._send(parent, files, changes, message, create_pr=True)
        except _Refused:
            raise
        except NetworkError as error:
            pages = f"{self.hub.endpoint}/{self.repo}/discussions"
            raise NetworkError(f"{error}, unless the pull request stands at {pages} already") from None
        return _oid(done, self.repo), str(done.pr_url)

    def _send(
        self, parent: str, files: Mapping[str, bytes], changes: Mapping[str, str], message: str, create_pr: bool = False
    ) -> Any:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        # As streams the client sends large files by Git LFS, which every Hub speaks and whose name of a file is the
        # sha256 that is pinned; bytes would go through a library, storage hosts and logs of their own (Xet).
        operations = [
            CommitOperationDelete(path_in_repo=name)
            if what == REMOVED
            else CommitOperationAdd(path_in_repo=name, path_or_fileobj=io.BytesIO(files[name]))
            for name, what in changes.items()
        ]
        title, _, more = message.partition("\n")
        options = {"commit_message": title, "commit_description": more.strip(), "create_pr": create_pr}
        branch = {"revision": self.revision, "parent_commit": parent}
        return _ask(self.repo, lambda: _api().create_commit(self.repo, operations, **options, **branch))

    def set_tag(self, tag: str, commit: str) -> None:
        """Tag a commit."""
        _ask(self.repo, lambda: _api().create_tag(self.repo, tag=tag, revision=commit, exist_ok=True))
        if self.commit_of(tag) != commit:
            raise NetworkError(f"hf://{self.repo}@{tag} is another commit than {commit}; look at it")


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(library_name="genzoo")


def _oid(done: Any, repo: str) -> str:
    commit = str(done.oid)
    if not COMMIT.fullmatch(commit):
        raise NetworkError(f"hf://{repo}: the Hub does not say which commit it made; run this again")
    return commit


def _ask(repo: str, action: Callable[[], Any]) -> Any:
    """Call the Hub's client."""
    try:
        return action()
    except ZooError:
        raise
    except Exception as error:  # noqa: BLE001  each major version raises errors of another HTTP library
        kind, response = type(error).__name__, getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if status in (401, 403) or kind in ("LocalTokenNotFoundError", "RepositoryNotFoundError"):
            advice = "log in with a token that may write (hf auth login), or set HF_TOKEN"
            raise _Refused(f"hf://{repo}: the Hub does not let you write there; {advice}") from None
        cause = kind if status is None else f"{kind}, {status}"
        raise NetworkError(f"hf://{repo} cannot be written ({cause}); run this again") from None
