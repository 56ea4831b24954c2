"""A gallery of releases of all families in a real browser, with all other hosts blocked.

By -m browser: it needs Chromium and Playwright, onnxruntime-web from npm or zoo's cache, and minutes for the exports.
"""

import pytest
import torch
from chromium import entering, onnxruntime, served

import zoo
from zoo import images, releases
from zoo.data.dataset import TensorDataset
from zoo.reports.gallery import building, codes

NAMES = (
    "dcgan-celeba",
    "cgan-fashion-mnist",
    "infogan-mnist",
    "vae-mnist",
    "denoising-autoencoder-mnist",
    "flow-2d-two-moons",
    "wgan-gp-gaussian-ring",
    "pix2pix-facades",
    "srresnet-bsd200",
    "stylegan-lite-celeba",
    "progan-celeba",
    "conv-autoencoder-fashion-mnist",
    "cgan-celeba",
    "stackgan-emoji",
    "context-encoder-celeba",
)


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    """The folder of a fresh site, and its address."""
    folder = tmp_path_factory.mktemp("gallery") / "site"
    digits = images.quantise(zoo.load("gan-mnist").generate(200, seed=0))
    held_out = TensorDataset("mnist", "test", digits, labels=torch.arange(200) % 10, classes=tuple("0123456789"))
    chosen = {name: releases.find(name) for name in NAMES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes, "splits", lambda card, root: (None, held_out))
        built = building.build(chosen, folder, source=onnxruntime(), data={"mnist": folder}, quiet=True)
    assert not built.refused
    with served(folder) as address:
        yield folder, address


@pytest.fixture
def room(browser, gallery):
    """`room(name)`: its page."""
    with browser.new_context() as context, entering(context, gallery[1]) as enter:
        yield enter


@pytest.fixture
def touched(browser, gallery):
    """`touched(name)`: its page on a phone, whose screen takes fingers."""
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True}
    with browser.new_context(**phone) as context, entering(context, gallery[1]) as enter:
        yield enter


@pytest.fixture
def room_of(browser, tmp_path):
    """`room_of(name, refused)`: the page of a release in a gallery of it alone, built with the plugins that are
    installed; refused: methods of which there is no graph."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    with served(folder) as address, browser.new_context() as context, entering(context, address) as enter:

        def build(name, refused=()):
            release = releases.find(name)
            built = building.build({release.name: release}, folder, source=onnxruntime(), quiet=True)
            assert [sentence.partition(" of ")[0] for sentence in built.refused.get(name, [])] == list(refused)
            return enter(release.name)

        yield build
