"""A Hub on loopback: the part of the Hugging Face Hub's protocol that huggingface_hub's real client speaks.

Two servers, as in reality: the hub (`HubServer.url`: API, resolve, commits) and the store of large files
(`HubServer.store`: another origin, reached by redirect, content-addressed). Faults are scripted with `fault`.

Why this is the protocol, from the source of huggingface_hub 2.x, by function:

- `file_download._hf_hub_download_to_cache_dir` asks `get_hf_file_metadata` for a HEAD of
  `/{repo}/resolve/{revision}/{path}` and needs `X-Repo-Commit` and an `ETag` (`X-Linked-Etag`, `X-Linked-Size` for
  large files). Without `X-Repo-Commit` it takes the answer for somebody else's (FileMetadataError).
- `utils._http._httpx2_follow_hub_redirects_with_backoff` follows redirects on the Hub's own origin (so do we: small
  files go to `/api/resolve-cache/…`, relative, 307) and stops at those to another (so do we: large files go to the
  store, 302); `_get_metadata_or_catch_error` then drops the authorization header. That the store never sees a token is
  for tests to check in `requests`.
- `file_download.http_get` resumes with `Range: bytes=N-` after a connection that broke, and wants 206 with
  `Content-Range`; the length of the whole comes from there or from `Content-Length`.
- ETags: `hf_hub_url`'s docstring: the git-sha1 of a blob stored in git, the sha256 of one stored in LFS.
- `utils._http.hf_raise_for_status` reads `X-Error-Code` (RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo) and
  `X-Error-Message`. A missing repository and one that the caller may not see are answered alike: 401 without a token,
  404 with one. It infers RepoNotFound from a bare 401 too, but only for https, hence the header always. An invalid
  token: 401 and "Invalid credentials in Authorization header".
- `HfApi.model_info`, `_iter_repo_tree_pages`, `get_paths_info` (a form, not JSON), `list_repo_refs` and `whoami`:
  the fields that `ModelInfo`, `RepoFile` and `GitRefs` take out of the JSON.
- Upload, in the order of `HfApi.create_commit`: `_validate_yaml`; `_commit_api._fetch_upload_modes` (preupload: path,
  uploadMode, shouldIgnore, oid); `lfs.post_lfs_batch_info`, `lfs.lfs_upload` (PUT to the store without a token, then
  verify at the hub); `_commit_api._send_commit` (ndjson: header, file, lfsFile, deletedFile, deletedFolder). A
  `parentCommit` that is not the head is a conflict, 412.
- Xet: `parse_xet_file_data_from_response` downloads so only when the answer has `X-Xet-Hash`, which ours never has.
  `_upload_files` uploads so whenever hf_xet is installed, so tests switch it off (`HF_HUB_DISABLE_XET`), which
  `utils._runtime.is_xet_available` asks. Of 2.x, tests therefore prove the road without hf_xet.
- `utils._detect_agent` asks `/api/agent-harnesses` before the first request of a process; it is answered 404.

Not modelled: pull requests, tags, pagination, datasets and Spaces, multipart uploads, rate limits unless scripted.
"""

import base64
import contextlib
import fnmatch
import hashlib
import json
import threading
import urllib.parse
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

LARGE = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.pickle", "*.ckpt", "*.npy", "*.zip", "*.onnx")  # .gitattributes
DATE = "2026-01-01T00:00:00.000Z"


