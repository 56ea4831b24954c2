"""`zoo card` and `zoo publish`: what they print, with which status, and what they never print."""

import re

import pytest

from zoo.hub import publish
from zoo.releases.cards import Card

REPO = "org/tiny"


@pytest.fixture
def member(hub, monkeypatch):
    """A Hub and a token that may write to it; the contract suite has tests of its own."""
    monkeypatch.setenv("HF_TOKEN", "hf_member")
    monkeypatch.setattr(publish, "_behaviour", lambda release: [])
    return hub


def spoil(folder, **front):
    card = Card.read(folder)
    Card(folder, card.front | front, card.body).write()


def test_card_shows_the_file(run, publishable):
    result = run("card", publishable)
    assert (result.status, result.err) == (0, "")
    assert result.out == (publishable / "README.md").read_text()


def test_card_of_a_name(run, shelf):
    assert run("card", "realnvp-mnist").out == (shelf / "realnvp-mnist" / "README.md").read_text()


def test_card_check(run, publishable):
    result = run("card", publishable, "--check")
    assert (result.status, result.err) == (0, "")
    assert result.out == f"{publishable / 'README.md'}: 0 problems.\n"


def test_card_check_tells_every_problem(run, publishable):
    spoil(publishable, license="unknown", pipeline_tag="gan", tags=[])
    result = run("card", publishable, "--check")
    assert (result.status, result.err) == (1, "")
    *problems, last = result.out.splitlines()
    assert [problem.split()[:2] for problem in problems] == [
        ["problem", "license"],
        ["problem", "pipeline_tag"],
        ["problem", "tags"],
    ]
    assert last.endswith("README.md: 3 problems.")


def test_card_without_front_matter_is_a_mistake(mistake, tmp_path):
    (tmp_path / "README.md").write_text("# mine\n")
    assert "has no front matter" in mistake("card", tmp_path, "--check")


def test_a_card_that_is_no_text_is_a_mistake(mistake, tmp_path):
    card = tmp_path / "README.md"
    card.write_bytes(b"# caf\xe9\n")
    assert f"{card} cannot be read: " in mistake("card", tmp_path)
    card.unlink()
    card.symlink_to("/dev/zero")
    assert "README.md" in mistake("card", tmp_path)


def test_card_check_imports_no_torch(python, publishable):
    out = python(f"""
        import sys
        from zoo.cli import main
        assert main(["card", {str(publishable)!r}, "--check"]) == 0
        print("torch" in sys.modules)
    """)
    assert out.endswith("False\n")


def test_dry_run_shows_all_and_sends_nothing(run, publishable, member):
    (publishable / "notes.txt").write_text("mine")
    before = (publishable / "README.md").read_bytes()
    result = run("publish", publishable, "--repo", REPO, "--dry-run")
    assert (result.status, result.err) == (0, "")
    *files, rest, last = result.out.splitlines()
    assert [line.split()[0] for line in files] == list(publish.plan(publishable, REPO).files)
    assert rest == "not sent: notes.txt"
    assert re.fullmatch(r"All is well\. Without --dry-run: 4 files, \d+ kB to org/tiny, in one commit\.", last)
    assert member.requests == []
    assert (publishable / "README.md").read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_problems_are_all_told_and_nothing_is_sent(run, publishable, member, options):
    spoil(publishable, license="unknown")
    (publishable / "samples.png").unlink()
    result = run("publish", publishable, "--repo", REPO, *options)
    assert (result.status, result.err) == (1, "")
    *_, first, second, last = result.out.splitlines()
    assert first.startswith("problem  license is 'unknown'.")
    assert second.startswith("problem  samples.png is not in")
    assert last == "2 problems; nothing was sent."
    assert member.requests == []


def test_publish_tells_where_and_pins_it(run, publishable, member):
    result = run("publish", publishable, "--repo", REPO)
    assert result.status == 0
    revision = member.repos[REPO].commits[-1].sha
    *_, published, pinned, load = result.out.splitlines()
    assert re.fullmatch(rf"Published {member.url}/org/tiny, 4 files, \d+ kB\.", published)
    assert pinned == f"{publishable / 'README.md'} now pins revision {revision}."
    assert load == f'Anywhere else: zoo.load("hf:org/tiny@{revision}")'
    assert Card.read(publishable).weights["revision"] == revision
    assert "hf_member" not in result.out + result.err


def test_publishing_again_says_that_nothing_changed(run, publishable, member):
    run("publish", publishable, "--repo", REPO, "--private")
    result = run("publish", publishable, "--repo", REPO)
    assert result.status == 0
    assert f"{member.url}/org/tiny holds these very files; nothing was sent.\n" in result.out
    assert len(member.repos[REPO].commits) == 2
    assert member.repos[REPO].private


def test_without_a_token(run, publishable, member, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(publish, "plan", lambda *arguments: pytest.fail("checked the release first, which takes time"))
    result = run("publish", publishable, "--repo", REPO)
    assert result.status == 2
    assert result.err == "zoo: publishing needs a token that may write. Log in with hf auth login, or set HF_TOKEN.\n"


def test_a_refused_token_is_not_repeated(run, publishable, member, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    result = run("publish", publishable, "--repo", REPO, "--traceback")
    assert result.status == 2
    assert "zoo: org/tiny was not published, the Hub says 401" in result.err
    assert "hf_wrong" not in result.out + result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--repo", "tiny"], "expected org/name"),
        ([], "--repo"),
        (["--repo", REPO, "--public"], "--public"),
    ],
)
def test_mistakes(mistake, publishable, member, words, said):
    assert said in mistake("publish", publishable, *words)


def test_a_folder_that_is_not_there(mistake, member, tmp_path):
    assert "is not a folder" in mistake("publish", tmp_path / "nowhere", "--repo", REPO)
