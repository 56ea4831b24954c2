"""Weight sources of plugins: asked after the Hub's cache and before the Hub, verified like it, and free to fail."""

import re
import shutil
import textwrap
from pathlib import Path

import pytest

import zoo
from zoo import cli, registry, releases
from zoo.errors import (
    CardError,
    ChecksumMismatch,
    HubUnreachable,
    NotSafetensors,
    Offline,
    PluginError,
    TruncatedWeights,
    WeightsError,
)
from zoo.releases import files, integrity
from zoo.releases.cards import Card

ROOT = Path(__file__).parents[2]
WEIGHTS, SECRET = "model.safetensors", "hf_member"

PLUGIN = """
import zoo
from zoo import registry

@zoo.hookimpl
def zoo_register_sources(register):
    register("mirror", "{module}_source:mirror", summary="made up")
"""

# Notes what it is asked in a file, for it may be asked in another process.
SOURCE = """
from pathlib import Path

ROOT = Path({root!r})

def mirror(repo, revision, filename, *, offline):
    with open(ROOT / "asked", "a") as notes:
        print(repo, revision, filename, offline, file=notes)
    path = ROOT / repo / revision / filename
{body}
    return path if path.is_file() else None
"""


class Mirror:
    """What a plugin's source serves of the release, in `folder`, and what it was asked."""

    def __init__(self, root, sha):
        self.root, self.folder = root, root / "org" / "tiny" / sha

    @property
    def asked(self):
        """The names of files, in order; with "offline" behind when it was told so."""
        notes = self.root / "asked"
        lines = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
        assert all(line[:2] == ["org/tiny", self.folder.name] for line in lines)
        return [filename if offline == "False" else f"{filename} offline" for _, _, filename, offline in lines]

    def contents(self):
        """Every file in the folder, with its time."""
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.folder.iterdir()}


@pytest.fixture
def sha(hub, publishable):
    """The commit of a whole release in org/tiny."""
    return hub.repo("org/tiny", publishable)


@pytest.fixture
def slim(publishable, sha):
    """The release as a package ships it that leaves all but the card on the Hub."""
    card = Card.read(publishable)
    pinned = card.replace(weights={**card.weights, "repo": "org/tiny", "revision": sha})
    folder = publishable.parent / "slim" / publishable.name
    folder.mkdir(parents=True)
    Card(folder, pinned.front, pinned.body).write()
    return folder


@pytest.fixture
def mirror(install_plugin, site, tmp_path, publishable, sha):
    """`mirror(name, *filenames, body="")` installs a plugin with a mirror of these files of the release, default all,
    and returns its Mirror; body: what the source does before it answers."""

    def install(name="corp", *filenames, body=""):
        made = Mirror(tmp_path / f"share-of-{name}", sha)
        made.folder.mkdir(parents=True)
        for filename in filenames or [path.name for path in publishable.iterdir()]:
            shutil.copy(publishable / filename, made.folder)
        module = install_plugin(name, PLUGIN.format(module=f"zoo_{name}"))
        source = SOURCE.format(root=str(made.root), body=textwrap.indent(body, "    "))
        (site / f"{module}_source.py").write_text(source)
        return made

    return install


