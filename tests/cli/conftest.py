"""A shelf of four tiny releases under the built-in names, a command line to try on them, and installable plugins."""

import shutil
from dataclasses import dataclass

import pytest
import torch
from PIL import Image

import zoo
from zoo import cli, images, registry
from zoo.releases.cards import Card

SIZES = {
    "dcgan-celeba": ("dcgan", {"image_size": 8, "latent_dim": 4, "width": 2}, "celeba", "other"),
    "cgan-fashion-mnist": (
        "cgan",
        {"image_size": 8, "latent_dim": 4, "width": 2, "classes": ("Sneaker", "T-shirt, top", "Bag")},
        "fashion-mnist",
        "apache-2.0",
    ),
    "vae-fashion-mnist": ("vae", {"image_size": 8, "latent_dim": 4, "width": 2}, "fashion-mnist", "apache-2.0"),
    "realnvp-mnist": (
        "realnvp",
        {"image_shape": (1, 8, 8), "widths": (4,), "checkerboard": 2, "channelwise": 2, "blocks": 1},
        "mnist",
        "apache-2.0",
    ),
}
FRECHET = {"type": "frechet-distance", "name": "Fréchet distance (tiny)", "value": 12.3456, "args": {"floor": 1.5}}
BITS = {"type": "bits-per-dimension", "name": "bits per dimension", "value": 1.0567, "args": {}}
METRICS = {"dcgan-celeba": [FRECHET], "realnvp-mnist": [FRECHET, BITS]}


PAINTER = {
    "vocabulary": ("a", "and", "blue", "circle", "red", "square"),
    "words": 6,
    "text_dim": 6,
    "condition_dim": 3,
    "latent_dim": 4,
    "sketch": (4, 4),
    "refine": (4, 4, 3),
}


def write(folder, architecture, config, dataset="made-up", license="apache-2.0", change=None):
    """An untrained release in `folder`, its weights changed by `change`."""
    name = folder.name
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = zoo.create(architecture, **config)
    if change:
        change(model)
    sha256 = model.save(folder / "model.safetensors")
    size = (folder / "model.safetensors").stat().st_size
    numbers = METRICS.get(name)
    front = {
        "license": license,
        **({"license_name": "celeba-non-commercial-research"} if license == "other" else {}),
        "library_name": "generative-zoo",
        "pipeline_tag": "unconditional-image-generation",
        "tags": [architecture, "faces"] if dataset == "celeba" else [],
        "datasets": [],
        **({"model-index": [{"name": name, "results": [{"metrics": numbers}]}]} if numbers else {}),
        "zoo": {
            "architecture": architecture,
            "config": {key: list(v) if isinstance(v, tuple) else v for key, v in config.items()},
            "data": {"name": dataset, "license": "of the data", "shape": list(model.space.shape)},
            "weights": {"sha256": sha256, "bytes": size},
            "training": {"dataset": "image-folder", "steps": 7},
        },
    }
    Card(folder, front, "# A tiny release\n").write()


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A folder of the four releases, untrained; two have numbers on their cards."""
    root = tmp_path_factory.mktemp("cards")
    for name, (architecture, config, dataset, license) in SIZES.items():
        write(root / name, architecture, config, dataset, license)
    return root


@pytest.fixture(scope="session")
def painter(tmp_path_factory, perturbed):
    """The folder of a StackGAN, 8 × 8 then 16 × 16, whose texts and latents matter as if it were trained."""
    folder = tmp_path_factory.mktemp("painted") / "painter"
    write(folder, "stackgan", PAINTER, change=lambda model: perturbed(model, 0.3))
    return folder


@pytest.fixture(scope="session")
def truncated(tmp_path_factory, perturbed):
    """The folder of a BigGAN-deep whose norms have other statistics at a truncation of 0.5 than at 1."""

    def change(model):
        perturbed(model, 0.3)
        for name, statistics in model.named_buffers():
            if name.endswith(".mean"):
                statistics[1] += 1

    folder = tmp_path_factory.mktemp("cut") / "truncated"
    sizes = {"multipliers": (2, 2), "width": 4, "latent_dim": 3, "embedding_dim": 2, "classes": ("a", "b"), "levels": 3}
    write(folder, "biggan-deep", sizes, change=change)
    return folder


@pytest.fixture
def sharper(tmp_path):
    """The folder of an untrained SRResNet."""
    write(tmp_path / "sharper", "srresnet", {"image_shape": (3, 16, 16), "width": 4, "blocks": 1})
    return tmp_path / "sharper"


@pytest.fixture
def points(tmp_path):
    """The folder of an untrained flow of vectors."""
    write(tmp_path / "points", "flow-2d", {"steps": 1, "width": 4})
    return tmp_path / "points"


@pytest.fixture
def own_shelf(shelf, tmp_path):
    """A copy of the shelf that a test may damage."""
    return shutil.copytree(shelf, tmp_path / "cards")


def _forget():
    registry.registry.cache_clear()


@pytest.fixture
def isolated(shelf, tmp_path, monkeypatch):
    """The tiny shelf in place of the built-in cards, no plugins, and an empty current folder."""
    monkeypatch.setattr("zoo.models.built_in_folder", lambda: shelf)
    for name in ("ZOO_DEBUG", "RANK", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZOO_PLUGINS", "")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("zoo._util.progress.SOON", 3600.0)  # how slow a machine is is not to be told to tests
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    _forget()
    yield
    _forget()


@dataclass(frozen=True)
class Result:
    """What a command left: exit status, stdout and stderr."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(isolated, capsys):
    """Call as `run("generate", "dcgan-celeba", "--seed", "0")`; what `zoo` on the same words does, in this process."""

    def call(*words):
        capsys.readouterr()
        status = cli.main([str(word) for word in words])
        return Result(status, *capsys.readouterr())

    return call


@pytest.fixture
def mistake(run):
    """`run` for what must end with status 2 and one plain sentence; returns the sentence."""

    def call(*words):
        result = run(*words)
        assert result.status == 2, result
        assert result.out == ""
        assert result.err.startswith("zoo: ")
        assert result.err.count("\n") == 1
        assert "Traceback" not in result.err
        return result.err

    return call


@pytest.fixture
def photos(tmp_path):
    """Three grey pictures of 8 × 8 in a folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        Image.linear_gradient("L").resize((8, 8)).rotate(90 * i).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def install(isolated, install_plugin, monkeypatch):
    """`install_plugin`, with plugins switched on."""
    monkeypatch.delenv("ZOO_PLUGINS", raising=False)
    return install_plugin


@pytest.fixture
def vae(shelf, tmp_path):
    """A folder with the tiny VAE, whose card holds out some of the images it was trained on."""
    folder = shutil.copytree(shelf / "vae-fashion-mnist", tmp_path / "vae")
    Card.read(folder).replace(training={"dataset": "image-folder", "holdout": 14, "holdout_seed": 0}).write()
    return folder


@pytest.fixture
def shades(tmp_path):
    """Forty noisy images of 8 × 8."""
    noise = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    (tmp_path / "shades").mkdir()
    for i, picture in enumerate(images.to_pil(noise)):
        picture.save(tmp_path / "shades" / f"{i}.png")
    return tmp_path / "shades"
