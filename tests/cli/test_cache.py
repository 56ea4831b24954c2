"""`zoo cache ls`, `verify` and `rm`: what zoo has in the Hub's cache, and nothing else that is there."""

import errno
import importlib
import json
import os
import shutil

import pytest
from huggingface_hub import hf_hub_download

import zoo
from zoo import registry, releases
from zoo.releases import cached as caches
from zoo.releases import files
from zoo.releases.cards import Card


@pytest.fixture(params=["symbolic links", "copies"])
def links(request, hub, monkeypatch):
    """Whether symbolic links are allowed where the cache is."""

    def refuse(*args, **kwargs):
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param == "copies":
        monkeypatch.setattr(os, "symlink", refuse)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_SYMLINKS_WARNING", True)  # zoo's own are silent
    return request.param == "symbolic links"


@pytest.fixture
def cached(hub, release, run):
    """Two commits of org/tiny, the later one on main, and a model of somebody else; returns the two commits."""
    first = hub.repo("org/tiny", release)
    second = hub.commit("org/tiny", {"LICENSE": b"free"})
    for name in (f"hf:org/tiny@{first}", "hf:org/tiny@main"):
        files.verified_weights(releases.find(name))
    foreign = hub.repo("org/foreign", {"README.md": b"---\nlicense: mit\n---\n", "config.json": b"{}"})
    hf_hub_download("org/foreign", "config.json", revision=foreign)
    hf_hub_download("org/foreign", "README.md", revision=foreign)
    return first, second


def weights_of(hub, commit):
    (path,) = hub.cache.glob(f"*/snapshots/{commit}/model.safetensors")
    return path


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_ls(run, hub, cached):
    said = run("cache", "ls")
    rows = [line.split() for line in said.out.splitlines()]
    assert sorted(row[1:] for row in rows if row and row[0] == "hf:org/tiny") == sorted(
        [[cached[0][:12], "–", "–", "yes", *rows[1][-2:]], [cached[1][:12], "main", "–", "yes", *rows[1][-2:]]]
    )
    assert "foreign" not in said.out
    assert said.out.splitlines()[-1].startswith("2 releases, ")
    assert said.out.splitlines()[-1].endswith(f"in {hub.cache}")


def test_ls_as_json(run, hub, cached):
    found = json.loads(run("cache", "ls", "--json").out)
    assert {entry["name"]: entry["refs"] for entry in found} == {
        f"hf:org/tiny@{cached[0]}": [],
        f"hf:org/tiny@{cached[1]}": ["main"],
    }
    assert all(entry["files"] == ["README.md", "model.safetensors"] for entry in found)


def test_an_empty_cache(run, hub):
    for command in ("ls", "verify"):
        said = run("cache", command)
        assert (said.status, said.out) == (0, "")
        assert said.err == f"No release is in the Hub's cache {hub.cache}.\n"
    assert run("cache", "ls", "--json").out == "[]\n"
    assert run("cache", "rm", "--all").out == "– are free again.\n"


def test_weights_without_a_card_are_known_by_the_card_that_pins_them(run, hub, release, monkeypatch):
    sha = hub.repo("org/tiny", release)
    card = Card.read(release)
    card.replace(weights={**card.weights, "repo": "org/tiny", "revision": sha}).write()
    (release / "model.safetensors").unlink()
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: release.parent)
    registry.registry.cache_clear()
    files.verified_weights(releases.find("tiny-made-up"))
    assert run("cache", "ls").out.splitlines()[1].split()[:5] == ["hf:org/tiny", sha[:12], "–", "tiny-made-up", "yes"]
    assert run("cache", "verify", "tiny-made-up").out == f"ok      hf:org/tiny@{sha}: sha256 {card.weights['sha256']}\n"
    damage(weights_of(hub, sha))
    assert run("cache", "verify").status == 1
    assert run("cache", "rm", "tiny-made-up").out.startswith(f"Removed hf:org/tiny@{sha} (")
    assert json.loads(run("cache", "ls", "--json").out) == []


def test_verify_hashes_anew_and_sets_aside_what_is_damaged(run, hub, links, cached):
    assert [line[:8] for line in run("cache", "verify").out.splitlines()] == ["ok      "] * 2
    path = weights_of(hub, cached[1])
    stat, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    said = run("cache", "verify")
    assert said.status == 1
    (failed,) = [line for line in said.out.splitlines() if line.startswith("failed")]
    assert "hf:org/tiny@" in failed
    assert "set aside as" in failed
    assert len(json.loads(run("cache", "ls", "--json").out)) == 2
    assert len(list(hub.cache.rglob("*.rejected"))) == 1
    assert files.verified_weights(releases.find("hf:org/tiny@main"))
    assert path.read_bytes() == content


