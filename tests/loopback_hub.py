"""A small Hugging Face Hub on the loopback, for tests: repositories, revisions, LFS redirects, uploads, and faults.

It answers what the real client asks. Files of the format `.safetensors` live on a second server, as the Hub's large
files do on a CDN. Every request is kept in `log` with its headers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "loopbacktoken" * 2


@dataclass
class Repo:
    """A repository: its commits, and what its branches point to."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    disabled: bool = False
    tags: list[str] = field(default_factory=lambda: ["genzoo"])
    messages: list[str] = field(default_factory=list)  # of the commits that were sent

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        """Add a commit with exactly these files."""
        parent = self.refs.get(ref, "")
        text = parent + json.dumps({name: hashlib.sha256(body).hexdigest() for name, body in files.items()})
        name = hashlib.sha1(text.encode()).hexdigest()
        self.commits[name] = dict(files)
        self.refs[ref] = name
        return name


@dataclass
class Fault:
    """What goes wrong: on requests whose 'METHOD path' matches, `times` times (None: for ever)."""

    pattern: str
    kind: str
    times: int | None = None
    value: Any = None
    hits: int = 0


def git_id(body: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def references(repo: Repo) -> dict[str, Any]:
    """The branches, and the tags: what is named as a version, v1.0."""
    rows = [{"name": name, "targetCommit": commit} for name, commit in repo.refs.items()]
    versions = [row for row in rows if re.fullmatch(r"v[\d.]+", row["name"])]
    return {"branches": [row for row in rows if row not in versions], "tags": versions, "converts": []}


def is_large(name: str) -> bool:
    """Whether the file is kept on the second server."""
    return name.endswith((".safetensors", ".bin"))


class LoopbackHub:
    """Start it with `with LoopbackHub() as hub`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.renamed: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.large: dict[str, bytes] = {}  # sha256 -> content
        self.log: list[tuple[str, str, str, dict[str, str]]] = []  # server, method, path, lower-case headers
        self.lock = threading.RLock()
        self.commit_hook: Callable[[Repo], None] | None = None  # runs before a commit is looked at

    def __enter__(self) -> LoopbackHub:
        self.servers = {name: self._serve(name) for name in ("hub", "cdn")}
        self.url = f"http://127.0.0.1:{self.servers['hub'].server_port}"
        self.cdn = f"http://127.0.0.1:{self.servers['cdn'].server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def _serve(self, name: str) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"hub": self, "name": name})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def repo(self, name: str, files: dict[str, bytes] | None = None, **flags: bool) -> Repo:
        """Make a repository, with a first commit."""
        self.repos[name] = Repo(**flags)  # type: ignore[arg-type]
        self.repos[name].commit({".gitattributes": b"*.safetensors filter=lfs\n", **(files or {})})
        return self.repos[name]

    def fault(self, pattern: str, kind: str, times: int | None = None, value: Any = None) -> Fault:
        """Let something go wrong from now on."""
        self.faults.append(Fault(pattern, kind, times, value))
        return self.faults[-1]

    def due(self, line: str) -> Fault | None:
        """The fault for this request, if there is one."""
        with self.lock:
            for fault in self.faults:
                if re.search(fault.pattern, line) and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    fault.hits += 1
                    return fault
        return None

    def asked(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(bool(re.search(pattern, f"{method} {path}")) for _, method, path, _ in self.log)


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    name: str
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    # --- answering ---------------------------------------------------------------------------------------------

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, fault: Any = None) -> None:
        given = {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream", **(headers or {})}
        kind = fault.kind if fault else ""
        if kind == "etag":
            given.pop("X-Linked-Etag", None)
            given["ETag"] = fault.value
        if kind == "size":
            given["X-Linked-Size"] = str(fault.value)
            given["Content-Length"] = str(fault.value)
        if kind == "header":
            given |= fault.value
        if kind == "flip" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if kind == "endless":
            given.pop("Content-Length")
            given["Transfer-Encoding"] = "chunked"
        self.send_response(status)
        for key, value in given.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif kind == "slow":
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(fault.value)
        elif kind == "endless":
            piece = b"\0" * 65536
            for _ in range(fault.value or 16384):  # 1 GiB
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self.wfile.write(body)

    def json(self, data: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str = "", message: str = "") -> None:
        headers = {"X-Error-Code": code} if code else {}
        headers |= {"X-Error-Message": message} if message else {}
        self.answer(status, json.dumps({"error": message or code}).encode(), headers)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # --- faults that replace the answer ------------------------------------------------------------------------

    def broken(self, fault: Fault | None) -> bool:
        kind = fault.kind if fault else ""
        assert fault is not None or not kind
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif kind == "hang":
            time.sleep(fault.value)  # type: ignore[union-attr]
            self.close_connection = True
        elif kind == "status":
            status, headers = fault.value  # type: ignore[union-attr]
            self.answer(status, b"<html>no</html>", headers)
        elif kind == "html":
            self.answer(200, b"<html><title>Log in to the WLAN</title></html>", {"Content-Type": "text/html"})
        elif kind == "redirect":
            self.answer(302, b"", {"Location": fault.value or self.path})  # type: ignore[union-attr]
        else:
            return False
        return True

    def respond(self) -> None:
        with self.hub.lock:
            headers = {key.lower(): value for key, value in self.headers.items()}
            self.hub.log.append((self.name, self.command, self.path, headers))
        fault = self.hub.due(f"{self.name} {self.command} {self.path}")
        if fault and fault.kind in ("reset", "hang", "status", "html", "redirect"):
            if self.command in ("POST", "PUT"):
                self.body()
            self.broken(fault)
            return
        path = unquote(urlsplit(self.path).path)
        moved = [old for old in self.hub.renamed if f"/{old}/" in f"{path}/" or f"/{old}.git/" in path]
        if self.name == "cdn":
            self.content(path, fault)
        elif moved:
            if self.command in ("POST", "PUT"):
                self.body()
            self.answer(307, b"", {"Location": self.path.replace(moved[0], self.hub.renamed[moved[0]], 1)})
        elif path.startswith("/api/"):
            self.api(path, fault)
        elif match := re.fullmatch(r"/(.+?/.+?)\.git/info/lfs/objects/batch", path):
            self.batch()
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+)", path):
            self.resolve(match[1], match[2], fault)
        else:
            self.refuse(404)

    do_GET = do_HEAD = do_POST = do_PUT = respond

    # --- reading -----------------------------------------------------------------------------------------------

    def found(self, name: str) -> Repo | None:
        """The repository, if this request may see it; answers otherwise."""
        repo, known = self.hub.repos.get(name), self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if self.refused():
            return None
        if repo is None or (repo.private and not known):
            self.refuse(404 if known else 401, "RepoNotFound", "Repository not found")
        elif repo.gated and not known:
            self.refuse(401, "GatedRepo", "Access to this repository is restricted")
        elif repo.disabled:
            self.refuse(403, "", "Access to this resource is disabled.")
        else:
            return repo
        return None

    def refused(self) -> bool:
        """Whether the token is none of the Hub's, which it then says."""
        if self.headers.get("Authorization") in (None, f"Bearer {TOKEN}"):
            return False
        self.refuse(401, "", "Invalid credentials in Authorization header")
        return True

    def resolve(self, name: str, rest: str, fault: Fault | None) -> None:
        repo = self.found(name)
        if repo is None:
            return
        refs = sorted({**repo.refs, **{c: c for c in repo.commits}}.items(), key=lambda item: -len(item[0]))
        for ref, commit in refs:  # noqa: B007  used after the loop
            if rest.startswith(ref + "/"):
                break
        else:
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
            return
        file = rest.removeprefix(ref + "/")
        if file not in repo.commits[commit]:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        body = repo.commits[commit][file]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_id(body)}"', "Accept-Ranges": "bytes"}
        if not is_large(file):
            self.answer(200, body, headers, fault)
            return
        digest = hashlib.sha256(body).hexdigest()
        self.hub.large[digest] = body
        headers |= {"X-Linked-Size": str(len(body)), "X-Linked-Etag": f'"{digest}"', "ETag": '"of-the-pointer"'}
        self.answer(302, b"", {**headers, "Location": f"{self.hub.cdn}/{digest}?signature=secret"}, fault)

    def content(self, path: str, fault: Fault | None) -> None:
        digest = path.strip("/")
        if self.command == "PUT":
            body = self.body()
            assert hashlib.sha256(body).hexdigest() == digest
            self.hub.large[digest] = body
            self.answer(200)
        elif digest in self.hub.large:
            self.answer(200, self.hub.large[digest], {"ETag": '"s3-tag"'}, fault)
        else:
            self.refuse(404)

    def api(self, path: str, fault: Fault | None) -> None:
        if path == "/api/models" and not self.refused():
            query = parse_qs(urlsplit(self.path).query)
            text = query.get("search", [""])[0]
            rows = [self.facts(name) for name, repo in self.hub.repos.items() if text in name and not repo.private]
            body = json.dumps([row for row in rows if query["filter"][0] in row["tags"]]).encode()
            self.answer(200, body, None, fault)
        elif path == "/api/models":
            return
        elif path == "/api/repos/create":
            self.create(json.loads(self.body()))
        elif path == "/api/validate-yaml":
            self.body()
            self.json({"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit|branch|revision|tag)/(.+)", path):
            body = self.body()
            if (repo := self.found(match[1])) is not None:
                getattr(self, match[2])(repo, match[1], match[3], body)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/refs", path):
            if (repo := self.found(match[1])) is not None:
                self.json(references(repo))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
            if (repo := self.found(match[1])) is not None:
                self.revision(repo, match[1], "main", b"")
        else:
            self.refuse(404)

    def facts(self, name: str) -> dict[str, Any]:
        repo = self.hub.repos[name]
        known = {"sha": repo.refs.get("main"), "private": repo.private, "tags": repo.tags, "downloads": 3, "likes": 1}
        return {"_id": "0", "id": name, "modelId": name, "lastModified": "2026-01-01T00:00:00.000Z", **known}

    def revision(self, repo: Repo, name: str, revision: str, body: bytes) -> None:
        commit = revision if revision in repo.commits else repo.refs.get(revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound")
            return
        self.json(self.facts(name) | {"sha": commit, "siblings": [{"rfilename": n} for n in repo.commits[commit]]})

    # --- writing -----------------------------------------------------------------------------------------------

    def may_write(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.refuse(401, "", "Invalid username or password.")
        return False

    def create(self, data: dict[str, Any]) -> None:
        if not self.may_write():
            return
        name = f"{data.get('organization')}/{data['name']}"
        if name in self.hub.repos:
            self.json({"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"}, 409)
            return
        self.hub.repo(name, private=bool(data.get("private")) or data.get("visibility") == "private")
        self.json({"url": f"{self.hub.url}/{name}", "name": name, "id": name})

    def branch(self, repo: Repo, name: str, branch: str, body: bytes) -> None:
        if self.may_write():
            repo.refs.setdefault(branch, repo.refs["main"])
            self.json({})

    def tag(self, repo: Repo, name: str, revision: str, body: bytes) -> None:
        if not self.may_write():
            return
        tag = json.loads(body)["tag"]
        if tag in repo.refs:
            self.refuse(409, "", "Tag reference exists already")
            return
        repo.refs[tag] = repo.refs.get(revision, revision)
        self.json({})

    def preupload(self, repo: Repo, name: str, revision: str, body: bytes) -> None:
        files = json.loads(body)["files"]
        modes = [{"path": f["path"], "uploadMode": "lfs" if is_large(f["path"]) else "regular"} for f in files]
        self.json({"files": [mode | {"shouldIgnore": False, "oid": None} for mode in modes]})

    def batch(self) -> None:
        if not self.may_write():
            return
        rows = []
        for item in json.loads(self.body())["objects"]:
            row = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.hub.large:
                row["actions"] = {"upload": {"href": f"{self.hub.cdn}/{item['oid']}", "header": {}}}
            rows.append(row)
        self.json({"transfer": "basic", "objects": rows})

    def commit(self, repo: Repo, name: str, revision: str, body: bytes) -> None:
        if not self.may_write():
            return
        if self.hub.commit_hook:
            self.hub.commit_hook(repo)
        lines = [json.loads(line) for line in body.splitlines()]
        header, operations = lines[0]["value"], lines[1:]
        with self.hub.lock:
            if header.get("parentCommit") not in (None, repo.refs.get(revision)):
                self.refuse(412, "", "A commit has happened since. Please refresh and try again.")
                return
            files = dict(repo.commits[repo.refs[revision]])
            repo.messages.append("\n".join(filter(None, (header["summary"], header.get("description")))))
            proposed = "create_pr=1" in self.path
            number = sum(ref.startswith("refs/pr/") for ref in repo.refs) + 1
            for line in operations:
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = self.hub.large[value["oid"]]
                elif line["key"] == "deletedFile":
                    del files[value["path"]]
            target = f"refs/pr/{number}" if proposed else revision
            repo.refs.setdefault(target, repo.refs[revision])
            commit = repo.commit(files, target)
        fault = self.hub.due("after-commit")
        if fault is None or not self.broken(fault):
            page = f"{self.hub.url}/{name}/discussions/{number}"
            answer = {"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"}
            self.json(answer | ({"pullRequestUrl": page} if proposed else {}))


@contextmanager
def loopback_hub() -> Iterator[LoopbackHub]:
    """A running Hub."""
    with LoopbackHub() as hub:
        yield hub