def refused(call, cls, *words):
    """`call` raises exactly `cls` with all `words` in its message, which is returned."""
    with pytest.raises(WeightsError if issubclass(cls, WeightsError) else cls) as caught:
        call()
    assert type(caught.value) is cls, caught.value
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def spoil(path):
    """Flip the last bit of the file; returns its sha256 before and after."""
    content, before = path.read_bytes(), integrity.hash_file(path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return before, integrity.hash_file(path)


# A source that has what is asked -------------------------------------------------------------------------------------


def test_weights_come_from_a_mirror_and_the_hub_is_not_asked(hub, slim, sha, publishable, mirror, no_sockets):
    corp = mirror("corp")
    no_sockets()
    model = zoo.load(slim)
    assert (model.generate(2, seed=0) == zoo.load(publishable).generate(2, seed=0)).all()
    where = model.provenance
    assert where.source == f"from the source corp:mirror: {corp.folder / WEIGHTS}"
    assert (where.repo, where.revision, where.sha256) == ("org/tiny", sha, Card.read(slim).weights["sha256"])
    assert corp.asked == [WEIGHTS]
    assert not hub.cache.exists()


def test_an_address_is_served_whole_by_a_mirror(sha, mirror, no_sockets, tmp_path, publishable, capsys, monkeypatch):
    corp, name, copy = mirror("corp"), f"hf:org/tiny@{sha}", tmp_path / "stick" / "tiny"
    before = corp.contents()
    no_sockets()
    assert zoo.load(name).provenance.revision == sha
    assert corp.asked == ["README.md", WEIGHTS]
    assert cli.main(["verify", name]) == 0
    assert cli.main(["info", name]) == 0
    monkeypatch.setenv("ZOO_OFFLINE", "1")  # there is no licence text, which no mirror can say
    assert cli.main(["download", name]) == 0
    assert f"{name}: 4 files, " in capsys.readouterr().out
    assert corp.asked.count(f"{WEIGHTS} offline") == 1
    assert cli.main(["download", name, "--to", str(copy.parent)]) == 0
    assert {path.name for path in copy.iterdir()} == {path.name for path in publishable.iterdir()}
    assert zoo.load(copy).provenance.source.startswith("beside the card")
    assert corp.contents() == before


def test_a_registered_release_is_served_whole(slim, mirror, install_plugin, no_sockets, capsys):
    install_plugin(
        "cards",
        f"import zoo\n@zoo.hookimpl\ndef zoo_register_cards(register): register({str(slim.parent)!r})",
    )
    corp = mirror("corp")
    no_sockets()
    assert zoo.load("tiny-made-up").provenance.source.startswith("from the source corp:mirror")
    assert cli.main(["verify", "tiny-made-up"]) == 0
    assert corp.asked == [WEIGHTS, WEIGHTS, "golden.safetensors"]


def test_a_licence_that_the_card_links_must_be_had(slim, mirror):
    mirror("corp")
    card = Card.read(slim)
    front = {**card.front, "license": "other", "license_name": "own", "license_link": "LICENSE"}
    Card(slim, front, card.body).write()
    release = releases.find(slim)
    refused(lambda: files.collect(release, offline=True), Offline, "LICENSE is not", "corp:mirror has no such file")


def test_a_source_that_downloads_prepares_for_working_offline(slim, mirror, publishable, no_sockets):
    body = f"""
import os, shutil
if not path.is_file() and not offline and (store := Path({str(publishable)!r}) / filename).is_file():
    shutil.copy(store, path.with_name(filename + ".part"))
    os.replace(path.with_name(filename + ".part"), path)
"""
    corp = mirror("corp", "README.md", body=body)
    no_sockets()
    said = refused(lambda: zoo.load(slim, offline=True), Offline, "corp:mirror has no such file", "zoo download")
    assert said.count("corp:mirror") == 1
    files.verified_weights(releases.find(slim))
    assert zoo.load(slim, offline=True).provenance.source.endswith(str(corp.folder / WEIGHTS))
    assert corp.asked == [f"{WEIGHTS} offline", WEIGHTS, f"{WEIGHTS} offline"]


def test_a_source_is_not_imported_for_weights_beside_the_card(publishable, mirror, site, python):
    corp = mirror("corp", body="raise SystemExit('asked')")
    used = python(
        f"""
        import sys
        from zoo import registry, releases
        from zoo.releases import files
        registry.registry()
        print(files.verified_weights(releases.find({str(publishable)!r}))[1])
        assert "zoo_corp" in sys.modules
        assert not {{"zoo_corp_source", "huggingface_hub", "torch"}} & set(sys.modules)
        """,
        PYTHONPATH=str(site),
    )
    assert used == f"beside the card: {publishable / WEIGHTS}\n"
    assert corp.asked == []


def test_a_mirror_needs_no_torch(slim, mirror, site, python):
    mirror("corp")
    used = python(
        f"""
        import sys
        from zoo import registry, releases
        from zoo.releases import files
        print(files.verified_weights(releases.find({str(slim)!r}))[1])
        assert "torch" not in sys.modules
        """,
        PYTHONPATH=str(site),
    )
    assert used.startswith("from the source corp:mirror: ")


def test_what_is_in_the_hubs_cache_comes_before_a_source(slim, sha, hub, mirror):
    zoo.load(slim)
    corp = mirror("corp")
    assert zoo.load(slim).provenance.source.startswith("in the Hub's cache")
    assert corp.asked == []


def test_what_a_mirror_has_not_is_downloaded(hub, slim, mirror):
    corp = mirror("corp", "README.md")
    assert zoo.load(slim).provenance.source.startswith(f"downloaded from hf:org/tiny@{corp.folder.name}: {hub.cache}")
    assert corp.asked == [WEIGHTS]


def test_sources_are_asked_in_the_order_of_their_packages(slim, mirror, no_sockets):
    second, first = mirror("b"), mirror("a")
    no_sockets()
    assert zoo.load(slim).provenance.source.startswith("from the source a:mirror")
    assert (first.asked, second.asked) == ([WEIGHTS], [])
    (first.folder / WEIGHTS).unlink()
    assert zoo.load(slim).provenance.source.startswith("from the source b:mirror")
    assert (first.asked, second.asked) == ([WEIGHTS] * 2, [WEIGHTS])


def test_the_command_line_shows_the_sources_of_a_plugin(mirror, capsys):
    mirror("corp")
    assert cli.main(["plugins"]) == 0
    assert re.search(r"weight sources:? +mirror|mirror.*weight sources", capsys.readouterr().out)


def test_what_a_source_gives_is_hashed_every_time(slim, mirror, monkeypatch):
    corp, hashed, real = mirror("corp"), [], integrity.hash_file
    monkeypatch.setattr(integrity, "hash_file", lambda path: hashed.append(path) or real(path))
    for _ in range(2):
        zoo.load(slim)
    assert hashed == [corp.folder / WEIGHTS] * 2


def test_a_path_that_is_relative_is_that_of_the_moment(sha, mirror, tmp_path, monkeypatch, no_sockets):
    corp = mirror("corp", body="path = path.relative_to(Path.cwd())")
    monkeypatch.chdir(tmp_path)
    no_sockets()
    release = releases.find(f"hf:org/tiny@{sha}")
    monkeypatch.chdir("/")
    assert release.folder == corp.folder


# A source that has something else ------------------------------------------------------------------------------------


def test_a_changed_file_names_its_source_and_both_hashes_and_is_left_alone(hub, slim, sha, mirror):
    corp = mirror("corp")
    before, after = spoil(corp.folder / WEIGHTS)
    there = corp.contents()
    for name in (slim, f"hf:org/tiny@{sha}"):
        words = (
            before,
            after,
            str(corp.folder / WEIGHTS),
            "source corp:mirror",
            "left as it is",
            "pip uninstall zoo-corp",
        )
        said = refused(lambda name=name: zoo.load(name), ChecksumMismatch, *words)
        assert "set aside" not in said
    assert corp.contents() == there
    assert hub.requests == []  # the Hub has a good one, but somebody should know


@pytest.mark.parametrize(
    ("change", "cls"),
    [
        (lambda content: content[:-8], TruncatedWeights),
        (lambda content: b"", TruncatedWeights),
        (lambda content: b"<html>Log in to the store</html>", NotSafetensors),
        (lambda content: b"\x80\x04" + content, NotSafetensors),
    ],
)
def test_a_file_of_another_kind_or_length(slim, mirror, change, cls):
    corp = mirror("corp")
    (corp.folder / WEIGHTS).write_bytes(change((corp.folder / WEIGHTS).read_bytes()))
    there = corp.contents()
    refused(lambda: zoo.load(slim), cls, "It came from the source corp:mirror", "left as it is. Repair it there")
    assert corp.contents() == there


@pytest.mark.parametrize("name", ["slim", "address"])
def test_golden_tensors_that_broke_off(slim, sha, mirror, name):
    corp = mirror("corp")
    path = corp.folder / "golden.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    release = releases.find(slim if name == "slim" else f"hf:org/tiny@{sha}")
    refused(lambda: files.optional_file(release, path.name), TruncatedWeights, "It came from the source corp:mirror")
    assert path.exists()


def test_a_card_that_is_none(sha, mirror):
    corp = mirror("corp")
    (corp.folder / "README.md").write_text("# Tiny\n")
    said = refused(lambda: zoo.info(f"hf:org/tiny@{sha}"), CardError, "holds no release of zoo", "source corp:mirror")
    assert "zoo cache rm" not in said


# A source that fails -------------------------------------------------------------------------------------------------

FAILURES = {
    "raises": ("raise ConnectionError('the bucket is down')", "ConnectionError: the bucket is down"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "panics": ("raise type('Panic', (BaseException,), {})('rust')", "Panic: rust"),
    "cannot say what is wrong": ("raise type('Mute', (Exception,), {'__str__': None})", "Mute: its message cannot be"),
    "tells a token": (f"raise OSError('denied for {SECRET}')", "OSError: denied for ***"),
    "returns a string": ("return str(path)", "PluginError: it returned '/"),
    "returns another file": (
        "return path.with_name('README.md')",
        "expected None or the pathlib.Path of a file called",
    ),
    "returns what is not there": ("return path.parent / 'no' / filename", "FileNotFoundError"),
    "returns a folder": ("(ROOT / filename).mkdir(exist_ok=True)\nreturn ROOT / filename", "IsADirectoryError"),
}


@pytest.mark.parametrize(("body", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_it_is_passed_over_with_a_warning_and_named_when_the_hub_fails_too(
    hub, slim, mirror, body, reason, caplog, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    mirror("corp", body=body)
    hub.fault("HEAD", "hub/*", status=503, times=99)
    words = ("it answers 503. Try again later.", "asked before: corp:mirror failed (", reason)
    assert SECRET not in refused(lambda: zoo.load(slim), HubUnreachable, *words)
    caplog.clear()
    hub.faults.clear()
    assert zoo.load(slim).provenance.source.startswith("downloaded from")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("tiny-made-up: the source corp:mirror fails and is passed over: ")
    assert reason in record.getMessage()
    assert SECRET not in record.getMessage()


@pytest.mark.parametrize("source", ["import not_installed_anywhere", "def mirrored(*args, **kwargs): pass"])
def test_one_that_cannot_be_imported_is_passed_over(slim, mirror, site, source, caplog):
    mirror("corp")
    (site / "zoo_corp_source.py").write_text(source)
    assert zoo.load(slim).provenance.source.startswith("downloaded from")
    assert "the target 'zoo_corp_source:mirror' fails with" in caplog.text


def test_a_file_that_may_not_be_read_is_passed_over(slim, mirror, monkeypatch, caplog):
    corp = mirror("corp")
    real = Path.open

    def refuse(self, *args, **kwargs):
        if self == corp.folder / WEIGHTS:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    assert zoo.load(slim).provenance.source.startswith("downloaded from")
    assert "PermissionError" in caplog.text


def test_the_next_source_is_asked_after_one_that_fails(slim, mirror, no_sockets, caplog):
    mirror("a", body="raise OSError('stale file handle')")
    mirror("b")
    no_sockets()
    assert zoo.load(slim).provenance.source.startswith("from the source b:mirror")
    assert "the source a:mirror fails" in caplog.text


def test_when_strict_a_source_that_fails_is_an_error(slim, mirror, monkeypatch):
    mirror("corp", body="raise OSError('stale file handle')")
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    words = ("the source corp:mirror (package zoo-corp) fails: OSError: stale file handle", "without it the source is")
    refused(lambda: zoo.load(slim), PluginError, *words)


def test_an_interruption_is_no_failure(slim, mirror):
    mirror("corp", body="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        zoo.load(slim)


def test_offline_every_source_is_named(slim, mirror, no_sockets):
    mirror("a", body="raise OSError('stale file handle')")
    asked = mirror("b", "README.md")
    no_sockets()
    words = ("a:mirror failed (OSError: stale file handle); b:mirror has no such file.", "zoo download")
    refused(lambda: zoo.load(slim, offline=True), Offline, *words)
    assert asked.asked == [f"{WEIGHTS} offline"]


def test_a_plugin_that_registers_no_source_is_set_aside(slim, install_plugin, caplog):
    source = "import zoo\n@zoo.hookimpl\ndef zoo_register_sources(register): register('mirror', print)"
    install_plugin("corp", source)
    assert zoo.load(slim).provenance.source.startswith("downloaded from")
    broken = next(plugin for plugin in registry.registry().plugins if plugin.name == "corp")
    assert "target of 'mirror' is <built-in function print>" in broken.error
    assert caplog.records == []


def test_a_plugin_that_is_set_aside_for_something_else_is_not_asked(hub, sha, mirror, site):
    corp = mirror("corp")
    hook = "\n@zoo.hookimpl\ndef zoo_register_metrics(register): register('none')\n"
    with (site / "zoo_corp.py").open("a") as module:
        module.write(hook)
    assert zoo.info(f"hf:org/tiny@{sha}").folder.is_relative_to(hub.cache)
    assert corp.asked == []


# What plugins/README.md says -----------------------------------------------------------------------------------------


def test_the_example_for_authors_works(slim, sha, publishable, install_plugin, tmp_path, no_sockets):
    page = (ROOT / "plugins" / "README.md").read_text()
    section = page.partition("### `zoo_register_sources(register)`")[2].partition("\n### ")[0]
    (block,) = re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
    share = tmp_path / "models"
    shutil.copytree(publishable, share / "org" / "tiny" / sha)
    assert "/mnt/models" in block
    install_plugin("corp", block.replace("/mnt/models", str(share)))
    no_sockets()
    assert zoo.load(slim).provenance.source == f"from the source corp:mirror: {share / 'org' / 'tiny' / sha / WEIGHTS}"
