"""How light a gallery is, and how soon a room shows a picture: at most 0.5 MB for the first view of the hall, and three
seconds for the first picture once the browser has the runtime."""

import statistics

import pytest
from chromium import browsing, entering, onnxruntime, served

from zoo import releases
from zoo.reports.gallery import building, graphs

# The slowest of each kind that a room draws with.
NAMES = ("dcgan-celeba", "vae-mnist", "stylegan-lite-celeba", "flow-2d-two-moons")
FIRST_VIEW = 500_000  # bytes of the hall with all releases, nothing of which is compressed
FIRST_PICTURE = 3.0  # seconds from entering a room, with the runtime in the browser's cache


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    source, folder = onnxruntime(), tmp_path_factory.mktemp("gallery") / "site"
    building.build({name: releases.find(name) for name in NAMES}, folder, source=source, quiet=True)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.mark.parametrize("name", NAMES)
def test_first_picture(benchmark, name, address, browser):
    """From the address to a picture that the model drew; what a visitor waits between is left out."""
    with browser.new_context() as context, entering(context, address) as enter:

        def first():
            page = enter(name)
            page.click("#another")
            page.wait_for_selector("#draw[data-drawn]")

        first()  # the runtime comes
        benchmark.pedantic(first, rounds=3)
    if not benchmark.disabled:
        assert statistics.median(benchmark.stats.stats.data) < FIRST_PICTURE


def test_first_view(benchmark, tmp_path, monkeypatch, browser):
    """Bytes of the hall of all releases until nothing more comes, as the server sends them."""
    monkeypatch.setattr(graphs, "write", lambda *_: ({}, []))  # which are loaded in rooms alone
    chosen = releases.select()
    building.build(chosen, tmp_path / "site", source=onnxruntime(), quiet=True)
    sizes = {}
    with (
        served(tmp_path / "site") as address,
        browser.new_context(viewport={"width": 1200, "height": 900}) as context,
        entering(context, address) as enter,
    ):
        page = enter(".")
        assert page.locator("#cards > li").count() == len(chosen)
        page.on("response", lambda answer: sizes.setdefault(answer.url, len(answer.body())))
        benchmark.pedantic(page.reload, kwargs={"wait_until": "networkidle"}, rounds=1)
    benchmark.extra_info["bytes"] = sum(sizes.values())
    assert 0 < sum(sizes.values()) <= FIRST_VIEW
