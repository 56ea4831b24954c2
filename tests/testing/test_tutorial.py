"""plugins/README.md is true: every block of code on it is carried out, in order, as a reader would.

- bash: run by bash, each block where the last one ended;
- python: run by python; under the name of a file it is an excerpt of that file, as toml is, and must be in it;
- diff: a change to the file named above it;
- text: what the block before has printed.

The reader's environment is a virtual one of its own, in which zoo and what it needs are at hand and pip reaches no
network; the folder `mnist` holds a small data set in the format of the real one, and the Hub is the one of the tests.
"""

import os
import re
import stat
import struct
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.releases.cards import Card

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "plugins" / "README.md"
WARM = Path(__file__).parents[1] / "warm_python.py"

# The one command shown that is to fail: it tells what the card does not say yet.
FAILING = {"zoo card my-model-mnist --check\n"}
_BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """(file or "", language, text) of every block, all of which are fenced."""
    found = _BLOCK.findall(page)
    assert len(found) * 2 == len(re.findall("^ *```", page, re.MULTILINE))
    assert not re.search("^\n(    |\t)", _BLOCK.sub("", page), re.MULTILINE)
    return found


class Reader:
    """Somebody who does what the page says, from the folder `home` on."""

    def __init__(self, home, environment):
        self.folder, self.environment, self.said = home, environment, ""
        self.where = home / "where"  # the last block of bash has gone to

    def follow(self, file, language, text):
        path = self.folder / file
        if language == "bash":
            self.run("bash", "-euo", "pipefail", "-c", f"trap 'pwd > {self.where}' EXIT\n{text}", fails=text in FAILING)
            self.folder = Path(self.where.read_text().strip())
        elif language in ("python", "toml") and file:
            assert text in path.read_text(), f"{file} does not hold\n{text}"
        elif language == "python":
            self.run("python", "-", given=text)
        elif language == "diff":
            path.write_text(changed(path.read_text(), text))
        elif language == "text":
            assert text in self.said
        else:
            pytest.fail(f"nobody knows what to do with a block of {language!r}:\n{text}")

    def run(self, *command, given="", fails=False):
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        self.said = done.stdout
        assert done.returncode == int(fails), f"{command[-1]}\n{given}\n{done.stdout}\n{done.stderr}"


def changed(text, diff):
    """`text` with the lines marked - in `diff` replaced by those marked + below them."""
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", diff, re.MULTILINE):
        old, new = (re.sub(r"^[-+]", "", lines, flags=re.MULTILINE) for lines in (old, new))
        assert f"\n{text}".count(f"\n{old}") == 1, f"not once in the file: {old}"
        text = f"\n{text}".replace(f"\n{old}", f"\n{new}")[1:]
    return text


@pytest.fixture
def environment(tmp_path, tmp_path_factory, hub, monkeypatch):
    """The variables of a shell in a virtual environment, whose commands are all quick to start."""
    monkeypatch.delenv("ZOO_PLUGINS")
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    # What this interpreter has, the new one has too, but installs into a place of its own.
    parents = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    added = "; ".join(f"site.addsitedir({path!r})" for path in parents)
    (site / "parents.pth").write_text(f"{ROOT}\nimport site; {added}\n")
    socket = tmp_path_factory.mktemp("s") / "s"  # the system wants it short
    for name, words in {"python": "", "pip": "-m pip", "pytest": "-m pytest", "zoo": "-m zoo"}.items():
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\nexec {python} -S -E {WARM} --as {socket} {words} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    settings = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HF_TOKEN": "hf_member",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "OMP_NUM_THREADS": "1",
    }
    heavy = ["torch", "torchvision", "timm.utils", "lightning_fabric", "pytest", "pip._internal.cli.main"]
    server = subprocess.Popen(
        [python, WARM, socket, *heavy], env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout.readline() == "ready\n"
    yield {**os.environ, **settings}
    server.kill()
    server.communicate()


def small_mnist(folder):
    """Write the four files of MNIST, with few images: a bar at a place of its own for every digit."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, n in (("train", 256), ("t10k", 128)):
        labels = torch.arange(n) % 10
        images = torch.randint(0, 60, (n, 28, 28), generator=torch.Generator().manual_seed(n))
        for image, label in zip(images, labels.tolist(), strict=True):
            image[2 * label + 4 : 2 * label + 8, 6:22] += 180
        for kind, header, values in (
            ("images-idx3", (2051, n, 28, 28), images),
            ("labels-idx1", (2049, n), labels),
        ):
            content = struct.pack(f">{len(header)}i", *header) + values.to(torch.uint8).numpy().tobytes()
            (raw / f"{split}-{kind}-ubyte").write_bytes(content)


def test_the_tutorial_does_what_it_says(tmp_path, environment, hub):
    reader = Reader(tmp_path, environment)
    small_mnist(tmp_path / "mnist")
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        reader.follow(*block)
    package = tmp_path / "zoo-my-model"
    card = Card.read(package / "zoo_my_model" / "cards" / "my-model-mnist")
    assert card.weights["repo"] == "your-name/my-model-mnist"
    assert card.weights["revision"] == hub.repos["your-name/my-model-mnist"].commits[-1].sha
    assert card.license == "apache-2.0"
    assert card.metrics
    with Image.open(package / "digits.png") as picture:
        assert min(picture.size) > 4 * 28
    (wheel,) = (package / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if "cards/" in name]
    files = ("README.md", "golden.safetensors", "model.safetensors", "samples.png")
    assert sorted(inside) == [f"zoo_my_model/cards/my-model-mnist/{name}" for name in files]


@pytest.mark.parametrize(
    "hidden", ["```bash\nls\n", "text\n\n    zoo list\n", "- item\n\n  ```bash\n  ls\n  ```\n", "````bash\nls\n````\n"]
)
def test_a_block_that_would_be_overlooked_is_noticed(hidden):
    assert blocks("a\n\n```bash\nls\n```\n\nb\n") == [("", "bash", "ls\n")]
    with pytest.raises(AssertionError):
        blocks(f"a\n\n```bash\nls\n```\n\n{hidden}\n")


def test_a_block_that_is_not_carried_out_is_noticed(tmp_path):
    reader = Reader(tmp_path, dict(os.environ))
    (tmp_path / "file").write_text("a = 1\nb = 2\n")
    reader.follow("", "bash", "mkdir folder\ncd folder\n")
    assert reader.folder == tmp_path / "folder"
    reader.follow("", "bash", "cd ..\necho here\n")
    reader.follow("", "text", "here\n")
    reader.follow("file", "python", "b = 2\n")
    reader.follow("file", "diff", "-b = 2\n+b = 3\n+c = 4\n")
    assert (tmp_path / "file").read_text() == "a = 1\nb = 3\nc = 4\n"
    for wrong in (
        ("", "bash", "false\ntrue\n"),
        ("", "python", "assert False\n"),
        ("", "text", "there\n"),
        ("file", "toml", "b = 2\n"),
        ("file", "diff", "-b = 2\n+b = 3\n"),
    ):
        with pytest.raises(AssertionError):
            reader.follow(*wrong)
    with pytest.raises(pytest.fail.Exception, match="nobody knows"):
        reader.follow("", "yaml", "a: 1\n")