def test_what_is_left_over_is_shown_and_removed_with_its_repository(run, hub, links, cached):
    damage(weights_of(hub, cached[1]))
    run("cache", "verify")
    (hub.cache / "models--org--tiny" / "blobs").mkdir(exist_ok=True)
    (hub.cache / "models--org--tiny" / "blobs" / "0123.4567.incomplete").write_bytes(b"half")
    said = run("cache", "ls")
    assert "1 file set aside as damaged" in said.err
    assert "1 file left by broken-off downloads" in said.err
    run("cache", "rm", f"hf:org/tiny@{cached[1]}")
    assert not any(hub.cache.rglob("*.incomplete"))
    assert not any(hub.cache.rglob("*.rejected"))


def test_rm_one_commit_leaves_the_other(run, hub, links, cached):
    dry = run("cache", "rm", f"hf:org/tiny@{cached[0][:8]}", "--dry-run")
    assert dry.out.startswith(f"Would remove hf:org/tiny@{cached[0]} (")
    assert weights_of(hub, cached[0]).is_file()
    assert run("cache", "rm", f"hf:org/tiny@{cached[0][:8]}").out.startswith(f"Removed hf:org/tiny@{cached[0]} (")
    assert releases.find(f"hf:org/tiny@{cached[1]}", offline=True)
    with pytest.raises(zoo.errors.Offline):
        releases.find(f"hf:org/tiny@{cached[0]}", offline=True)


@pytest.mark.parametrize("words", [("hf:org/tiny",), ("--all",), ("hf:org/tiny@main", "hf:org/tiny")])
def test_rm_removes_all_of_a_repository_and_nothing_of_others(run, hub, cached, words):
    assert run("cache", "rm", *words).status == 0
    assert sorted(path.name for path in hub.cache.glob("models--*")) == ["models--org--foreign"]
    assert len(list(hub.cache.glob("models--org--foreign/snapshots/*/*"))) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say which: name them, or pass --all"),
        (("hf:org/tiny", "--all"), "say which: name them, or pass --all"),
        (("hf:org/tinny",), "is not in the Hub's cache"),
        (("hf:org/foreign",), "Did you mean 'hf:org/tiny'? See zoo cache ls."),
        (("dcgan-celeba",), "dcgan-celeba is not in the Hub's cache"),
        (("dcgan-celebb",), "no release or architecture is called"),
    ],
)
def test_rm_of_what_is_not_there(mistake, cached, words, said):
    assert said in mistake("cache", "rm", *words)


@pytest.mark.parametrize("target", ["zoo.releases.cached.verify", "zoo.releases.cards.read_text"])
def test_verify_of_what_another_process_removes_meanwhile(run, hub, cached, monkeypatch, target):
    module, _, name = target.rpartition(".")
    function = getattr(importlib.import_module(module), name)

    def call(*args, **kwargs):
        if not looking:
            shutil.rmtree(hub.cache / "models--org--tiny", ignore_errors=True)
        return function(*args, **kwargs)

    looking, contents = [True], caches.contents

    def look():
        try:
            return contents()
        finally:
            looking.clear()

    monkeypatch.setattr(target, call)
    monkeypatch.setattr(caches, "contents", look)
    said = run("cache", "verify")
    assert (said.status, said.err) == (0, "")
    assert said.out.count("no weights cached") == 2
    assert caches.total([hub.cache / "nothing"]) == 0


def test_what_galleries_keep_is_listed_and_removed_with_all(run, hub, tmp_path, monkeypatch):
    home = tmp_path / "zoo-home"
    monkeypatch.setenv("ZOO_HOME", str(home))
    elsewhere = tmp_path / "elsewhere"
    for path in (home / "gallery" / "0" / "a.onnx", home / "onnxruntime-web-1" / "ort.wasm", home / "notes", elsewhere):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    (home / "onnxruntime-web-2").symlink_to(tmp_path)
    said = run("cache", "ls").err
    said = " ".join(said.split())
    assert f"2 files of decoded images and galleries, 2 kB, in {home}; zoo cache rm --all removes them." in said
    assert "2 kB would be free again." in run("cache", "rm", "--all", "--dry-run").out
    assert (home / "gallery" / "0" / "a.onnx").is_file()
    assert "2 kB are free again." in run("cache", "rm", "--all").out
    assert {path.name for path in home.iterdir()} - {"cards.json"} == {"notes", "onnxruntime-web-2"}
    assert elsewhere.is_file()
    assert "and galleries" not in run("cache", "ls").err
