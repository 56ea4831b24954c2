"""Publishing: what is refused before anything is sent, what one commit holds, and what a failure leaves behind."""

import hashlib
import json
import logging
import os
import shutil
import socket
import threading
import types
import warnings

import httpcore2 as httpcore
import pytest
import torch
from huggingface_hub import constants

import zoo
from zoo import golden
from zoo.errors import AccessDenied, CardError, HubUnreachable, InvalidInput, PublishError, WeightsNotFound
from zoo.hub import answers, publish
from zoo.hub.answers import JSON
from zoo.models.gans.dcgan import DCGAN
from zoo.releases.cards import Card

REPO = "org/tiny"


@pytest.fixture
def no_sockets(monkeypatch):
    """Whoever opens a socket fails; so does the test, for the client swallows errors."""
    opened = []

    def refuse(*arguments, **options):
        opened.append(arguments)
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert opened == []


@pytest.fixture
def change(publishable):
    """Change the card of the release: `change(license="mit", **{"zoo.weights.bytes": 1})`."""

    def write(body=None, **changes):
        card = Card.read(publishable)
        for path, value in changes.items():
            *blocks, key = path.split(".")
            place = card.front
            for block in blocks:
                place = place[block]
            place[key] = value
        Card(publishable, card.front, card.body if body is None else body).write()

    return write


@pytest.fixture
def well_behaved(monkeypatch):
    """Plans take the model's behaviour for granted, which has tests of its own and takes time."""
    monkeypatch.setattr(publish, "_behaviour", lambda release: [])


@pytest.fixture
def ready(publishable, hub, well_behaved, monkeypatch):
    """The release, and a member's token."""
    monkeypatch.setenv("HF_TOKEN", "hf_member")
    return publishable


def send(folder, **options):
    return publish.upload(publish.plan(folder, REPO), **options)


# Before anything is sent ----------------------------------------------------------------------------------------------


def test_plan_of_a_good_release(publishable, no_sockets):
    (publishable / "run").mkdir()
    (publishable / "run" / "checkpoint.pt").write_bytes(b"secret")
    (publishable / "notes.txt").write_text("secret")
    before = (publishable / "README.md").read_bytes()
    plan = publish.plan(publishable, REPO)
    assert plan.problems == []
    assert list(plan.files) == ["README.md", "model.safetensors", "golden.safetensors", "samples.png"]
    assert plan.files["model.safetensors"] == (publishable / "model.safetensors").stat().st_size
    assert plan.files["README.md"] == len(plan.card.render().encode())
    assert plan.left_out == ["notes.txt", "run"]
    assert (plan.card.weights["repo"], plan.card.weights["revision"]) == (REPO, None)
    assert (publishable / "README.md").read_bytes() == before


@pytest.mark.parametrize("repo", ["tiny", "org/", "/tiny", "a/b/c", "hf:org/tiny", "org/tiny@main", "org/ti ny", ""])
def test_a_repository_is_an_owner_and_a_name(publishable, repo):
    with pytest.raises(InvalidInput, match="expected org/name"):
        publish.plan(publishable, repo)


def test_a_folder_that_is_no_release(tmp_path):
    with pytest.raises(WeightsNotFound, match="expected a release folder"):
        publish.plan(tmp_path, REPO)
    (tmp_path / "README.md").write_text("# mine\n")
    with pytest.raises(CardError, match="no front matter"):
        publish.plan(tmp_path, REPO)


@pytest.mark.parametrize("licence", ["unknown", ""])
def test_a_licence_is_never_assumed(publishable, well_behaved, change, licence):
    change(license=licence, **{"zoo.data.license": licence})
    weights, data = publish.plan(publishable, REPO).problems
    assert "there is no default" in weights
    assert "zoo.data.license" in data


