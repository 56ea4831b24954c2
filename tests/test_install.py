"""Installing: checkout, editable and normal install find the same cards, and the wheel has all that is needed.

The wheel is built by the build backend itself and installed by pip from the file, so no network is needed. Plugins, as
`zoo plugin new` writes them, come in by pip as well. A wheel without weights gets them from the Hub of the tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import zoo
from zoo import registry
from zoo.cli import main
from zoo.hub import publish
from zoo.releases import networks
from zoo.testing import scaffold

ROOT = Path(__file__).parent.parent

REPORT = """
import json, sys, zoo
from zoo.releases.cards import CARD, built_in_folder
print(json.dumps({
    "package": zoo.__file__,
    "cards": str(built_in_folder()),
    "names": zoo.list_models(),
    "texts": {name: (zoo.info(name).folder / CARD).read_text() for name in zoo.list_models()},
    "torch": "torch" in sys.modules,
}))
"""


def build(kind, folder, root=ROOT, **environment):
    """Build the "wheel" or "editable" wheel of the repository in `root` into `folder`."""
    source = f"import hatchling.build; print(hatchling.build.build_{kind}({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def editable(tmp_path_factory):
    return build("editable", tmp_path_factory.mktemp("editable"))


def install(wheel, folder):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(folder), str(wheel)], check=True, capture_output=True
    )


def report(site, cwd):
    """What `zoo` says of itself, installed in the folder `site`, used from the folder `cwd`."""
    # addsitedir reads .pth files, as Python does for site-packages; a copy of zoo installed elsewhere comes later.
    source = f"import site, sys\nsys.path.insert(0, {str(site)!r})\nsite.addsitedir({str(site)!r})\n{REPORT}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def checkout():
    done = subprocess.run([sys.executable, "-c", REPORT], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_normal_install_finds_the_cards_of_the_checkout(wheel, tmp_path):
    install(wheel, tmp_path / "site")
    here, there = checkout(), report(tmp_path / "site", tmp_path)
    assert Path(here["package"]) == ROOT / "zoo" / "__init__.py"
    assert Path(here["cards"]) == ROOT / "cards"
    assert Path(there["package"]) == tmp_path / "site" / "zoo" / "__init__.py"
    assert Path(there["cards"]) == tmp_path / "site" / "zoo" / "cards"
    assert len(here["names"]) >= 4
    assert there["names"] == here["names"]
    assert there["texts"] == here["texts"]
    assert not there["torch"]


def test_an_editable_install_is_the_checkout(editable, tmp_path):
    install(editable, tmp_path / "site")
    # Nothing called zoo beside the .pth file, which could be taken for the package or hold stale cards.
    assert not (tmp_path / "site" / "zoo").exists()
    assert report(tmp_path / "site", tmp_path) == checkout()


def test_the_wheel_holds_everything_that_is_used_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "zoo").rglob("*") if path.is_file()}
    releases = {f"zoo/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "cards").rglob("*") if path.is_file()}
    assert inside == {name for name in package | releases if "__pycache__" not in name}
    assert "zoo/py.typed" in inside
    assert "zoo/nn/networks/grey28.safetensors" in inside
    assert "zoo/cards/dcgan-celeba/README.md" in inside


def test_the_wheel_brings_the_command_and_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        assert "zoo = zoo.__main__:main" in archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
        assert any(name.startswith(f"{info}/licenses/LICENSE") for name in archive.namelist())
    assert f"Version: {zoo.__version__}" in metadata
    assert "Name: generative-zoo" in metadata
    assert "License-Expression: Apache-2.0" in metadata


USE_PLUGINS = """
import zoo
from zoo.cli import main

assert main(["plugins"]) == 0
model = zoo.create("shade", image_shape=(1, 4, 4))
print(type(model).__module__, tuple(model.generate(2, seed=0).shape))
print(type(zoo.create("dcgan", image_size=8, width=2)).__module__)
print(type(zoo.create("thief:dcgan")).__module__)
assert "dcgan-celeba" in zoo.list_models()
"""


def test_plugins_are_installed_by_pip(tmp_path):
    folders = {name: tmp_path / f"zoo-{name}" for name in ("shade", "broken", "thief")}
    for name, folder in folders.items():
        scaffold.write(name, folder)
    (folders["broken"] / "zoo_broken" / "__init__.py").write_text("raise RuntimeError('no such GPU')\n")
    hooks = folders["thief"] / "zoo_thief" / "__init__.py"
    hooks.write_text(hooks.read_text().replace('"thief"', '"dcgan"'))
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    pip = subprocess.run([*command, *options, *map(str, folders.values())], capture_output=True, text=True, check=False)
    assert pip.returncode == 0, pip.stderr
    environment = {name: value for name, value in os.environ.items() if name != "ZOO_PLUGINS"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", USE_PLUGINS],
        env=environment | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(site))), "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *table, made, built_in, qualified = done.stdout.splitlines()
    assert made == "zoo_shade.shade (2, 1, 4, 4)"
    assert built_in.startswith("zoo.models.gans.dcgan")
    assert qualified == "zoo_thief.thief"
    out = "\n".join(table)
    for name in ("shade", "broken", "thief"):
        assert re.search(rf"^{name} .*zoo-{name} 0\.1\.0", out, re.MULTILINE), out
    assert re.search(r"architectures: shade$", out, re.MULTILINE), out
    assert "RuntimeError: no such GPU" in out


# Without weights ------------------------------------------------------------------------------------------------------

SMALL = ("dcgan-fashion-mnist", "flow-2d-two-moons", "wgan-gp-gaussian-ring")  # stand for all
TENSORS = """
import hashlib, json, sys, zoo
from zoo.nn import features
from zoo.errors import ChecksumMismatch

