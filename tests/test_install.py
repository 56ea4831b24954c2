"""Installing: checkout, editable and normal install find the same cards, and the wheel has all that is needed.

The wheel is built by the build backend itself and installed by pip from the file, so no network is needed. Plugins, as
`zoo plugin new` writes them, come in by pip as well.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import zoo
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


def build(kind, folder):
    """Build the "wheel" or "editable" wheel of the repository into `folder`."""
    source = f"import hatchling.build; print(hatchling.build.build_{kind}({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
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