def test_the_text_of_a_licence_of_its_own_is_sent_too(publishable, well_behaved, change):
    change(license="other", license_name="my-terms", license_link="LICENSE")
    (problem,) = publish.plan(publishable, REPO).problems
    assert "LICENSE is not in" in problem
    (publishable / "LICENSE").write_text("my terms")
    plan = publish.plan(publishable, REPO)
    assert plan.problems == []
    assert plan.files["LICENSE"] == 8


@pytest.mark.parametrize("name", ["golden.safetensors", "samples.png", "model.safetensors"])
def test_every_file_of_a_release_must_be_there(publishable, well_behaved, no_sockets, name):
    (publishable / name).unlink()
    problems = publish.plan(publishable, REPO).problems
    assert f"{name} is not in {publishable}. zoo train writes it." in problems


@pytest.mark.parametrize("name", ["golden.safetensors", "samples.png", "model.safetensors"])
def test_files_keep_their_budgets(publishable, well_behaved, monkeypatch, name):
    size = (publishable / name).stat().st_size
    monkeypatch.setitem(publish.BUDGETS, name, size)
    assert publish.plan(publishable, REPO).problems == []
    monkeypatch.setitem(publish.BUDGETS, name, size - 1)
    assert publish.plan(publishable, REPO).problems == [f"{name} has {size} bytes; a release's may have {size - 1}."]


def test_weights_that_were_trained_elsewhere_are_as_large_as_they_are(publishable, well_behaved, monkeypatch):
    monkeypatch.setitem(publish.BUDGETS, "model.safetensors", 1)
    assert publish.plan(publishable, REPO).problems != []
    Card.read(publishable).replace(origin={"layout": "some-layout"}).write()
    assert publish.plan(publishable, REPO).problems == []


def test_weights_other_than_the_card_s_are_not_even_loaded(publishable, monkeypatch):
    zoo.load(publishable)  # and so noted as verified
    path = publishable / "model.safetensors"
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    monkeypatch.setattr(publish, "_behaviour", lambda release: pytest.fail("was loaded"))
    (problem,) = publish.plan(publishable, REPO).problems
    assert hashlib.sha256(data).hexdigest() in problem
    assert Card.read(publishable).weights["sha256"] in problem


def test_the_number_of_bytes_on_the_card_is_checked(publishable, change):
    size = (publishable / "model.safetensors").stat().st_size
    change(**{"zoo.weights.bytes": size - 1})
    (problem,) = publish.plan(publishable, REPO).problems
    assert f"has {size} bytes" in problem
    assert f"says {size - 1}" in problem


def test_a_model_that_gives_other_results_than_its_golden_tensors(publishable):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        golden.write(zoo.create("dcgan", image_size=8, latent_dim=4, width=2), publishable / "golden.safetensors")
    (problem,) = publish.plan(publishable, REPO).problems
    assert "golden.safetensors by up to" in problem


def test_a_model_that_breaks_the_contract(publishable, monkeypatch):
    monkeypatch.setattr(DCGAN, "_decode", lambda self, z, condition: 2 * self.generator(z))
    golden.write(zoo.load(publishable), publishable / "golden.safetensors")
    assert any(problem.startswith("check_image_range: ") for problem in publish.plan(publishable, REPO).problems)


def test_weights_that_do_not_fit_the_card(publishable, change):
    change(**{"zoo.config.width": 3})
    (problem,) = publish.plan(publishable, REPO).problems
    assert "but its card describes" in problem


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_samples_are_a_picture(publishable, well_behaved, content):
    (publishable / "samples.png").write_bytes(content)
    (problem,) = publish.plan(publishable, REPO).problems
    assert "samples.png is no PNG" in problem


def test_a_plan_with_problems_is_not_carried_out(ready, change, no_sockets):
    change(license="unknown")
    with pytest.raises(PublishError, match="cannot be published: license is 'unknown'"):
        send(ready)


# Upload ---------------------------------------------------------------------------------------------------------------


