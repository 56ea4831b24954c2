"""Chromium, driven by Playwright, on pages of a folder that is served, with all other hosts blocked; what is done there
and seen; and where its models' runtime is. A test that asks for what is not there is skipped."""

import io
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import images
from zoo.errors import HubUnreachable, Offline
from zoo.reports.gallery import runtime, serving

PATIENCE = 120_000  # milliseconds until a picture is there, on a machine with other things to do
LEVELS = 2.0  # of 255, on average, that pixels may be off: weights are float16


def onnxruntime():
    """The folder of the runtime."""
    try:
        return runtime.fetched()
    except (Offline, HubUnreachable) as error:
        pytest.skip(str(error))


@contextmanager
def _chromium():
    """Playwright's kind of browser, and the keywords of its `launch`."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="there is no Playwright: pip install playwright")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium, {"executable_path": path, "args": ["--no-sandbox"]}


@contextmanager
def browsing():
    """A browser."""
    with _chromium() as (kind, how), kind.launch(**how) as browser:
        yield browser


@contextmanager
def returning(profile):
    """A context of a browser that keeps what it has seen in the folder `profile`, as people's do."""
    with _chromium() as (kind, how), kind.launch_persistent_context(profile, **how) as context:
        yield context


@contextmanager
def served(folder):
    """The address at which a folder is served."""
    with serving.server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{serving.HOST}:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextmanager
def entering(context, address):
    """`enter(name)`: the page below `address`, in a browser that reaches no other host and may complain of nothing."""
    faults = []

    def allow(route):
        if route.request.url.startswith((address, "blob:")):
            return route.continue_()
        faults.append(f"asks for {route.request.url}")
        return route.abort()

    context.route("**/*", allow)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))

    def enter(name):
        page.goto(f"{address}{name}/")
        return page

    yield enter
    assert faults == []


def levels(page, canvas):
    """The pixels of a canvas, (height, width, 3)."""
    source = "c => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    height, width, *values = page.eval_on_selector(f"#{canvas}", source)
    return np.array(values, dtype=float).reshape(height, width, 4)[..., :3]


def off(page, canvas, expected):
    """By how many levels a canvas is off `expected`, images side by side, on average."""
    wanted = torch.cat(list(images.quantise(expected)), 2).permute(1, 2, 0).numpy().astype(float)
    got = levels(page, canvas)
    assert got.shape[:2] == wanted.shape[:2]
    return np.abs(got - wanted).mean()


def seed(page, value, drawn=1):
    page.fill("#seed", str(value))
    page.press("#seed", "Enter")
    page.wait_for_selector(f"#draw[data-drawn='{drawn}']")


def drag(page, id, value):
    """Move a range input."""
    page.eval_on_selector(f"#{id}", f"e => {{ e.value = {value}; e.dispatchEvent(new Event('input')); }}")


def bring(page, picture, name="picture.png", kind="PNG"):
    """Choose a picture, or bytes, as a file."""
    content = picture
    if isinstance(picture, Image.Image):
        picture.save(file := io.BytesIO(), kind)
        content = file.getvalue()
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})


def finger(page, element, *ways):
    """Put a finger on a place of an element, (x, y) from its upper left corner, and draw it to others, then lift it."""
    element.scroll_into_view_if_needed()
    box, session = element.bounding_box(), page.context.new_cdp_session(page)
    for kind, (x, y) in zip(["touchStart", *["touchMove"] * (len(ways) - 1)], ways, strict=True):
        point = {"x": box["x"] + x, "y": box["y"] + y}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
