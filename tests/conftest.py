"""What every test gets: its own state folder, no foreign plugins, a tiny release, and plugins really installed."""

import compileall
import contextlib
import dataclasses
import gc
import importlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a core each; before torch reads it, and for the processes that tests start
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import yaml
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import zoo
from zoo import building, golden, registry
from zoo.conditions import Texts
from zoo.errors import WeightsError
from zoo.model import Model
from zoo.registry import packages, plugins
from zoo.releases import integrity
from zoo.releases.cards import Card
from zoo.spaces import Images

ROOT = Path(__file__).parent.parent
# Not those that a developer happens to have installed; also while tests are collected, one for each release.
os.environ["ZOO_PLUGINS"] = ""

TINY = {"image_size": 8, "channels": 3, "latent_dim": 4, "width": 2}


def _beside(name):
    """A module of this folder, which no test could import otherwise: tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there, and the tests that name it
    spec.loader.exec_module(module)
    return module


_beside("small_models")
_beside("mps")
_beside("chromium")
_beside("launching")


def pytest_addoption(parser):
    parser.addoption("--device", help="Where tests/device computes: cuda, or cpu for a part of it.")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Of ten thousand tests there are a million objects, none of them garbage, which need not be looked through again
    and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def _forget():
    registry.registry.cache_clear()


@pytest.fixture(scope="session")
def known_cards(tmp_path_factory):
    """An index of the cards of this repository, which take longer to parse than most tests take."""
    folder = tmp_path_factory.mktemp("known-cards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(folder))
        zoo.list_models()
    return folder / "cards.json"


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch, known_cards):
    """Nothing is read from or written to the caller's cache, and nothing of the caller's setting counts. Of what zoo
    notes for itself only the index of its own cards is there."""
    home = tmp_path_factory.mktemp("home")
    if known_cards.exists():  # cards of a fresh checkout are not noted in their first second
        os.link(known_cards, home / known_cards.name)
    monkeypatch.setenv("ZOO_HOME", str(home))
    for name in ("ZOO_STRICT_PLUGINS", "ZOO_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZOO_PLUGINS", "")


@pytest.fixture
def python(tmp_path):
    """Run source in a fresh interpreter: `python(source, **environment)` returns what it printed."""

    def run(source, **environment):
        paths = [str(ROOT), environment.pop("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source)],
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site-packages on sys.path, whose plugins are loaded; what was imported from it is forgotten after."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delenv("ZOO_PLUGINS")
    everywhere = packages.entry_points

    def here():
        return [
            (dist, found) for dist, found in everywhere() if dist and tmp_path in Path(dist.locate_file("x")).parents
        ]

    for module in (packages, plugins):
        monkeypatch.setattr(module, "entry_points", here)
    before = set(sys.modules)
    _forget()
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    _forget()


@pytest.fixture
def install_plugin(site):
    """Install a plugin the way pip leaves it: a module, its metadata and an entry point in group zoo.

    `install_plugin("echo", source)` makes the plugin `echo` of the package `zoo-echo`. target: what the entry point
    names, default the module. package: the distribution, if it is to be called something else.
    """

    def install(name, source, *, target=None, package=None, version="1.2"):
        package = package or f"zoo-{name}"
        module = package.replace("-", "_")
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[zoo]\n{name} = {target or module}\n")
        importlib.invalidate_caches()
        _forget()
        return module

    return install


@pytest.fixture
def install_many(site, front):
    """Install plugins as packages, each with ten architectures and ten releases whose cards are as long as real ones.

    `install_many(30)` makes `many00` … `many29`, compiled as pip leaves them. What their targets name is not there.
    """
    measured = [
        {
            "type": f"kind-{i}",
            "name": f"Some distance {i}",
            "value": 1.5 + i,
            "args": {"floor": 0.5, "protocol": "as it was measured, in so many words", "sha256": "0" * 64}
            | dict.fromkeys(("images", "seed", "samples", "batch", "bins", "steps"), i),
        }
        for i in range(8)
    ]
    readme = "".join(f"Line {i} of what the package says about itself, at some length.\n" for i in range(60))

    def install(count):
        for i in range(count):
            name, package = f"many{i:02}", f"zoo_many{i:02}"
            hooks = "from pathlib import Path\nimport zoo\n\n\n"
            hooks += "@zoo.hookimpl\ndef zoo_register_architectures(register):\n"
            for k in range(10):
                (folder := site / package / "cards" / f"{name}-net{k}-data").mkdir(parents=True)
                hooks += f"    register('{name}-net{k}', '{package}.never:Net{k}', family='gans',\n"
                hooks += f"             capabilities=['generate'], summary='made up', default='{folder.name}')\n"
                index = [{"name": folder.name, "results": [{"task": {"type": "made-up"}, "metrics": measured}]}]
                pinned = {"sha256": "0" * 64, "bytes": 9}
                block = {**front["zoo"], "architecture": f"{name}:{name}-net{k}", "weights": pinned}
                text = yaml.safe_dump({**front, "model-index": index, "zoo": block}, sort_keys=False)
                (folder / "README.md").write_text(f"---\n{text}---\n# {folder.name}\n{readme}")
                (folder / "model.safetensors").write_bytes(b"made up")
            hooks += "\n\n@zoo.hookimpl\ndef zoo_register_cards(register):\n"
            hooks += "    register(Path(__file__).parent / 'cards')\n"
            (site / package / "__init__.py").write_text(hooks)
            (info := site / f"{package}-1.2.dist-info").mkdir()
            metadata = f"Metadata-Version: 2.1\nName: zoo-{name}\nVersion: 1.2\n"
            (info / "METADATA").write_text(f"{metadata}\n{readme}")
            (info / "entry_points.txt").write_text(f"[zoo]\n{name} = {package}\n")
        compileall.compile_dir(site, quiet=2)
        importlib.invalidate_caches()
        _forget()

    return install


@pytest.fixture
def front():
    """The front matter of a tiny, valid card."""
    return {
        "license": "apache-2.0",
        "library_name": "generative-zoo",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["zoo", "gans"],
        "datasets": ["made-up"],
        "zoo": {
            "architecture": "dcgan",
            "config": dict(TINY),
            "data": {"name": "made-up", "license": "none", "shape": [3, 8, 8]},
            "training": {"dataset": "image-folder", "steps": 7},
        },
    }


@pytest.fixture
def release(tmp_path, front):
    """A release folder with the untrained weights of a tiny DCGAN, pinned on its card."""
    folder = tmp_path / "tiny-made-up"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = building.create(registry.find_architecture("dcgan"), TINY)
    path = folder / "model.safetensors"
    sha256 = model.save(path)
    block = {"repo": None, "revision": None, "sha256": sha256, "bytes": path.stat().st_size, "dtype": "float32"}
    Card(folder, front, "# Tiny\n").replace(weights=block).write()
    return folder


@pytest.fixture
def path(release):
    """The weights file of the release."""
    return release / "model.safetensors"


@pytest.fixture(scope="session")
def contents():
    """`contents(path)`: tensors and header of a weights file."""

    def contents(path):
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["zoo"])  # noqa: SIM118

    return contents


@pytest.fixture(scope="session")
def repin():
    """`repin(release)`: pin its weights file as it is now on the card, as by an author's mistake."""

    def repin(release):
        path = release / "model.safetensors"
        card = Card.read(release)
        block = {**card.weights, "sha256": integrity.hash_file(path), "bytes": path.stat().st_size}
        card.replace(weights=block).write()

    return repin