def test_one_commit_holds_the_release_and_nothing_else(ready, hub):
    (ready / "run").mkdir()
    (ready / "run" / "log.jsonl").write_text("{}")
    (ready / "notes.txt").write_text("mine")
    done = send(ready)
    _, commit = hub.repos[REPO].commits  # the first is the Hub's own
    assert done == publish.Published(REPO, commit.sha, f"{hub.url}/{REPO}", changed=True)
    assert len(hub.asked("POST", "hub/api/models/*/commit/*")) == 1
    files = {name: stored.content for name, stored in commit.files.items() if name != ".gitattributes"}
    assert files.keys() == {"README.md", "model.safetensors", "golden.safetensors", "samples.png"}
    for name in files.keys() - {"README.md"}:
        assert files[name] == (ready / name).read_bytes()
    assert not hub.repos[REPO].private


def test_nothing_is_wrong_where_warnings_are_errors(ready, hub):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert send(ready).changed


def test_the_uploaded_card_names_the_repository_and_the_local_one_the_revision_too(ready, hub, tmp_path):
    original = Card.read(ready)
    done = send(ready)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "README.md").write_bytes(hub.repos[REPO].commits[-1].files["README.md"].content)
    there, here = Card.read(tmp_path / "there"), Card.read(ready)
    assert (there.weights["repo"], there.weights["revision"]) == (REPO, None)
    assert (here.weights["repo"], here.weights["revision"]) == (REPO, done.revision)
    assert here.replace(weights=original.weights) == original
    assert there.body == here.body


def test_publishing_the_same_again_changes_nothing(ready, hub):
    first = send(ready)
    card = (ready / "README.md").read_bytes()
    second = send(ready)
    assert second == publish.Published(REPO, first.revision, first.url, changed=False)
    assert len(hub.repos[REPO].commits) == 2
    assert (ready / "README.md").read_bytes() == card


def test_a_change_is_one_more_commit_of_what_changed(ready, hub, change):
    first = send(ready)
    change(body=Card.read(ready).body + "\nMore words.\n")
    second = send(ready)
    assert second.changed
    assert second.revision != first.revision
    *_, before, after = hub.repos[REPO].commits
    assert {name for name in after.files if after.files[name] != before.files[name]} == {"README.md"}
    sent = hub.asked("POST", "hub/api/models/*/commit/*")[-1].body.splitlines()
    assert [json.loads(line)["value"].get("path") for line in sent][1:] == ["README.md"]


def test_a_private_repository(ready, hub):
    send(ready, private=True)
    assert hub.repos[REPO].private
    send(ready)  # may be left out once it is
    assert hub.repos[REPO].private


def test_a_public_repository_is_not_taken_for_a_private_one(ready, hub):
    hub.repo(REPO)
    with pytest.raises(PublishError, match="exists and is public"):
        send(ready, private=True)
    assert len(hub.repos[REPO].commits) == 1


def test_a_repository_of_something_else_is_left_alone(ready, hub):
    hub.repo(REPO, {"README.md": b"# BERT\n", "config.json": b"{}", "pytorch_model.bin": b"x"})
    card = (ready / "README.md").read_bytes()
    with pytest.raises(PublishError, match=r"no release of zoo: config\.json, pytorch_model\.bin\. Choose another"):
        send(ready)
    assert len(hub.repos[REPO].commits) == 2
    assert (ready / "README.md").read_bytes() == card


def test_a_failure_to_write_the_local_card_tells_the_revision(ready, hub, monkeypatch):
    plan = publish.plan(ready, REPO)

    def fail(self):
        raise OSError("disk full")

    monkeypatch.setattr(Card, "write", fail)
    with pytest.raises(PublishError, match=r"disk full.*zoo\.weights") as caught:
        publish.upload(plan)
    assert hub.repos[REPO].commits[-1].sha in str(caught.value)


# What goes wrong on the way -------------------------------------------------------------------------------------------


