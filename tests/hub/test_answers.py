"""Answers that no Hub gives: nothing outside the repository's own cache is written, and nobody waits or reads for ever.

Each is sent by the Hub on loopback to huggingface_hub's own client.
"""

import contextlib
import json
import socket
import threading
from types import SimpleNamespace

import huggingface_hub
import pytest

import zoo
from zoo.errors import HubTimeout, HubUnreachable, WeightsError
from zoo.hub import answers, download
from zoo.hub.address import Address
from zoo.releases.cards import Card

FILE = "hub/org/tiny/resolve/*/model.safetensors"
ETAG = "a" * 40


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_commit_that_is_a_path_is_refused_and_writes_nothing(hub, sha, tmp_path):
    victim = tmp_path / "bashrc"
    victim.write_text("mine")
    up = "../" * 12 + str(victim).lstrip("/")
    told = {"id": "org/tiny", "sha": up, "siblings": []}
    json_like = {"Content-Type": "application/json"}
    hub.fault("GET", "hub/api/models/org/tiny*", times=9, status=200, headers=json_like, body=json.dumps(told).encode())
    hub.fault("HEAD", "hub/org/tiny/*", times=9, status=200, headers={"X-Repo-Commit": "touch PWNED; #", "ETag": ETAG})
    with pytest.raises(HubUnreachable, match=r"its commit is .* expected 40 hexadecimal digits"):
        zoo.load("hf:org/tiny")
    with pytest.raises(HubUnreachable):  # nor is it believed later, offline
        zoo.load("hf:org/tiny", offline=True)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("asked_before", [0, 1], ids=["at once", "after a good answer"])
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Repo-Commit", "touch PWNED; #"),
        ("X-Repo-Commit", "b" * 40),  # a commit, but not the one that was asked for
        ("ETag", '"{planted}"'),
        ("ETag", 'W/"../../../../planted.pth"'),
        ("X-Linked-Etag", '"../../x"'),
        ("X-Linked-Etag", '"' + "a" * 41 + '"'),
        ("Content-Encoding", "gzip"),
    ],
)
def test_headers_that_no_hub_sends_are_refused_and_write_nothing(hub, slim, sha, tmp_path, header, value, asked_before):
    planted = tmp_path / "planted.pth"
    told = {"X-Repo-Commit": sha, "ETag": f'"{ETAG}"', header: value.format(planted=planted)}
    for _ in range(asked_before):
        hub.fault("HEAD", FILE)  # which alone changes nothing
    hub.fault("HEAD", FILE, times=9, status=200, headers=told, body=b"planted")
    hub.fault("GET", FILE, times=9, status=200, body=b"planted")
    before = everything(tmp_path)
    with pytest.raises(HubUnreachable, match=f"its {header} is .*; expected .* Check HF_ENDPOINT"):
        zoo.load(slim)
    assert len(hub.asked("HEAD", FILE)) == 1 + asked_before
    written = {path for path, content in everything(tmp_path).items() if before.get(path) != content}
    assert {path for path in written if "hf-home" not in path.parts and "zoo-home" not in path.parts} == set()
    assert not any(path.read_bytes() == b"planted" for path in written)


def test_a_file_longer_than_its_card_says_is_not_fetched(hub, slim):
    size = Card.read(slim).weights["bytes"]
    hub.fault("HEAD", FILE, times=9, status=200, headers={"X-Linked-Size": str(size + 1)})
    with pytest.raises(HubUnreachable, match=f"{size + 1} bytes or more are sent; expected {size} at most"):
        zoo.load(slim)
    assert hub.asked("GET", FILE) == []


def test_json_is_read_up_to_a_limit(hub, sha):
    body = b'{"id": "' + b"x" * answers.JSON + b'"}'
    json_like = {"Content-Type": "application/json"}
    hub.fault("GET", "hub/api/models/org/tiny*", times=9, status=200, headers=json_like, body=body)
    with pytest.raises(HubUnreachable, match="expected 2000000 at most"):
        download.resolve(Address("org/tiny"), offline=False)


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'{"id": "org/tiny", "sha": null}',
        b"3",
        b'"x"',
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b'{"id": "org/tiny", "siblings": [3]}',
        b'{"siblings": 3}',
    ],
    ids=["null", "list", "no commit", "number", "text", "nothing", "deep", "no text", "siblings", "sibling"],
)
def test_json_of_another_shape_is_not_the_hub_s(hub, sha, body):
    json_like = {"Content-Type": "application/json"}
    hub.fault("GET", "hub/api/models/org/tiny*", times=9, status=200, headers=json_like, body=body)
    with pytest.raises(HubUnreachable, match="is not the Hub"):
        download.resolve(Address("org/tiny"), offline=False)


