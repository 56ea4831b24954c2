"""What an answer of the Hub may be: its headers, its length and its time.

Whatever answers at HF_ENDPOINT, a mirror or whoever sits between, is a stranger. huggingface_hub makes paths of the
commit and the ETag that it is told, reads as much as it is sent and waits as long as it is asked to. Here each answer
is looked at before the client has seen more of it than its status, by a hook of its HTTP session, which every request
goes through: the client's own ones too, after a check made beforehand.

The hook looks at what this thread asks inside `checked`, and at nothing that others in the process ask. It is put in
place at the first call, which has huggingface_hub make its session anew. That session takes no cookies, whoever asks:
the Hub's API needs none, and one with letters that no header may have would make every later request fail.
"""

from __future__ import annotations

import copy
import functools
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.request import Request

from zoo.errors import HubTimeout, HubUnreachable
from zoo.hub.address import COMMIT
from zoo.hub.failures import cleaned_log

JSON = 2 * 10**6  # bytes of an answer of the API, and of whatever is no file
CARD = 10 * 10**6  # bytes of a card, a picture, a licence
PATIENCE = 60.0  # seconds: that an answer may take however little of it comes, and that it may ask to wait
SLOWEST = 4000  # bytes a second, on average, once that time is over

_RESET = re.compile(r"\bt\s*=\s*(\d+)")  # seconds, in the header RateLimit
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_checks: ContextVar[Checks | None] = ContextVar("checks", default=None)


@dataclass
class Checks:
    """What is expected of answers. name: of what is asked for, for messages; commit: the one that files are of, if it
    is known; most: bytes of a file. begun, came: when the answer was asked for, and how many bytes of its body came; of
    the request's went, while that is sent."""

    name: str
    commit: str | None
    most: int
    begun: float = field(default_factory=lambda: time.monotonic())
    came: int = 0

    def ask(self) -> None:
        """Begin with the next answer."""
        self.begun, self.came = time.monotonic(), 0

    def wait(self, did: str = "came") -> None:
        """Raise HubTimeout when the answer comes too slowly, or the request is taken so. A server may send headers
        without an end, or chunks of nothing, of which the body says nothing: this is asked before each piece is read
        from the network or written to it."""
        over = time.monotonic() - self.begun - PATIENCE
        if over > 0 and self.came < SLOWEST * over:
            told = f"{self.came:,} bytes {did} in {over + PATIENCE:.0f} seconds"
            raise HubTimeout(f"{self.name}: {told}. Try again later.")

    def headers(self, answer: Any) -> None:
        """Raise HubUnreachable or HubTimeout for headers that no Hub sends."""
        headers = {name.lower(): value for name, value in answer.headers.items()}
        commit = headers.get("x-repo-commit")
        if commit is not None:
            if not COMMIT.fullmatch(commit) or commit != (self.commit or commit):
                raise self._refused("X-Repo-Commit", commit, self.commit or "40 hexadecimal digits")
            for name in ("X-Linked-Etag", "ETag"):
                etag = headers.get(name.lower())
                if etag is not None and not _HASH.fullmatch(etag.removeprefix("W/").strip('"')):
                    raise self._refused(name, etag, "40 or 64 hexadecimal digits")
        if (coding := headers.get("content-encoding", "identity")) != "identity":
            raise self._refused("Content-Encoding", coding, "none, as was asked for")
        for name in ("content-length", "x-linked-size"):
            if (length := headers.get(name, "")).isdecimal():
                self._count(answer, length)
        for wait in (headers.get("retry-after", ""), *_RESET.findall(headers.get("ratelimit", ""))):
            if wait.isdecimal() and (len(wait) > 9 or int(wait) > PATIENCE):
                raise HubTimeout(f"{self.name}: the Hub asks to come back after {wait[:20]} seconds. Try again then.")

    def body(self, answer: Any, stream: Iterable[bytes]) -> Iterator[bytes]:
        """What comes, as long as it is neither more nor slower than it may be."""
        for chunk in stream:
            self.came += len(chunk)
            self._count(answer, str(self.came))
            self.wait()
            yield chunk

    def _count(self, answer: Any, length: str) -> None:
        most = JSON if answer.status_code >= 400 or "json" in answer.headers.get("Content-Type", "") else self.most
        if len(length) > 18 or int(length) > most:
            raise HubUnreachable(
                f"{self.name}: {length[:20]} bytes or more are sent; expected {most} at most. Check HF_ENDPOINT."
            )

    def _refused(self, header: str, came: str, expected: str) -> HubUnreachable:
        return HubUnreachable(
            f"{self.name}: what answers is not the Hub: its {header} is {came[:100]!r}; expected {expected}. Check "
            "HF_ENDPOINT."
        )