@pytest.fixture
def fails(ready, hub, caplog):
    """Upload what cannot be uploaded; returns the message. The card stays, nothing is committed, no token is told."""

    def call(kind=PublishError):
        caplog.set_level(logging.INFO)
        before, plan = (ready / "README.md").read_bytes(), publish.plan(ready, REPO)
        with pytest.raises(kind) as caught:
            publish.upload(plan)
        assert (ready / "README.md").read_bytes() == before
        assert all(len(repo.commits) == 1 for repo in hub.repos.values())
        for said in (str(caught.value), caplog.text):
            assert not any(token in said for token in ("hf_member", "hf_stranger", "hf_wrong"))
        return str(caught.value)

    return call


def test_without_a_token_nothing_is_asked(fails, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert "Log in with hf auth login, or set HF_TOKEN" in fails(AccessDenied)
    assert hub.requests == []


def test_a_token_that_the_hub_does_not_know(fails, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    message = fails(AccessDenied)
    assert "401: Invalid credentials" in message
    assert "log in again" in message


def test_a_token_of_other_letters(fails, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_schlüssel")
    assert "the token has letters that no token has" in fails(AccessDenied)


def test_a_header_of_other_letters_is_not_laid_to_the_token(fails, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_USER_AGENT_ORIGIN", "schlüssel")
    message = fails(HubUnreachable)
    assert "letters that no request may have" in message
    assert "token" not in message


@pytest.mark.parametrize("mistake", [TypeError, UnicodeEncodeError])
def test_a_mistake_of_our_own_is_not_laid_to_the_hub(ready, hub, monkeypatch, mistake):
    wrong = {TypeError: lambda address: len(None), UnicodeEncodeError: lambda address: "ü".encode("ascii")}[mistake]
    monkeypatch.setattr(publish, "is_offline", types.FunctionType(wrong.__code__, vars(publish)))
    plan = publish.plan(ready, REPO)
    with pytest.raises(mistake):
        publish.upload(plan)


@pytest.mark.parametrize("exists", [False, True])
def test_a_token_that_may_not_write(fails, hub, monkeypatch, exists):
    monkeypatch.setenv("HF_TOKEN", "hf_stranger")
    if exists:
        hub.repo(REPO)
    message = fails(AccessDenied)
    assert "403: You don't have the rights" in message
    assert "may not write there" in message


def test_no_network(fails, hub, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    assert "the Hub cannot be reached" in fails(HubUnreachable)


@pytest.mark.parametrize("switch", ["ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_mode(fails, hub, monkeypatch, switch):
    monkeypatch.setenv(switch, "1")
    assert "offline mode is on. Unset ZOO_OFFLINE and HF_HUB_OFFLINE." in fails()
    assert hub.requests == []


@pytest.mark.parametrize("path", ["hub/api/repos/create", "hub/api/models/*/preupload/*", "hub/api/models/*/commit/*"])
def test_a_hub_in_trouble(fails, hub, path):
    hub.fault("POST", path, times=99, status=503, headers={"X-Error-Message": "maintenance"})
    message = fails(HubUnreachable)
    assert "the Hub says 503: maintenance" in message
    assert "later" in message


def test_a_store_in_trouble(fails, hub):
    hub.fault("PUT", "store/*", times=99, status=500)
    message = fails(HubUnreachable)
    assert "sending the files broke off (Error while uploading" in message
    assert "to the Hub. status 500)" in message
    assert hub.store not in message  # there the address is signed


def test_a_hub_that_does_not_answer_in_time(fails, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.05)
    hub.fault("*", "hub/api/models/*", hold=threading.Event(), times=99)
    assert "cannot be reached (timed out)" in fails(HubUnreachable)
    assert len(hub.asked("*", "hub/api/models/*")) == 1
    assert hub.repos == {}


def test_a_commit_of_somebody_else_in_between(fails, hub):
    hub.fault("POST", "hub/api/models/*/commit/*", status=412, headers={"X-Error-Message": "A commit has happened"})
    message = fails()
    assert "412: A commit has happened" in message
    assert "perhaps somebody else changes it" in message


def test_the_commit_is_on_what_was_looked_at(ready, hub):
    send(ready)
    header, *_ = hub.asked("POST", "hub/api/models/*/commit/*")[0].body.splitlines()
    assert json.loads(header)["value"]["parentCommit"] == hub.repos[REPO].commits[0].sha


def test_a_card_that_the_hub_refuses(fails, hub):
    body = json.dumps({"errors": [{"message": '"license" must be one of [apache-2.0]'}], "warnings": []}).encode()
    hub.fault("POST", "hub/api/validate-yaml", status=400, body=body, headers={"Content-Type": "application/json"})
    message = fails()
    assert '"license" must be one of [apache-2.0]' in message
    assert hub.asked("PUT", "*") == []


def test_an_answer_that_is_a_web_page(fails, hub):
    hub.fault("POST", "hub/api/validate-yaml", status=200, body=b"<html>Please log in to the hotel's network</html>")
    assert "what answers is not the Hub" in fails(HubUnreachable)


def _noting(waited, function):
    def noting(self, content, timeout=None):
        if content:
            waited.add(float("inf") if timeout is None else timeout)
        return function(self, content, timeout=timeout)

    return noting


ANSWERS = [  # to all that is asked, of which the files are sent from threads of the client's
    ("GET", "hub/api/models/org/tiny"),
    ("POST", "hub/api/repos/create"),
    ("POST", "hub/api/validate-yaml"),
    ("POST", "hub/api/models/*/preupload/*"),
    ("POST", "hub/*/info/lfs/objects/batch"),
    ("PUT", "store/*"),
    ("POST", "hub/*/info/lfs/objects/verify"),
    ("POST", "hub/api/models/*/commit/*"),
]


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_every_answer_is_read_up_to_a_limit(fails, hub, method, path):
    hub.fault(method, path, times=99, status=200, body=b" " * (JSON + 1), headers={"Content-Type": "application/json"})
    message = fails(HubUnreachable)
    assert "2000001 bytes or more are sent; expected 2000000 at most" in message
    assert "org/tiny was not published: " in message


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_nobody_waits_as_long_as_a_server_asks(fails, hub, method, path):
    hub.fault(method, path, times=99, status=503, headers={"Retry-After": "86400"})
    assert "asks to come back after 86400 seconds" in fails(HubUnreachable)
    assert hub.naps == []


@pytest.mark.parametrize("body", [b"null", b"[]", b"3", b"{}", b"\xff", b"[" * 100_000], ids=range(6))
@pytest.mark.parametrize(("method", "path"), [ANSWERS[0], ANSWERS[1], *ANSWERS[3:5], ANSWERS[7]])
def test_json_of_another_shape_is_not_the_hub_s(fails, hub, method, path, body):
    if path == ANSWERS[0][1]:
        hub.repo(REPO)
        if body == b"{}":  # says that it holds nothing, which a Hub may say
            return
    hub.fault(method, path, times=99, status=200, body=body, headers={"Content-Type": "application/json"})
    assert "what answers is not the Hub" in fails(HubUnreachable)


def test_files_whose_names_are_no_names_are_none_of_a_release(ready, hub):
    send(ready)
    told = {"id": REPO, "sha": Card.read(ready).weights["revision"], "siblings": [{"rfilename": {"a": []}}]}
    json_like = {"Content-Type": "application/json"}
    hub.fault("GET", "hub/api/models/*", status=200, body=json.dumps(told).encode(), headers=json_like)
    assert publish.unchanged(publish.plan(ready, REPO)) is None
    assert hub.faults[-1].times == 0


def test_a_commit_that_is_none_is_not_pinned(fails, hub):
    told = {"commitOid": "main\x1b[2J", "commitUrl": f"{hub.url}/{REPO}/commit/1"}
    hub.fault("POST", "hub/api/models/*/commit/*", status=200, body=json.dumps(told).encode())
    assert "It says that the commit is main\\x1b[2J." in fails(HubUnreachable)


@pytest.mark.parametrize("word", ["read", "write"])
def test_a_connection_is_waited_for_as_long_as_an_answer_may_take(ready, hub, word, monkeypatch):
    """The client itself would wait for ever for all but its first question."""
    waited, stream = set(), httpcore.NetworkStream

    for kind in stream.__subclasses__():
        if word in vars(kind):
            monkeypatch.setattr(kind, word, _noting(waited, vars(kind)[word]))
    send(ready)
    assert 0 < max(waited) <= answers.PATIENCE


def test_a_server_that_repeats_the_token(fails, hub):
    said = {"X-Error-Message": "no rights for Bearer hf_member"}
    hub.fault("POST", "hub/api/models/*/commit/*", status=403, headers=said)
    assert "no rights for Bearer ***" in fails(AccessDenied)


def test_the_token_goes_to_the_hub_only(ready, hub, caplog):
    caplog.set_level(logging.DEBUG)
    send(ready)
    assert "hf_member" not in caplog.text
    assert any("hf_member" in asked.headers.get("Authorization", "") for asked in hub.asked("*", "hub/*"))
    stored = hub.asked("PUT", "store/*")
    assert len(stored) == 2
    assert not any("hf_member" in str(asked.headers) for asked in stored)


def test_after_a_failure_the_next_attempt_succeeds(ready, hub):
    hub.fault("POST", "hub/api/models/*/commit/*", status=500)
    with pytest.raises(HubUnreachable):
        send(ready)
    assert send(ready).changed
    assert len(hub.repos[REPO].commits) == 2


# Round trip -----------------------------------------------------------------------------------------------------------


def assert_same(model, other):
    assert model.state_dict().keys() == other.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])
    assert torch.equal(model.generate(2, seed=0), other.generate(2, seed=0))


@pytest.fixture
def published(publishable, hub, monkeypatch):
    """The release, whole and checked, on the Hub; what was published; and no token any more."""
    monkeypatch.setenv("HF_TOKEN", "hf_member")
    done = send(publishable)
    monkeypatch.delenv("HF_TOKEN")
    shutil.rmtree(hub.cache, ignore_errors=True)
    return done


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_published_loads_from_the_hub(published, publishable, hub, pinned):
    name = f"hf:{REPO}@{published.revision}" if pinned else f"hf:{REPO}"
    model = zoo.load(name)
    assert_same(zoo.load(publishable), model)
    assert (model.provenance.repo, model.provenance.revision) == (REPO, published.revision)
    assert model.provenance.sha256 == Card.read(publishable).weights["sha256"]
    golden.verify(model, publishable / "golden.safetensors")


def test_the_card_alone_leads_to_the_weights(published, publishable, hub, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "tiny-made-up"
    elsewhere.mkdir(parents=True)
    shutil.copy(publishable / "README.md", elsewhere)
    model = zoo.load(elsewhere)
    assert_same(zoo.load(publishable), model)
    assert (model.provenance.repo, model.provenance.revision) == (REPO, published.revision)
    asked = len(hub.requests)
    assert_same(model, zoo.load(elsewhere, offline=True))
    assert len(hub.requests) == asked


def test_what_was_downloaded_can_be_published_as_it_is(published, hub, tmp_path, monkeypatch):
    again = tmp_path / "again" / "tiny-made-up"
    hub_files = hub.repos[REPO].commits[-1].files
    again.mkdir(parents=True)
    for name in set(hub_files) - {".gitattributes"}:
        (again / name).write_bytes(hub_files[name].content)
    monkeypatch.setenv("HF_TOKEN", "hf_member")
    assert send(again) == publish.Published(REPO, published.revision, published.url, changed=False)
