"""What can go wrong with the Hub and the way to it: each has an error of its own that says what to do."""

import errno
import importlib
import json
import logging
import os
import re
import shutil
import socket
import threading
import types
from pathlib import Path

import pytest
import torch

import zoo
from zoo import releases
from zoo.errors import (
    AccessDenied,
    DiskFull,
    HubTimeout,
    HubUnreachable,
    Offline,
    RepositoryNotFound,
    RevisionNotFound,
    WeightsError,
    WeightsNotFound,
)
from zoo.hub import answers
from zoo.releases import files

ROOT = Path(__file__).parents[2]
SECRET = "hf_member"
LIBRARY = {"re": re, "json": json}


@pytest.mark.parametrize(("piece", "resumed"), [(128, True), (10 * 2**20, False)])
def test_a_connection_cut_at_half_the_file_is_resumed(hub, slim, original, monkeypatch, piece, resumed):
    # The client writes, and so resumes, in pieces; what is smaller than one begins anew.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", piece)
    size = (slim.parent / "original.safetensors").stat().st_size
    hub.fault("GET", "store/*", cut=0.5)
    model = zoo.load(slim)
    assert all(torch.equal(model.state_dict()[key], original[key]) for key in original)
    first, second = hub.asked("GET", "store/*")
    assert first.headers["Range"] is None
    assert second.headers["Range"] == (f"bytes={size // 2 // piece * piece}-" if resumed else None)


def test_a_connection_that_brings_nothing_is_given_up(hub, slim, refused):
    hub.fault("GET", "store/*", cut=0, times=99)
    refused(slim, HubUnreachable, "cannot be reached", "Check the network")
    assert len(hub.asked("GET", "store/*")) == 6
    assert list(hub.cache.glob("*/blobs/*")) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again_as_the_client_does(hub, slim, status):
    hub.fault("HEAD", "hub/*", status=status, times=4)
    assert zoo.load(slim)
    assert hub.naps == [1, 2]  # after the first contact, and a look into the cache, it waits longer and longer


def test_a_rate_limit_says_how_long_to_wait(hub, slim):
    hub.fault("HEAD", "hub/*", status=429, headers={"ratelimit": '"resolvers";r=0;t=7'}, times=3)
    hub.fault("GET", "store/*", status=429, headers={"Retry-After": "3"})
    assert zoo.load(slim)
    assert hub.naps == [8, 4]


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_stays_busy(hub, slim, status, refused):
    hub.fault("HEAD", "hub/*", status=status, times=99)
    refused(slim, HubUnreachable, f"it answers {status}", "Try again later")
    hub.fault("GET", "hub/api/*", status=status, times=99)
    refused("hf:org/tiny", HubUnreachable, f"it answers {status}", "Try again later")


def test_no_hub_at_all(hub, slim, monkeypatch, refused):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", nowhere)
        template = nowhere + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        refused(slim, HubUnreachable, "cannot be reached", "refused", "Check the network and HF_ENDPOINT")
        refused("hf:org/tiny", HubUnreachable, "cannot be reached", nowhere)
    assert hub.naps == []  # told at once


def test_a_hub_that_does_not_answer_in_time(hub, slim, monkeypatch, refused):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.05)
    hub.fault("*", "hub/*", hold=threading.Event(), times=99)
    refused(slim, HubTimeout, "took too long", "HF_HUB_ETAG_TIMEOUT=60")
    assert len(hub.asked("HEAD", "*")) == 1  # six more, of a minute each, would be the client's way
    refused("hf:org/tiny", HubTimeout, "took too long", "HF_HUB_ETAG_TIMEOUT=60")


def test_a_download_that_stalls(hub, slim, monkeypatch, refused):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.05)
    hub.fault("GET", "store/*", cut=0, hold=threading.Event(), times=99)
    refused(slim, HubTimeout, "took too long", "HF_HUB_DOWNLOAD_TIMEOUT=60")
    assert list(hub.cache.glob("*/blobs/*")) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_left(hub, slim, monkeypatch, number, refused):
    def full(url, file, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    refused(slim, DiskFull, "no space is left", str(hub.cache), "HF_HOME", "zoo cache ls")


def test_a_cache_that_cannot_be_made_is_no_matter_of_the_hub(hub, slim, monkeypatch):
    hub.cache.parent.mkdir()
    hub.cache.write_text("not a folder")
    with pytest.raises(OSError, match=r"hf-home/hub") as caught:
        zoo.load(slim)
    assert not isinstance(caught.value, WeightsError)


# Who may have what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "words"), [(None, "without a token"), ("hf_stranger", "with the token that was sent")]
)
def test_gated_private_and_missing(hub, slim, sha, monkeypatch, token, words, refused):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    hub.repos["org/tiny"].gated = True
    refused(slim, AccessDenied, "it is gated", words, "Log in with hf auth login, or set HF_TOKEN.")
    hub.repos["org/tiny"].private = True
    refused(slim, RepositoryNotFound, "no such repository, or it is private", words, "HF_TOKEN")
    refused("hf:org/tiny", RepositoryNotFound, "no such repository, or it is private", words)
    refused("hf:org/absent@" + sha, RepositoryNotFound, "org/absent")


