"""`zoo card` and `zoo publish`: what they print, with which status, and what they never print."""

import re
import shutil

import pytest

from zoo import registry
from zoo.hub import publish
from zoo.hub.address import Address
from zoo.releases import networks
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
    assert "has no front matter" in mistake("card", tmp_path)


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
    monkeypatch.setattr(publish, "_behaviour", lambda *_: pytest.fail("checked the release first, which takes time"))
    result = run("publish", publishable, "--repo", REPO)
    assert result.status == 2
    assert result.err == "zoo: publishing needs a token that may write. Log in with hf auth login, or set HF_TOKEN.\n"


def test_a_typing_error_is_told_before_anybody_is_sent_for_a_token(mistake, publishable, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for words in ((publishable, "--repo", "notaname"), ("nowhere", "--repo", "me/x")):
        said = mistake("publish", *words)
        assert "token" not in said
        assert words[2] in said or str(words[0]) in said


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


@pytest.fixture
def two(publishable):
    """Two releases."""
    return [publishable, shutil.copytree(publishable, publishable.parent / "second")]


def test_several_go_to_repositories_by_their_names(run, two, member):
    result = run("publish", *two, "--org", "lab", "--dry-run")
    assert (result.status, result.err) == (0, "")
    assert re.fullmatch(
        r"lab/tiny-made-up: 4 files, \d+ kB\nlab/second: 4 files, \d+ kB\n"
        r"All is well\. Without --dry-run: 8 files, \d+ kB to 2 repositories, in a commit each\.\n",
        result.out,
    )
    assert member.requests == []
    assert run("publish", *two, "--org", "lab").status == 0
    for folder, repo in zip(two, ("lab/tiny-made-up", "lab/second"), strict=True):
        weights = Card.read(folder).weights
        assert (weights["repo"], weights["revision"]) == (repo, member.repos[repo].commits[-1].sha)


def test_only_what_changed_is_checked_and_sent_again(run, two, member, monkeypatch):
    run("publish", *two, "--org", "lab")
    spoil(two[1], tags=["zoo", "new"])
    looked = []
    monkeypatch.setattr(publish, "_behaviour", lambda release: looked.append(release.name) or [])
    result = run("publish", *two, "--org", "lab")
    assert result.status == 0
    assert f"{member.url}/lab/tiny-made-up holds these very files; nothing was sent." in result.out
    assert looked == ["second"]
    assert [len(member.repos[f"lab/{name}"].commits) for name in ("tiny-made-up", "second")] == [2, 3]


@pytest.mark.parametrize("change", ["file", "commit", "gone", "private"])
def test_what_is_not_the_same_there_is_not_taken_for_published(run, publishable, member, change):
    run("publish", publishable, "--repo", REPO)
    if change == "file":
        (publishable / "LICENSE").write_text("free")
    elif change == "commit":
        member.commit(REPO, {"README.md": b"mine"})
    elif change == "gone":
        del member.repos[REPO]
    plan = publish.plan(publishable, REPO)
    assert publish.unchanged(plan, private=change == "private") is None
    assert plan.pinned


def test_a_problem_of_one_keeps_all_from_being_sent(run, two, member):
    spoil(two[1], license="unknown")
    result = run("publish", *two, "--org", "lab")
    assert result.status == 1
    assert result.out.endswith("1 problem; nothing was sent.\n")
    assert member.requests == []


def test_the_feature_networks_are_published_with_all(run, shelf, member, monkeypatch, tmp_path):
    monkeypatch.setattr(networks, "FOLDER", shutil.copytree(networks.FOLDER, tmp_path / "networks"))
    monkeypatch.setattr(publish.Plan, "problems", [])
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: shutil.copytree(shelf, tmp_path / "own"))
    registry.registry.cache_clear()
    result = run("publish", "--all", "--org", "lab")
    assert result.status == 0
    assert networks.page().address == Address(
        "lab/feature-networks", member.repos["lab/feature-networks"].commits[-1].sha
    )
    assert member.repos.keys() == {
        f"lab/{name}" for name in (*(path.name for path in shelf.iterdir()), "feature-networks")
    }
    assert run("publish", "--all", "--org", "lab").out.count("nothing was sent") == 5


def test_a_damaged_feature_network_is_not_published(monkeypatch, tmp_path):
    monkeypatch.setattr(networks, "FOLDER", shutil.copytree(networks.FOLDER, tmp_path / "networks"))
    assert publish.plan_networks("lab/networks").problems == []
    (tmp_path / "networks" / "grey28.safetensors").write_bytes(b"x")
    (tmp_path / "networks" / "colour64.safetensors").unlink()
    assert [problem.split(" is ")[0] for problem in publish.plan_networks("lab/networks").problems] == [
        str(tmp_path / "networks" / f"{name}.safetensors") for name in ("grey28", "colour64")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--org", "lab"], "name release folders, or pass --all"),
        (["here", "--all", "--org", "lab"], "name release folders, or pass --all"),
        (["here"], "--repo org/name, or --org ORG"),
        (["here", "--org", "lab", "--repo", "lab/here"], "--repo org/name, or --org ORG"),
        (["--all", "--repo", "lab/all"], "Pass --org ORG"),
        (["a", "b", "--repo", "lab/all"], "Pass --org ORG"),
        (["a/x", "b/x", "--org", "lab"], "two folders would go to lab/x"),
    ],
)
def test_what_and_where_to_must_be_said_once(mistake, words, said):
    assert said in mistake("publish", *words)


def test_a_folder_that_is_not_there(mistake, member, tmp_path):
    assert "is not a folder" in mistake("publish", tmp_path / "nowhere", "--repo", REPO)