@pytest.fixture
def rewrite(release, path, contents, repin):
    """`rewrite(edit)`: change tensors or header of the release's weights file, and pin it."""

    def change(edit):
        state, header = contents(path)
        metadata = {"zoo": edit(state, header) or json.dumps(header)}
        save_file(state, path, metadata=metadata)
        repin(release)

    return change


@pytest.fixture(scope="session")
def refused():
    """`refused(release, error, *words)`: loading raises exactly `error`, whose message names the file and each of
    `words`; the file stays as it is. Returns the message."""

    def refused(release, error, *words):
        path = release / "model.safetensors"
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(WeightsError if issubclass(error, WeightsError) else error) as caught:
            zoo.load(release)
        assert type(caught.value) is error
        for word in (str(path), *words):
            assert word in str(caught.value)
        assert (path.read_bytes() if path.exists() else None) == before
        return str(caught.value)

    return refused


@pytest.fixture
def publishable(release):
    """The tiny release with all that makes it fit to be published."""
    golden.write(zoo.load(release), release / "golden.safetensors")
    Image.new("RGB", (8, 8)).save(release / "samples.png")
    card = Card.read(release)
    body = "# Tiny\n\n![samples](samples.png)\n\n<!-- zoo:measured -->\n<!-- /zoo:measured -->\n"
    card = Card(release, card.front, body).replace(data={**card.zoo["data"], "license": "public domain"})
    card.write()
    return release