def digest(module):
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()

def load(name, offline):
    try:
        return digest(zoo.load(name, offline=offline))
    except ChecksumMismatch as error:
        return f"ChecksumMismatch: {error}"

offline = "--offline" in sys.argv
told = {name: load(name, offline) for name in zoo.list_models()}
if "--networks" in sys.argv:
    told |= {name: digest(features.load(name)) for name in ("grey28", "colour64")}
print(json.dumps(told))
"""


def tensors(site, cwd, *words, **environment):
    """A hash of the tensors of each release that zoo, installed in `site`, has by name; or why it has not."""
    source = f"import site, sys\nsys.path.insert(0, {str(site)!r})\nsite.addsitedir({str(site)!r})\n{TENSORS}"
    done = subprocess.run(
        [sys.executable, "-c", source, *words],
        cwd=cwd,
        env=os.environ | {"ZOO_PLUGINS": "", "ZOO_HOME": str(cwd / "home")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def source(tmp_path):
    """A copy of the repository with the releases SMALL."""
    root = tmp_path / "source"
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        root.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "zoo", root / "zoo", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SMALL:
        shutil.copytree(ROOT / "cards" / name, root / "cards" / name)
    return root


@pytest.fixture
def publish_all(source, hub, monkeypatch):
    """`zoo publish --all` in the copy; what models do is checked elsewhere, release by release. What it says."""
    monkeypatch.setenv("HF_TOKEN", "hf_member")
    monkeypatch.setenv("ZOO_PLUGINS", "")
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: source / "cards")
    monkeypatch.setattr(networks, "FOLDER", source / "zoo" / "nn" / "networks")
    monkeypatch.setattr(publish, "_behaviour", lambda release: [])
    registry.registry.cache_clear()

    def call(capsys, *words):
        capsys.readouterr()
        assert main(["publish", "--all", "--org", "lab", *words]) == 0
        return capsys.readouterr().out

    yield call
    registry.registry.cache_clear()


def test_a_wheel_without_weights_gets_them_from_the_hub(source, publish_all, hub, hub_server, tmp_path, capsys):
    told = publish_all(capsys, "--dry-run")
    assert "15 files" in told
    assert "to 4 repositories, in a commit each." in told
    assert hub.repos == {}
    publish_all(capsys)
    repos = {f"lab/{name}" for name in (*SMALL, "feature-networks")}
    assert hub.repos.keys() == repos
    assert all(len(repo.commits) == 2 for repo in hub.repos.values())  # the first is the Hub's own
    asked = len(hub.asked("POST"))
    assert publish_all(capsys).count("holds these very files; nothing was sent.") == 4
    assert len(hub.asked("POST")) == asked

    wheel = build("wheel", tmp_path, source, ZOO_WHEEL="thin")
    assert wheel.name == f"generative_zoo-{zoo.__version__}+thin-py3-none-any.whl"
    assert wheel.stat().st_size < 3e6
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".safetensors")]
        assert not [name for name in archive.namelist() if name.startswith("zoo/cards/") and name.endswith(".png")]
        assert {f"zoo/cards/{name}/README.md" for name in SMALL} < set(archive.namelist())
    site = tmp_path / "site"
    install(wheel, site)
    whole = tensors(source, tmp_path, "--networks", ZOO_OFFLINE="1")  # from beside the cards
    assert whole.keys() == {*SMALL, "grey28", "colour64"}

    assert tensors(site, tmp_path, "--networks") == whole
    assert len(hub.asked("GET", "store/*")) == len(whole)
    hub.requests.clear()
    assert tensors(site, tmp_path, "--networks", ZOO_OFFLINE="1") == whole
    assert hub.requests == []

    with hub_server.HubServer() as mirror:
        mirror.repos, mirror.objects = hub.repos, dict(hub.objects)
        changed = hub.repos["lab/flow-2d-two-moons"].commits[-1].files["model.safetensors"]
        mirror.objects[changed.sha256] = changed.content[:-1] + bytes([changed.content[-1] ^ 1])
        there = tensors(site, tmp_path, HF_ENDPOINT=mirror.url, HF_HOME=str(tmp_path / "elsewhere"))
        assert len(mirror.asked("GET", "store/*")) == len(SMALL)
    refused = there.pop("flow-2d-two-moons")
    assert refused.startswith("ChecksumMismatch: ")
    assert changed.sha256 in refused
    assert there == {name: whole[name] for name in there}
    assert len(there) == len(SMALL) - 1
    assert hub.requests == []


def test_a_wheel_that_could_not_get_its_weights_is_not_built(source, tmp_path):
    with pytest.raises(AssertionError, match=r"pin no revision on the Hub.*First: zoo publish --all --org ORG"):
        build("wheel", tmp_path, source, ZOO_WHEEL="thin")
    with pytest.raises(AssertionError, match="ZOO_WHEEL is 'slim'; expected full or thin"):
        build("wheel", tmp_path, source, ZOO_WHEEL="slim")
