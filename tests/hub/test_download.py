"""From the Hub to a model: downloads, the cache, offline, and every way in which it can go wrong.

Driven by huggingface_hub's own client against the Hub on loopback of hub_server.py.
"""

import errno
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import zoo
from zoo import registry, releases
from zoo.errors import (
    CardError,
    ChecksumMismatch,
    ConfigError,
    HubUnreachable,
    NotSafetensors,
    Offline,
    TruncatedWeights,
    UnknownArchitecture,
    WeightsNotFound,
)
from zoo.hub import download as hubs
from zoo.releases.cards import Card

ROOT = Path(__file__).parents[2]
SECRET = "hf_member"


def spawn(source, *, start=subprocess.run, **options):
    """Python source in a process of its own, with the environment that the fixture `hub` set."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(source)]
    return start(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


# A release whose weights are on the Hub ------------------------------------------------------------------------------


def test_weights_that_are_not_beside_the_card_are_downloaded_once(hub, slim, sha, original):
    model = zoo.load(slim)
    tensors = model.state_dict()
    assert tensors.keys() == original.keys()
    assert all(torch.equal(tensors[key], original[key]) for key in original)
    provenance = model.provenance
    assert (provenance.repo, provenance.revision) == ("org/tiny", sha)
    assert provenance.sha256 == Card.read(slim).weights["sha256"]
    assert provenance.source.startswith(f"downloaded from hf:org/tiny@{sha}: {hub.cache}")
    assert len(hub.asked("GET", "store/*")) == 1


def test_what_is_cached_at_a_commit_is_loaded_without_asking(hub, slim, no_sockets, monkeypatch):
    zoo.load(slim)
    # With telemetry on, the client would ask the Hub about agents before it looked into its cache.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr("huggingface_hub.utils._detect_agent._registry", None)
    no_sockets()
    before = {path: path.lstat().st_mtime_ns for path in hub.cache.rglob("*")}
    assert zoo.load(slim).provenance.source.startswith(f"in the Hub's cache: {hub.cache}")
    # Nor is anything written, so the cache may be on a share that nobody may write to.
    assert {path: path.lstat().st_mtime_ns for path in hub.cache.rglob("*")} == before


def test_a_file_beside_the_card_comes_first_and_needs_no_client(slim, sha, python):
    shutil.copy(slim.parent / "original.safetensors", slim / "model.safetensors")
    used = python(f"""
        import sys
        from zoo import registry, releases
        from zoo.releases import files
        print(files.verified_weights(releases.find({str(slim)!r}))[1])
        assert not {{"huggingface_hub", "torch"}} & set(sys.modules)
    """)
    assert used == f"beside the card: {slim / 'model.safetensors'}\n"


def test_a_release_of_the_registry_is_downloaded_too(hub, slim, monkeypatch):
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: slim.parent)
    registry.registry.cache_clear()
    try:
        assert zoo.load("tiny-made-up").provenance.release == "tiny-made-up"
    finally:
        registry.registry.cache_clear()
    assert len(hub.asked("GET", "store/*")) == 1


# A repository by its address -----------------------------------------------------------------------------------------


def test_any_repository_that_holds_a_release(hub, sha, release):
    model = zoo.load(f"hf:org/tiny@{sha}")
    assert (model.provenance.release, model.provenance.repo) == (f"hf:org/tiny@{sha}", "org/tiny")
    assert model.provenance.revision == sha
    assert (model.generate(2, seed=0) == zoo.load(release).generate(2, seed=0)).all()
    assert hub.asked("*", "hub/api/models/*") == []  # a commit needs no resolving


def test_without_a_revision_one_is_resolved_once_and_told(hub, sha, caplog):
    model = zoo.load("hf:org/tiny")
    assert model.provenance.revision == sha
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert f"the head of main is commit {sha}. To get the same again, load hf:org/tiny@{sha}" in caplog.text
    assert len(hub.asked("*", "hub/api/models/*")) == 1
    assert all(sha in r.path for r in hub.asked("*", "hub/*resolve*"))


def test_a_branch_is_resolved_to_what_it_means_now(hub, sha, release, caplog):
    assert zoo.load("hf:org/tiny@main").provenance.revision == sha
    newer = hub.commit("org/tiny", {"LICENSE": b"free"})
    assert zoo.load("hf:org/tiny@main").provenance.revision == newer
    assert zoo.load(f"hf:org/tiny@{sha[:10]}").provenance.revision == sha
    assert caplog.records == []  # nobody is surprised
    assert len(hub.asked("GET", "store/*")) == 1  # the same file


def test_info_reads_the_card_alone(hub, sha):
    found = zoo.info(f"hf:org/tiny@{sha}")
    assert (found.name, found.architecture.name, found.card.dataset) == (f"hf:org/tiny@{sha}", "dcgan", "made-up")
    assert hub.asked("*", "store/*") == []


def test_a_repository_without_a_release(hub, refused):
    hub.repo("org/other", {"README.md": b"---\nlicense: mit\n---\n"})
    with pytest.raises(CardError, match=r"hf:org/other@\w{40} holds no release of zoo: .* lacks .*zoo cache rm"):
        zoo.load("hf:org/other")
    hub.repo("org/empty", {})
    refused("hf:org/empty", WeightsNotFound, "README.md cannot be had from org/empty at revision", "no such file")


# What a downloaded file must be --------------------------------------------------------------------------------------


def test_a_server_that_lies_is_caught_and_asked_again_by_the_next_call(hub, slim, original, refused):
    content = (slim.parent / "original.safetensors").read_bytes()
    lie = content[:-1] + bytes([content[-1] ^ 1])
    hub.fault("GET", "store/*", body=lie)
    said = refused(slim, ChecksumMismatch, f"({len(content)} bytes)", Card.read(slim).weights["sha256"], "not loaded")
    assert hashlib.sha256(lie).hexdigest() in said
    aside = Path(said.partition("set aside as ")[2].partition(";")[0])
    assert aside.read_bytes() == lie
    assert aside.name.endswith(".rejected")
    assert "the next call downloads it again" in said
    assert hubs.cached(releases.find(slim).address, "model.safetensors") is None
    again = zoo.load(slim)
    assert all(torch.equal(again.state_dict()[key], original[key]) for key in original)
    assert len(hub.asked("GET", "store/*")) == 2


def other(folder, **changes):
    """Content like that of a release, with another header."""
    tensors = load_file(folder.parent / "original.safetensors")
    header = {"architecture": "dcgan", "config": {"image_size": 8, "channels": 3, "latent_dim": 4, "width": 2}}
    save_file(tensors, folder.parent / "other.safetensors", metadata={"zoo": json.dumps(header | changes)})
    return (folder.parent / "other.safetensors").read_bytes()


PAGE = b"<!doctype html><title>Log in to the network</title>"


@pytest.mark.parametrize(
    ("content", "cls", "word"),
    [
        (lambda folder: PAGE, NotSafetensors, "is a web page"),
        (lambda folder: pickle.dumps({"weight": [1.0] * 99}), NotSafetensors, "is a pickle"),
        (lambda folder: b"version https://git-lfs.github.com/spec/v1\n", NotSafetensors, "a pointer, not weights"),
        (lambda folder: (folder.parent / "original.safetensors").read_bytes()[:-8], TruncatedWeights, "bytes, but"),
    ],
)
def test_what_was_published_is_not_what_it_should_be(hub, slim, content, cls, word, pin, refused):
    # An honest Hub with a wrong file: etag and length are those of what it serves.
    pin(slim, hub.commit("org/tiny", {"model.safetensors": content(slim)}))
    refused(slim, cls, word, "set aside as", "the next call downloads it again")
    assert len(list(hub.cache.glob("*/blobs/*.rejected"))) == 1
    assert list(hub.cache.glob("*/snapshots/*/model.safetensors")) == []


@pytest.mark.parametrize(
    ("changes", "cls", "words"),
    [
        ({"architecture": "os:system"}, UnknownArchitecture, ("'os:system'", "not a registered architecture")),
        ({"config": {"image_size": 8, "colour": True}}, ConfigError, ("no field 'colour'",)),
    ],
)
def test_a_header_that_zoo_does_not_know(hub, slim, changes, cls, words):
    content = other(slim, **changes)
    card = Card.read(slim)
    commit = hub.commit("org/tiny", {"model.safetensors": content})
    block = {"revision": commit, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    card.replace(weights={**card.weights, **block}).write()
    with pytest.raises(cls) as caught:
        zoo.load(slim)
    assert all(word in str(caught.value) for word in words)


def test_a_page_in_place_of_the_weights(hub, slim, refused):
    # Not of the length that was announced, as on a network that wants a log-in.
    hub.fault("GET", "store/*", body=PAGE)
    refused(slim, TruncatedWeights, "model.safetensors cannot be had", "should be of size", f"has size {len(PAGE)}")
    assert zoo.load(slim)


def test_something_else_answers_in_place_of_the_hub(hub, slim, refused):
    hub.fault("*", "hub/*", status=200, body=PAGE, headers={"Content-Type": "text/html"}, times=9)
    refused(slim, HubUnreachable, "what answers is not the Hub", "log-in page", "HF_ENDPOINT")
    refused("hf:org/tiny", HubUnreachable, "what answers is not the Hub")


def test_a_file_that_was_damaged_in_the_cache(hub, slim, refused):
    zoo.load(slim)
    (path,) = hub.cache.glob("*/snapshots/*/model.safetensors")
    stat, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a restored backup would be
    refused(slim, ChecksumMismatch, "set aside")
    assert zoo.load(slim)


def test_a_bad_file_in_a_cache_that_cannot_be_written(hub, slim, monkeypatch, refused):
    zoo.load(slim)
    (path,) = hub.cache.glob("*/snapshots/*/model.safetensors")
    path.write_bytes(PAGE)

    def refuse(self, target):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refuse)
    refused(slim, NotSafetensors, f"cannot be set aside (Read-only file system): remove {path}, then try again.")
    assert path.read_bytes() == PAGE


# Offline -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["offline=True", "ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def offline(request, monkeypatch, no_sockets):
    """Forbid network access in one of three ways, and make sure that nobody tries; returns options for zoo.load."""

    def forbid():
        no_sockets()
        if request.param == "offline=True":
            return {"offline": True}
        monkeypatch.setenv(request.param, "1")
        return {}

    return forbid


def test_offline_with_the_file(hub, slim, sha, offline, caplog):
    zoo.load(slim)
    zoo.load("hf:org/tiny")
    options = offline()
    assert zoo.load(slim, **options).provenance.revision == sha
    assert zoo.load(f"hf:org/tiny@{sha}", **options).provenance.revision == sha
    caplog.clear()
    assert zoo.load("hf:org/tiny", **options).provenance.revision == sha
    assert f"the head of main is commit {sha} when it was last asked for" in caplog.text


def test_offline_without_the_file(hub, slim, sha, offline, refused):
    options = offline()
    where = ("tiny-made-up", str(slim), str(hub.cache), "offline mode is on", f"zoo download hf:org/tiny@{sha} ")
    refused(slim, Offline, *where, **options)
    name = f"hf:org/tiny@{sha}"
    refused(name, Offline, "README.md is not on this machine", str(hub.cache), f"zoo download {name}", **options)
    refused("hf:org/tiny", Offline, "offline mode is on", str(hub.cache), "zoo download hf:org/tiny", **options)


def test_offline_a_branch_that_was_never_asked_for_names_the_commits_at_hand(hub, sha, offline, refused):
    zoo.load(f"hf:org/tiny@{sha}")
    refused("hf:org/tiny", Offline, f"This machine has hf:org/tiny@{sha}.", **offline())


def test_offline_the_card_alone_does_not_help(hub, sha, offline, refused):
    zoo.info(f"hf:org/tiny@{sha}")
    refused(f"hf:org/tiny@{sha}", Offline, "model.safetensors is not on this machine", **offline())


def test_unreachable_is_as_good_as_offline_for_a_branch_that_is_known(hub, sha, caplog):
    zoo.load("hf:org/tiny")
    hub.fault("*", "*", status=503, times=99)
    caplog.clear()
    assert zoo.load("hf:org/tiny").provenance.revision == sha
    assert "Could not reach the Hub" in caplog.text


# The environment, several processes, broken-off ones -----------------------------------------------------------------

# Without torch, whose import would take longer than all the rest.
OBTAIN = """
from zoo import releases
from zoo.releases import files
print(files.verified_weights(releases.find({!r}))[2])
"""


def test_mirror_home_and_token_are_those_of_the_environment(hub, slim, sha, tmp_path):
    hub.repos["org/tiny"].private = True
    done = spawn(OBTAIN.format("hf:org/tiny"), env={"HF_HOME": str(tmp_path / "elsewhere"), "HF_TOKEN": SECRET})
    assert done.stdout.split() == [Card.read(slim).weights["sha256"]], done.stderr
    assert SECRET not in done.stderr
    assert f"hf:org/tiny@{sha}" in done.stderr  # the log message is seen without any configuration
    assert len(list((tmp_path / "elsewhere" / "hub").glob("*/snapshots/*/model.safetensors"))) == 1
    assert not hub.cache.exists()


def test_eight_processes_download_once(hub, slim, sha):
    # The download waits until all eight have asked for the file.
    first = hub.fault("GET", "store/*", hold=threading.Event())
    source = f"""
        import os, sys
        from zoo import registry, releases
        from zoo.releases import files
        import huggingface_hub.file_download  # once for all
        children = []
        for _ in range(8):
            if (child := os.fork()) == 0:
                os.write(1, files.verified_weights(releases.find({str(slim)!r}))[2].encode() + b"\\n")  # in one piece
                os._exit(0)
            children.append(child)
        sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
    """
    process = spawn(source, start=subprocess.Popen)
    assert hub.until(16, "HEAD", "hub/*/resolve/*")  # the first contact, and the client's own
    first.hold.set()
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.split() == [Card.read(slim).weights["sha256"]] * 8
    assert len(hub.asked("GET", "store/*")) == 1


def test_killed_in_the_middle_of_a_download(hub, slim, sha):
    part = hub.fault("GET", "store/*", cut=0.5, hold=threading.Event())
    process = spawn(OBTAIN.format(str(slim)), start=subprocess.Popen)
    assert part.reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    part.hold.set()
    assert list(hub.cache.glob("*/snapshots/*/model.safetensors")) == []
    assert zoo.load(slim).provenance.revision == sha
    assert "Range" not in hub.asked("GET", "store/*")[-1].headers  # begun anew


def test_where_symbolic_links_are_not_allowed(hub, slim, sha, monkeypatch, refused):
    def refuse(*args, **kwargs):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    for name in (slim, f"hf:org/tiny@{sha}"):
        assert zoo.load(name).provenance.revision == sha
    (path,) = hub.cache.glob("*/snapshots/*/model.safetensors")
    assert not path.is_symlink()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused(slim, ChecksumMismatch, "set aside as", "model.safetensors.rejected")
    assert zoo.load(slim)
    assert path.read_bytes() == content