@pytest.fixture
def captioned(tmp_path):
    """A folder of 13 pictures, each redder than the one before, and `captions.csv`, whose order is not that of the
    files' names: first a caption for each, then a second one. The longest has six words; their numbers occur once."""
    root = tmp_path / "captioned"
    (root / "more").mkdir(parents=True)
    files = [f"{letter}.png" for letter in "mlkjihgfedcb"] + ["more/a.png"]
    for i, file in enumerate(files):
        Image.new("RGB", (8, 8), (20 * i, 0, 0)).save(root / file)
    first = [f'{file},"{i} parts of red, on black"' for i, file in enumerate(files)]
    second = [f"{file},RED: {100 + i}" for i, file in enumerate(files)]
    (root / "captions.csv").write_text("\n".join(["file,caption", *first, *second]) + "\n")
    return root


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    vocabulary: tuple[str, ...]


class Speller(Model):
    """The embedding of a text is the indices of its words; what it draws is all of the level of the first, out of 255,
    and images are the more like a text the nearer they are to that."""

    config_class = Vocabulary

    def __init__(self, vocabulary, *, words=1, shape=(1, 1, 1)):
        super().__init__(Vocabulary(tuple(vocabulary)))
        self.space, self.latent_shape = Images(shape), (1,)
        self.condition = Texts(self.config.vocabulary, words, words)
        self.weight = nn.Parameter(torch.ones(()))

    def _embed(self, indices):
        return self.weight * indices.float()

    def _decode(self, z, condition):
        return condition[:, :1, None, None].expand(-1, *self.space.shape) / 255

    def similarity(self, images, texts):
        return -(255 * images[:, 0, 0, :1] - texts[:, 0]).abs()


@pytest.fixture
def first_captions(monkeypatch):
    """Of the captions of an image the first is chosen."""
    monkeypatch.setattr("zoo.models._text._chosen", lambda captions: [own[0] for own in captions])


@pytest.fixture(scope="session")
def speller():
    """The class `Speller`, a model conditioned on texts of which all is known: `speller(vocabulary, words=1)`."""
    return Speller


@pytest.fixture(scope="session")
def perturbed():
    """`perturbed(module, size=0.1)`: the module in eval mode, with noise of that size added to every parameter, since
    many start at zero."""

    def perturb(module, size=0.1, seed=0):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(size * torch.randn(parameter.shape, generator=generator).to(parameter))
        return module.eval()

    return perturb


@pytest.fixture(scope="session")
def log_det_by_autograd():
    """`log_det_by_autograd(function, x)`: log |det| (n,) of the full Jacobian at each of `x`, of a function of batches
    that treats each sample alone."""

    def compute(function, x):
        def at(row):
            matrix = torch.autograd.functional.jacobian(lambda one: function(one[None])[0], row)
            return torch.linalg.slogdet(matrix.reshape(row.numel(), row.numel())).logabsdet

        return torch.stack([at(row) for row in x.detach()])

    return compute


@pytest.fixture
def little_room():
    """`with little_room(1000):` no file of this process grows beyond so many bytes; what is written then fails
    half-way, as on a full disk."""
    resource = pytest.importorskip("resource")  # not on Windows

    @contextlib.contextmanager
    def limit(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture(scope="session")
def hub_server():
    """The module tests/hub_server.py."""
    return _beside("hub_server")


@pytest.fixture
def no_sockets(monkeypatch):
    """Call it, and whoever makes a socket from then on fails; so does the test, for clients swallow errors."""
    opened = []

    def refuse(*args, **kwargs):
        opened.append(args)
        raise AssertionError("a socket was opened")

    def block():
        for name in ("socket", "create_connection", "getaddrinfo"):
            monkeypatch.setattr(socket, name, refuse)

    yield block
    assert opened == []


@pytest.fixture
def hub(hub_server, tmp_path, monkeypatch):
    """A `HubServer` with huggingface_hub's client pointed at it: here, and by the environment in subprocesses.

    The client's cache, `hub.cache`, is empty; its naps between attempts are noted in `hub.naps` and not slept.
    """
    import huggingface_hub
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import _http

    home = tmp_path / "hf-home"
    with hub_server.HubServer() as server:
        server.cache = home / "hub"
        # The client reads the environment when it is imported, and for this process that has happened.
        here = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(server.cache),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
            "AGENT_HARNESSES_PATH": str(home / ".agent_harnesses.json"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_TELEMETRY": True,
            "HF_HUB_DISABLE_SYMLINKS": False,
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": False,
        }
        for name, value in here.items():
            monkeypatch.setattr(constants, name, value)
        for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))]:
            monkeypatch.delenv(name)
        there = {"HF_ENDPOINT": server.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
        for name, value in (there | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}).items():
            monkeypatch.setenv(name, value)
        for module in (_http, file_download):
            monkeypatch.setattr(module, "time", SimpleNamespace(sleep=server.naps.append, time=time.time))
        huggingface_hub.close_session()
        yield server
        huggingface_hub.close_session()