def test_nobody_waits_as_long_as_a_server_asks(hub, sha):
    hub.fault("GET", "hub/api/models/org/tiny*", times=9, status=429, headers={"Retry-After": "86400"})
    with pytest.raises(HubTimeout, match="asks to come back after 86400 seconds"):
        download.resolve(Address("org/tiny"), offline=False)
    assert hub.naps == []


def test_nobody_waits_for_a_rate_limit_of_a_day_either(hub, sha):
    told = {"RateLimit": '"api";r=0;t=86400', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    hub.fault("GET", "hub/api/models/org/tiny*", times=9, status=429, headers=told)
    with pytest.raises(HubTimeout, match="asks to come back after 86400 seconds"):
        download.resolve(Address("org/tiny"), offline=False)
    assert hub.naps == []


def test_files_come_by_http_where_checks_see_them_and_not_by_xet(hub, slim, monkeypatch):
    """Xet's own client would fetch them from wherever the answer says, as much as it is sent."""
    from huggingface_hub import constants, file_download

    asked = []
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr(file_download, "xet_get", lambda **arguments: asked.append(arguments))
    content = hub.repos["org/tiny"].commits[-1].files["model.safetensors"]
    told = {"X-Repo-Commit": hub.repos["org/tiny"].commits[-1].sha, "X-Linked-Etag": f'"{content.etag}"'}
    told |= {"X-Linked-Size": str(len(content.content)), "X-Xet-Hash": "c" * 64}
    told |= {"Link": f'<{hub.url}/api/xet-read-token>; rel="xet-auth"', "Location": f"{hub.store}/x/{content.sha256}"}
    hub.fault("HEAD", FILE, times=9, status=302, headers=told)
    assert zoo.load(slim)
    assert asked == []


@pytest.mark.parametrize(
    "cookie", ["\xe9=1; Path=/", "a=\xff\xfe", "a=" + "x" * 60_000, "a=b\x1b[2Jc\x7f", "a=b"], ids=range(5)
)
def test_no_cookie_is_taken(hub, sha, monkeypatch, cookie):
    """One whose letters no header may have would make every later request of the process fail."""
    monkeypatch.setenv("HF_TOKEN", "hf_member")
    hub.fault("GET", "hub/api/models/org/tiny*", status=503, headers={"Set-Cookie": cookie})
    with pytest.raises(HubUnreachable, match="503"):
        download.resolve(Address("org/tiny"), offline=False)
    assert download.resolve(Address("org/tiny"), offline=False).revision == sha
    assert [asked for asked in hub.requests if "Cookie" in asked.headers] == []


def test_cookies_of_the_users_own_session_are_sent(hub, sha):
    with answers.checked("tiny"):
        huggingface_hub.get_session().cookies.set("mine", "1")
        download.resolve(Address("org/tiny"), offline=False)
    assert hub.requests[-1].headers["Cookie"] == "mine=1"
    huggingface_hub.close_session()


def endless(size):
    while True:
        yield bytes(size)


def answer(**headers):
    return SimpleNamespace(status_code=200, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_body_without_an_end_is_left_where_it_is_too_long():
    checks = answers.Checks("tiny: model.safetensors", None, 3 * 10**6)
    came = []
    with pytest.raises(HubUnreachable, match="expected 3000000 at most"):
        came.extend(checks.body(answer(), endless(1000)))
    assert sum(map(len, came)) == 3 * 10**6


def test_a_body_that_drips_is_left_and_one_that_flows_is_not(monkeypatch):
    now = [0.0]

    def dripping(size):
        while True:
            now[0] += 1
            yield bytes(size)

    monkeypatch.setattr(answers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    checks = answers.Checks("tiny: model.safetensors", None, 10**6)
    with pytest.raises(HubTimeout, match="61 bytes came in 61 seconds"):
        list(checks.body(answer(), dripping(1)))
    checks.ask()
    with pytest.raises(HubUnreachable, match="expected 1000000 at most"):  # all of it came
        list(checks.body(answer(), dripping(answers.SLOWEST)))
    assert now[0] > 61 + 10**6 / answers.SLOWEST


def test_a_request_that_is_taken_drop_by_drop_is_left(monkeypatch):
    now, taken = [0.0], []

    def write(content, timeout):
        now[0] += 1
        taken.append(timeout)

    monkeypatch.setattr(answers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    stream = SimpleNamespace(read=None, write=write)
    answers._trace("connection.connect_tcp.complete", {"return_value": stream})
    with answers.checked("tiny"):
        for _ in range(61):
            stream.write(b"x")
        with pytest.raises(HubTimeout, match="61 bytes were taken in 61 seconds"):
            stream.write(b"x")
        answers._trace("http11.send_request_body.complete", {})
        stream.write(b"x", timeout=5)  # the next has its own time
    assert taken == [answers.PATIENCE] * 61 + [5]
    stream.write(b"x")  # of somebody else
    assert taken[-1] is None


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ],
    ids=["answers before the answer", "hints", "headers", "a chunk's extensions"],
)
def test_an_answer_whose_body_never_begins_is_left(hub, monkeypatch, first, more):
    """The HTTP library takes 100 kB of these before it gives up, or any number."""
    now = [0.0]

    def slow():
        now[0] += answers.PATIENCE - 10
        return now[0]

    def serve(server):
        with contextlib.suppress(OSError), server.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(first)
            for _ in range(10_000):
                connection.sendall(more)

    monkeypatch.setattr(answers, "time", SimpleNamespace(monotonic=slow))
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        with pytest.raises(HubTimeout, match="0 bytes came in 100 seconds"):
            download.resolve(Address("org/tiny"), offline=False)
        thread.join(10)


def test_only_what_is_asked_here_is_checked(hub, sha):
    """Other libraries of the process use the same session, perhaps at the same time."""
    hub.fault("HEAD", "hub/other", times=9, status=200, headers={"X-Repo-Commit": "v1", "ETag": '"v1"'})
    found = []

    def ask():
        found.append(huggingface_hub.get_session().head(f"{hub.url}/other").headers["ETag"])

    with answers.checked("tiny"):
        with pytest.raises(HubUnreachable):
            ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    ask()
    assert found == ['"v1"', '"v1"']


def test_a_session_made_anew_is_checked_too(hub, sha):
    hub.fault("HEAD", "hub/other", times=9, status=200, headers={"X-Repo-Commit": "v1"})
    with answers.checked("tiny"):
        for _ in range(2):
            with pytest.raises(HubUnreachable):
                huggingface_hub.get_session().head(f"{hub.url}/other")
            huggingface_hub.close_session()  # as the client does after some errors


def test_a_session_of_the_users_own_making_is_kept_and_checked(hub, sha, monkeypatch):
    made = []

    def factory():
        made.append(huggingface_hub.utils._http.default_client_factory())
        made[-1].headers["X-Mine"] = "yes"
        return made[-1]

    huggingface_hub.set_client_factory(factory)
    try:
        hub.fault("GET", "hub/api/models/org/tiny*", times=9, status=200, headers={"X-Repo-Commit": "v1"}, body=b"{}")
        with pytest.raises(WeightsError):
            download.resolve(Address("org/tiny"), offline=False)
        assert made
        assert hub.requests[-1].headers["X-Mine"] == "yes"
    finally:
        huggingface_hub.set_client_factory(huggingface_hub.utils._http.default_client_factory)


@pytest.mark.parametrize("name", ["hf:org/tiny", "hf:org/none"])
def test_what_a_server_warns_of_gives_no_orders_and_tells_no_token(hub, sha, python, name):
    said = {"X-HF-Warning": "topic; mind \x1b[2J\x1b]0;mine\x07 hf_secret"}
    hub.fault("GET", f"hub/api/models/{name[3:]}*", status=404, headers=said)
    shown = python(f"""
        import os
        os.dup2(1, 2)
        os.environ["HF_TOKEN"] = "hf_secret"
        import zoo
        try:
            zoo.load({name!r})
        except zoo.errors.ZooError:
            pass
    """)
    assert "mind \\x1b[2J" in shown
    assert not {"\x1b", "\x07"} & set(shown)
    assert "hf_secret" not in shown