def git_sha1(content):
    """The name git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Stored:
    """A file of a commit."""

    content: bytes
    large: bool

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self):
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        )

    @property
    def oid(self):
        return git_sha1(self.pointer if self.large else self.content)

    @property
    def etag(self):
        return self.sha256 if self.large else self.oid


@dataclass
class Commit:
    """A commit: the whole tree by path, and what it says."""

    sha: str
    files: dict[str, Stored]
    message: str


@dataclass
class Repo:
    """A model repository; `commits` oldest first, all on main."""

    name: str
    private: bool = False
    gated: bool = False
    commits: list[Commit] = field(default_factory=list)

    def at(self, revision):
        """The commit that a branch, a full hash or its beginning names, or None."""
        if revision in ("main", "refs/heads/main"):
            return self.commits[-1] if self.commits else None
        found = [c for c in self.commits if len(revision) >= 7 and c.sha.startswith(revision)]
        return found[0] if len(found) == 1 else None


@dataclass
class Asked:
    """A request as it arrived. `server` is "hub" or "store"; names of `headers` may be written in any case."""

    server: str
    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Fault:
    """What goes wrong, and how often; see HubServer.fault."""

    method: str
    path: str
    times: int
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut: float | None = None
    hold: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)


class HubServer:
    """The two servers and what is stored in them; a context manager.

    tokens: user by token. members: users who may see private and gated repositories, and write to all of them.
    requests: everything that was asked, in order.
    """

    def __init__(self):
        self.repos, self.objects, self.requests, self.faults = {}, {}, [], []
        self.naps = []  # where the fixture `hub` notes how long the client would have slept
        self.tokens = {"hf_member": "member", "hf_stranger": "stranger"}
        self.members = {"member"}
        self.stopping = threading.Event()
        self._lock = threading.Condition()  # an RLock that tells of requests
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, name)) for name in ("hub", "store")]
        self.url, self.store = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def __enter__(self):
        self._threads = [threading.Thread(target=s.serve_forever, args=(0.01,), daemon=True) for s in self._servers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def repo(self, name, files=None, *, private=False, gated=False):
        """Make a repository as the Hub does, its first commit a .gitattributes; with files or a folder, commit those.

        Returns the hash of the last commit.
        """
        self.repos[name] = Repo(name, private, gated)
        attributes = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE).encode()
        sha = self.commit(name, {".gitattributes": attributes}, message="initial commit")
        return sha if files is None else self.commit(name, files)

    def commit(self, name, files, *, deleted=(), message="Upload"):
        """Commit files, a dictionary of bytes by path or a folder, on main. Returns the commit's hash."""
        if isinstance(files, (str, Path)):
            folder = Path(files)
            files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        with self._lock:
            repo = self.repos[name]
            tree = {p: s for p, s in (repo.commits[-1].files if repo.commits else {}).items() if p not in deleted}
            for path, content in files.items():
                tree[path] = Stored(content, _large(path))
                if tree[path].large:
                    self.objects[tree[path].sha256] = content
            parent = repo.commits[-1].sha if repo.commits else ""
            listing = json.dumps([parent, name, message, {p: s.oid for p, s in sorted(tree.items())}])
            repo.commits.append(Commit(hashlib.sha1(listing.encode()).hexdigest(), tree, message))
            return repo.commits[-1].sha

    def fault(self, method, path, *, times=1, status=None, headers=None, body=None, cut=None, hold=None):
        """Let the next `times` requests whose method and path (a glob over "hub/…" or "store/…") fit go wrong.

        status: answer this instead. body: send this content in place of the true one, with the length of its own but
        every other header unchanged. cut: break the connection after this share of the body. hold: wait for this
        event before the answer; with cut, after the part that is sent. Returns the fault; its `reached` event is set
        when a request met it (with cut, when the part is sent).
        """
        fault = Fault(method, path, times, status, headers or {}, body, cut, hold)
        self.faults.append(fault)
        return fault

    def asked(self, method="*", path="*"):
        """The requests so far whose method and path (a glob as for `fault`) fit."""
        return [asked for asked in self.requests if _fits(asked, method, path)]

    def until(self, count, method, path):
        """Wait until `count` requests fit; returns whether they came within a minute."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self.asked(method, path)) >= count, timeout=60)

    def _note(self, asked):
        """Remember a request; the fault that it meets, or None."""
        with self._lock:
            self.requests.append(asked)
            self._lock.notify_all()
            for fault in self.faults:
                if fault.times and _fits(asked, fault.method, fault.path):
                    fault.times -= 1
                    return fault
        return None

    def wait(self, event):
        """Wait for an event of a fault, or for the end of the server."""
        while not event.wait(0.01) and not self.stopping.is_set():
            pass


def _fits(asked, method, path):
    where = asked.server + asked.path.partition("?")[0]
    return fnmatch.fnmatch(asked.method, method) and fnmatch.fnmatch(where, path)


def _large(path):
    return any(fnmatch.fnmatch(path.rpartition("/")[2], pattern) for pattern in LARGE)


class _Problem(Exception):
    """An answer that is an error, as the Hub gives it: status, X-Error-Code and a message."""

    def __init__(self, status, code, message):
        self.status, self.message = status, message
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


class _Handler(BaseHTTPRequestHandler):
    """One connection to one of the two servers; the answers of each are below."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: HubServer
    name: str

    def log_message(self, format, *args):
        """Nothing: what was asked is in `requests`."""

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self.read_chunks()
        else:
            self.body = self.rfile.read(length)
        asked = Asked(self.name, self.command, self.path, self.headers, self.body)
        self.met = self.hub._note(asked)
        if self.met and self.met.cut is None:
            self.met.reached.set()
            if self.met.hold:
                self.hub.wait(self.met.hold)
        if self.met and self.met.status:
            text = self.met.body if self.met.body is not None else b'{"error": "scripted"}'
            return self.answer(self.met.status, text, self.met.headers)
        split = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(split.query))
        parts = [urllib.parse.unquote(part) for part in split.path.strip("/").split("/")]
        try:
            return self.on_hub(parts) if self.name == "hub" else self.on_store(parts)
        except _Problem as problem:
            return self.as_json({"error": problem.message}, problem.status, problem.headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names of http.server

    def read_chunks(self):
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def answer(self, status, content=b"", headers=None):
        """Send an answer; to HEAD, all but its body."""
        fault = self.met
        if fault and fault.body is not None and not fault.status and self.command == "GET" and status in (200, 206):
            content = fault.body
        self.send_response(status)
        for key, value in ({"Content-Type": "application/octet-stream"} | (headers or {})).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if fault and fault.cut is not None:
                self.wfile.write(content[: int(len(content) * fault.cut)])
                self.wfile.flush()
                fault.reached.set()
                if fault.hold:
                    self.hub.wait(fault.hold)
                self.close_connection = True
            else:
                self.wfile.write(content)

    def as_json(self, value, status=200, headers=None):
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def content(self, content, headers):
        """A body, or the rest of it that a Range asks for."""
        headers = {"Accept-Ranges": "bytes", **headers}
        wanted = self.headers.get("Range")
        if not wanted or self.command == "HEAD":
            return self.answer(200, content, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1 if last else len(content), len(content))
        if start >= len(content):
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        return self.answer(206, content[start:stop], headers)

    # The store: content-addressed, asks nobody who they are.

    def on_store(self, parts):
        oid = parts[-1]
        if self.command == "PUT":
            if hashlib.sha256(self.body).hexdigest() != oid:
                return self.answer(400, b"the content has another sha256")
            self.hub.objects[oid] = self.body
            return self.answer(200, b"", {"ETag": f'"{oid}"'})
        if oid not in self.hub.objects:
            return self.answer(404)
        return self.content(self.hub.objects[oid], {"ETag": f'"{oid}"'})

    # The hub.

    def user(self):
        """Who asks, None for nobody."""
        given = self.headers.get("Authorization")
        if given is None:
            return None
        user = self.hub.tokens.get(given.removeprefix("Bearer "))
        if user is None:
            raise _Problem(401, None, "Invalid credentials in Authorization header")
        return user

    def repo(self, name, *, write=False, content=False):
        """The repository, if whoever asks may see it; write: may change it; content: may have its files."""
        user, repo = self.user(), self.hub.repos.get(name)
        member = user in self.hub.members
        if repo is None or (repo.private and not member):
            raise _Problem(404 if user else 401, "RepoNotFound", "Repository not found")
        if content and repo.gated and not member:
            text = f"Access to model {name} is restricted. You must have access to it and be authenticated."
            raise _Problem(403 if user else 401, "GatedRepo", text)
        if write and not member:
            text = "You don't have the rights to create a commit" if user else "Invalid username or password."
            raise _Problem(403 if user else 401, None, text)
        return repo

    def commit(self, repo, revision):
        commit = repo.at(revision)
        if commit is None:
            raise _Problem(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def on_hub(self, parts):
        match parts:
            case ["api", "whoami-v2"]:
                user = self.user()
                if user is None:
                    raise _Problem(401, None, "Invalid username or password.")
                return self.as_json({"type": "user", "name": user, "fullname": user, "orgs": [{"name": "org"}]})
            case ["api", "repos", "create"]:
                return self.create()
            case ["api", "repos", "delete"]:
                asked = json.loads(self.body)
                del self.hub.repos[self.repo(f"{asked['organization']}/{asked['name']}", write=True).name]
                return self.answer(200)
            case ["api", "validate-yaml"]:
                return self.validate()
            case ["api", "resolve-cache", "models", owner, name, revision, *path]:
                return self.small(self.repo(f"{owner}/{name}", content=True), revision, "/".join(path))
            case ["api", "models", owner, name, *rest]:
                return self.on_model(f"{owner}/{name}", rest)
            case [owner, name, "info", "lfs", "objects", "batch"] if name.endswith(".git"):
                return self.batch(f"{owner}/{name.removesuffix('.git')}")
            case [owner, name, "info", "lfs", "objects", "verify"] if name.endswith(".git"):
                self.repo(f"{owner}/{name.removesuffix('.git')}", write=True)
                asked = json.loads(self.body)
                known = len(self.hub.objects.get(asked["oid"], b"")) == asked["size"]
                return self.answer(200 if known else 404)
            case [owner, name, "resolve", revision, *path]:
                return self.resolve(self.repo(f"{owner}/{name}", content=True), revision, "/".join(path))
        raise _Problem(404, None, "Sorry, we can't find the page you are looking for.")

    def on_model(self, name, rest):
        match rest:
            case [] | ["revision", _]:
                repo = self.repo(name)
                return self.as_json(self.info(repo, self.commit(repo, rest[1] if rest else "main")))
            case ["tree", revision, *path]:
                repo = self.repo(name, content=True)
                files = self.commit(repo, revision).files
                return self.as_json([_entry(p, s) for p, s in sorted(files.items()) if p.startswith("/".join(path))])
            case ["paths-info", revision]:
                repo = self.repo(name, content=True)
                paths = urllib.parse.parse_qs(self.body.decode()).get("paths", [])
                files = self.commit(repo, revision).files
                return self.as_json([_entry(path, files[path]) for path in paths if path in files])
            case ["refs"]:
                head = self.repo(name).commits[-1].sha
                main = {"name": "main", "ref": "refs/heads/main", "targetCommit": head}
                return self.as_json({"branches": [main], "converts": [], "tags": []})
            case ["preupload", revision]:
                return self.preupload(self.repo(name, write=True), revision)
            case ["commit", revision]:
                return self.take(self.repo(name, write=True), revision)
        raise _Problem(404, None, "Sorry, we can't find the page you are looking for.")

    def info(self, repo, commit):
        blobs = "blobs" in self.query
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        for sibling in siblings if blobs else ():
            entry = _entry(sibling["rfilename"], commit.files[sibling["rfilename"]])
            sibling |= {"size": entry["size"], "blobId": entry["oid"]}
            if "lfs" in entry:
                sibling["lfs"] = {**entry["lfs"], "sha256": entry["lfs"]["oid"]}
        plain = {"id": repo.name, "modelId": repo.name, "author": repo.name.split("/")[0], "sha": commit.sha}
        state = {"private": repo.private, "gated": "manual" if repo.gated else False, "disabled": False}
        dates = {"lastModified": DATE, "createdAt": DATE}
        return {**plain, **state, **dates, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings}

    def file(self, repo, revision, path):
        commit = self.commit(repo, revision)
        if path not in commit.files:
            problem = _Problem(404, "EntryNotFound", "Entry not found")
            problem.headers["X-Repo-Commit"] = commit.sha
            raise problem
        return commit, commit.files[path]

    def resolve(self, repo, revision, path):
        commit, stored = self.file(repo, revision, path)
        linked = {"X-Linked-Etag": f'"{stored.etag}"', "X-Linked-Size": str(len(stored.content))}
        headers = {"X-Repo-Commit": commit.sha, **linked}
        if stored.large:
            return self.answer(302, b"Found", {**headers, "Location": f"{self.hub.store}/{repo.name}/{stored.sha256}"})
        location = urllib.parse.quote(f"/api/resolve-cache/models/{repo.name}/{commit.sha}/{path}")
        return self.answer(307, b"Temporary Redirect", {**headers, "Location": location})

    def small(self, repo, revision, path):
        commit, stored = self.file(repo, revision, path)
        return self.content(stored.content, {"ETag": f'"{stored.etag}"', "X-Repo-Commit": commit.sha})

    def create(self):
        asked = json.loads(self.body)
        user = self.user()
        if user is None:
            raise _Problem(401, None, "Invalid username or password.")
        if user not in self.hub.members:
            raise _Problem(403, None, "You don't have the rights to create a model under this namespace")
        name = f"{asked.get('organization') or user}/{asked['name']}"
        url = {"url": f"{self.hub.url}/{name}"}
        if name in self.hub.repos:
            return self.as_json({"error": "You already created this model repo", **url}, 409)
        self.hub.repo(name, private=asked.get("visibility") == "private" or bool(asked.get("private")))
        return self.as_json(url)

    def validate(self):
        text = json.loads(self.body)["content"]
        try:
            front = yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else None
        except yaml.YAMLError as error:
            return self.as_json({"errors": [{"message": str(error)}], "warnings": []}, 400)
        warnings = [] if isinstance(front, dict) else [{"message": "empty or missing yaml metadata in repo card"}]
        return self.as_json({"errors": [], "warnings": warnings})

    def preupload(self, repo, revision):
        files = self.commit(repo, revision).files
        modes = [
            {
                "path": asked["path"],
                "uploadMode": "lfs" if _large(asked["path"]) else "regular",
                "shouldIgnore": False,
                **({"oid": files[asked["path"]].etag} if asked["path"] in files else {}),
            }
            for asked in json.loads(self.body)["files"]
        ]
        return self.as_json({"files": modes, "commitOid": self.commit(repo, revision).sha})

    def batch(self, name):
        self.repo(name, write=True)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            known = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.objects:
                upload = {"href": f"{self.hub.store}/{name}/{asked['oid']}"}
                verify = {"href": f"{self.hub.url}/{name}.git/info/lfs/objects/verify"}
                known["actions"] = {"upload": upload, "verify": verify}
            objects.append(known)
        return self.as_json({"transfer": "basic", "objects": objects})

    def take(self, repo, revision):
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        head = self.commit(repo, revision).sha
        if not head.startswith(header.get("parentCommit", head)):
            raise _Problem(412, None, "A commit has happened since. Please refresh and try again.")
        files, deleted = {}, set()
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    raise _Problem(400, None, f"the object {value['oid']} was not uploaded")
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                deleted.add(value["path"])
            elif line["key"] == "deletedFolder":
                deleted |= {p for p in repo.at(revision).files if p.startswith(value["path"].rstrip("/") + "/")}
        sha = self.hub.commit(repo.name, files, deleted=deleted, message=header["summary"])
        url = f"{self.hub.url}/{repo.name}/commit/{sha}"
        return self.as_json({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})


def _entry(path, stored):
    """A file as the tree listing shows it."""
    entry = {"type": "file", "oid": stored.oid, "size": len(stored.content), "path": path}
    if stored.large:
        size = len(stored.content)
        entry["lfs"] = {"oid": stored.sha256, "size": size, "pointerSize": len(stored.pointer)}
    return entry


def _handler(hub, name):
    return type(f"{name}_handler", (_Handler,), {"hub": hub, "name": name})