def test_the_token_of_the_environment_opens_what_is_private_and_is_never_told(hub, slim, monkeypatch, caplog, refused):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr("huggingface_hub.constants.HF_DEBUG", True)
    hub.repos["org/tiny"].private = hub.repos["org/tiny"].gated = True
    assert zoo.load(slim)
    assert zoo.load("hf:org/tiny")
    assert {r.headers["Authorization"] for r in hub.asked("*", "hub/*")} == {f"Bearer {SECRET}"}
    assert all("Authorization" not in r.headers for r in hub.asked("*", "store/*"))
    assert SECRET not in caplog.text
    # Whatever goes wrong, `refused` makes sure that the token is in no message.
    hub.fault("*", "hub/*", status=503, body=b'{"error": "no"}', times=99)
    refused(f"hf:org/tiny@{'1' * 40}", HubUnreachable)
    refused("hf:org/absent", HubUnreachable)
    assert SECRET not in caplog.text


def test_a_token_that_is_not_accepted(hub, slim, monkeypatch, refused):
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    for name in (slim, "hf:org/tiny"):
        assert "hf_expired" not in refused(name, AccessDenied, "access is refused (401)", "hf auth login")


def test_a_token_of_other_letters(hub, slim, monkeypatch, refused):
    monkeypatch.setenv("HF_TOKEN", "hf_schlüssel")
    for name in (slim, "hf:org/tiny"):
        assert "schl" not in refused(name, AccessDenied, "the token has letters that no token has", "set HF_TOKEN")


def test_a_header_of_other_letters_is_not_laid_to_the_token(hub, slim, monkeypatch, refused):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_USER_AGENT_ORIGIN", "schlüssel")
    for name in (slim, "hf:org/tiny"):
        assert "token" not in refused(name, HubUnreachable, "letters that no request may have", "USER_AGENT_ORIGIN")


@pytest.mark.parametrize("mistake", [AttributeError, KeyError, TypeError, ValueError])
def test_a_mistake_of_our_own_is_not_laid_to_the_hub(hub, slim, monkeypatch, mistake):
    # Also within what Python's library is asked to do, and where the client calls us.
    wrong = {
        AttributeError: lambda self, answer: answer.no_such_name,
        KeyError: lambda self, answer: {}["nothing"],
        TypeError: lambda self, answer: re.compile(None),
        ValueError: lambda self, answer: json.loads("{"),
    }[mistake]
    monkeypatch.setattr(answers.Checks, "headers", types.FunctionType(wrong.__code__, vars(answers) | LIBRARY))
    with pytest.raises(mistake):
        zoo.load(slim)


def test_revisions_and_files_that_are_gone(hub, slim, release, pin, refused):
    refused("hf:org/tiny@" + "0" * 40, RevisionNotFound, "org/tiny at revision " + "0" * 40, "Name another")
    refused("hf:org/tiny@v9", RevisionNotFound, "at revision v9")
    pin(slim, hub.commit("org/tiny", {}, deleted=["model.safetensors"]))
    refused(slim, WeightsNotFound, "model.safetensors cannot be had", "has no such file at this revision")


def test_a_card_that_names_no_repository_of_the_hub(hub, slim, pin, refused):
    pin(slim, "0" * 40, repo="not a name")
    refused(slim, RepositoryNotFound, "no repository's name")


# Files that another process removes while they are read -------------------------------------------------------------


@pytest.fixture
def removing(hub, monkeypatch):
    """`removing("module.function", times=1)`: all of the repository vanishes from the cache before each of so many
    calls of the function."""

    def remove(target, times=1):
        module, _, name = target.rpartition(".")
        function, left = getattr(importlib.import_module(module), name), [None] * times

        def call(*args, **kwargs):
            if left:
                left.pop()
                shutil.rmtree(hub.cache / "models--org--tiny", ignore_errors=True)
            return function(*args, **kwargs)

        monkeypatch.setattr(target, call)

    return remove


BETWEEN = {
    "before the card is read": "zoo.releases.cards.read_text",
    "before the weights are verified": "zoo.releases.files.verify",
    "before the weights are read": "zoo.weights.read_tensors",
    "before what was downloaded has its name": "huggingface_hub.file_download._chmod_and_move",
    "before it is written to": "huggingface_hub.file_download.http_get",
}


@pytest.mark.parametrize("when", BETWEEN)
def test_what_vanishes_while_it_is_read_is_downloaded_again(hub, release, sha, removing, when):
    removing(BETWEEN[when])
    model, original = zoo.load(f"hf:org/tiny@{sha}").state_dict(), zoo.load(release).state_dict()
    assert all(torch.equal(model[key], original[key]) for key in original)


def test_what_vanishes_while_it_is_copied_is_downloaded_again(hub, release, sha, removing, tmp_path):
    for copy in ("first", "second"):
        removing("shutil.copyfile")
        assert files.copy_to(releases.find(f"hf:org/tiny@{sha}"), tmp_path / copy)
    for name in ("README.md", "model.safetensors"):
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    assert zoo.load(tmp_path / "second").provenance.release == "second"


def test_golden_tensors_that_vanish_are_downloaded_again(hub, publishable, removing):
    found = releases.find(f"hf:org/tiny@{hub.repo('org/tiny', publishable)}")
    removing("zoo.releases.files.check_layout")
    assert files.optional_file(found, "golden.safetensors").is_file()


def test_what_vanishes_again_and_again_is_said(hub, release, sha, removing, monkeypatch):
    removing("zoo.weights.read_tensors", times=1000)
    with pytest.raises(WeightsNotFound, match=r"model\.safetensors was there and is gone, \d times in a row"):
        zoo.load(f"hf:org/tiny@{sha}")
    assert zoo.load(release)  # beside its card


def test_offline_it_is_said_that_it_is_gone(hub, release, sha, removing):
    zoo.load(f"hf:org/tiny@{sha}")
    removing("zoo.weights.read_tensors")
    with pytest.raises(Offline, match="is not on this machine"):
        zoo.load(f"hf:org/tiny@{sha}", offline=True)