@contextmanager
def checked(name: str, *, commit: str | None = None, most: int = CARD) -> Iterator[None]:
    """What this thread asks through huggingface_hub meanwhile is asked for plainly, and answers are checked.

    Raises in place of the client: HubUnreachable for headers that no Hub sends and for more than `most` bytes (or
    `JSON` bytes of JSON), HubTimeout for what takes too long.
    """
    _hook()
    before = _checks.set(Checks(name, commit, most))
    try:
        yield
    finally:
        _checks.reset(before)


def check_thread(name: str, most: int = CARD) -> None:
    """Have what else this thread asks checked too, as inside `checked`: one that huggingface_hub sends files from."""
    if _checks.get() is None:
        _checks.set(Checks(name, None, most))


class _NoCookies(DefaultCookiePolicy):
    """Takes none; what the user's own session has is sent."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        return False


def _hook() -> None:
    """Have every session of huggingface_hub looked at, also one that it makes anew after an error."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    cleaned_log()
    factory: Any = _http._GLOBAL_CLIENT_FACTORY  # the user's own, or the library's: it has no public reader
    if not getattr(factory, "checks_answers", False):
        make: Any = functools.partial(_with_hooks, factory)
        make.checks_answers = True
        set_client_factory(make)


def _with_hooks(factory: Callable[[], Any]) -> Any:
    client = factory()
    client.cookies.jar.set_policy(_NoCookies())
    hooks = client.event_hooks
    client.event_hooks = {"request": [*hooks["request"], _ask], "response": [_look, *hooks["response"]]}
    return client


def _ask(request: Any) -> None:
    request.extensions.setdefault("trace", _trace)
    if (checks := _checks.get()) is not None:
        checks.ask()
        request.headers["Accept-Encoding"] = "identity"  # so that the bytes that come are all there are


def _trace(event: str, told: dict[str, Any]) -> None:
    """Have a connection waited for no longer than an answer may take, which is asked for when the request is sent."""
    if event.endswith(".send_request_body.complete"):
        if (checks := _checks.get()) is not None:
            checks.ask()
    elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
        stream = told["return_value"]
        read, write = stream.read, stream.write

        def patient(most: int, timeout: float | None = None) -> Any:
            if (checks := _checks.get()) is not None:
                checks.wait()
                timeout = timeout or PATIENCE
            return read(most, timeout=timeout)

        def sent(content: Any, timeout: float | None = None) -> None:
            if content and (checks := _checks.get()) is not None:
                checks.wait("were taken")
                checks.came += len(content)
                timeout = timeout or PATIENCE
            write(content, timeout=timeout)

        stream.read, stream.write = patient, sent


def _look(answer: Any) -> None:
    if (checks := _checks.get()) is not None:
        checks.headers(answer)
        # Xet's client is another, which no hook sees, and fetches from wherever it is told: files come by HTTP.
        for name in [name for name in answer.headers if name.lower() in ("x-xet-hash", "link")]:
            del answer.headers[name]
        answer.stream = _checked_stream(checks, answer)


def _checked_stream(checks: Checks, answer: Any) -> Any:
    """The answer's stream, of the same class to its HTTP library, which looks at that."""
    stream = answer.stream

    class Checked(type(stream)):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            return checks.body(answer, stream)

    checked = copy.copy(stream)
    checked.__class__ = Checked
    return checked
