"""The loopback Hub, as huggingface_hub's own client sees it: what the other tests build on."""

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

FILES = {"README.md": b"---\nlicense: mit\n---\n# A card\n", "model.safetensors": bytes(range(256)) * 64}


@pytest.fixture
def sha(hub):
    return hub.repo("org/tiny", FILES)


def test_small_files_come_from_the_hub_and_large_ones_from_the_store_without_the_token(hub, sha):
    for name, content in FILES.items():
        path = hf_hub_download("org/tiny", name, revision=sha, token="hf_member")
        assert f"snapshots/{sha}/{name}" in path
        with open(path, "rb") as file:
            assert file.read() == content
    assert all(r.headers["Authorization"] == "Bearer hf_member" for r in hub.asked("*", "hub/*"))
    assert [r.method for r in hub.asked("*", "store/*")] == ["GET"]
    assert "Authorization" not in hub.asked("*", "store/*")[0].headers


def test_info_tree_and_paths(hub, sha):
    api = HfApi()
    info = api.model_info("org/tiny", files_metadata=True)
    assert (info.sha, info.private, info.gated) == (sha, False, False)
    assert {s.rfilename: s.size for s in info.siblings}["model.safetensors"] == 64 * 256
    assert [c.target_commit for c in api.list_repo_refs("org/tiny").branches] == [sha]
    tree = {file.path: file for file in api.list_repo_tree("org/tiny", revision=sha)}
    assert tree.keys() == {".gitattributes", *FILES}
    assert tree["README.md"].lfs is None
    (again,) = api.get_paths_info("org/tiny", ["model.safetensors", "absent"])
    assert again.lfs.sha256 == tree["model.safetensors"].lfs.sha256


@pytest.mark.parametrize("token", [False, "hf_stranger"])
def test_what_is_private_looks_missing_and_what_is_gated_says_so(hub, token):
    hub.repo("org/private", FILES, private=True)
    hub.repo("org/gated", FILES, gated=True)
    for name in ("org/private", "org/missing"):
        with pytest.raises(RepositoryNotFoundError) as error:
            hf_hub_download(name, "README.md", token=token)
        assert not isinstance(error.value, GatedRepoError)
    with pytest.raises(GatedRepoError):
        hf_hub_download("org/gated", "README.md", token=token)
    assert hf_hub_download("org/private", "README.md", token="hf_member")
    assert hf_hub_download("org/gated", "README.md", token="hf_member")


def test_what_is_not_there(hub, sha):
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("org/tiny", "README.md", revision="0" * 40)
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("org/tiny", "golden.safetensors", revision=sha)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        hf_hub_download("org/tiny", "README.md", revision=sha, token="hf_unknown")


def test_one_commit_of_small_and_large_files(hub):
    api = HfApi(token="hf_member")
    assert api.whoami()["name"] == "member"
    api.create_repo("org/new", private=True)
    api.create_repo("org/new", private=True, exist_ok=True)
    additions = [CommitOperationAdd(name, content) for name, content in FILES.items()]
    done = api.create_commit("org/new", additions, commit_message="Publish")
    repo = hub.repos["org/new"]
    assert repo.private
    assert [commit.message for commit in repo.commits] == ["initial commit", "Publish"]
    assert (done.oid, repo.commits[1].files["README.md"].content) == (repo.commits[1].sha, FILES["README.md"])
    assert "Authorization" not in hub.asked("PUT", "store/*")[0].headers
    assert len(hub.asked("POST", "*/objects/verify")) == 1
    # What is there is not uploaded again; a deletion and the parent that is expected.
    more = [CommitOperationAdd("copy.safetensors", FILES["model.safetensors"]), CommitOperationDelete("README.md")]
    last = api.create_commit("org/new", more, commit_message="More", parent_commit=done.oid)
    assert len(hub.asked("PUT", "store/*")) == 1
    assert repo.at(last.oid).files.keys() == {".gitattributes", "model.safetensors", "copy.safetensors"}
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit("org/new", more[1:], commit_message="x", parent_commit=done.oid)


def test_only_members_write(hub):
    hub.repo("org/tiny", FILES)
    for token in ("hf_stranger", False):
        with pytest.raises(HfHubHTTPError, match=r"rights|password"):
            HfApi(token=token).create_commit(
                "org/tiny", [CommitOperationAdd("README.md", b"---\na: 1\n---\n")], commit_message="x"
            )


def test_a_card_of_broken_yaml_is_refused(hub, sha):
    broken = CommitOperationAdd("README.md", b"---\na: [\n---\n")
    with pytest.raises(ValueError, match="Invalid metadata"):
        HfApi(token="hf_member").create_commit("org/tiny", [broken], commit_message="x")
    assert len(hub.repos["org/tiny"].commits) == 2
