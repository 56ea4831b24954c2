"""Chromium, driven by Playwright, on pages of a folder that is served, with all other hosts blocked; and where its
models' runtime is. A test that asks for what is not there is skipped."""

import shutil
import threading
from contextlib import contextmanager

import pytest

from zoo.errors import HubUnreachable, Offline
from zoo.reports.gallery import runtime, serving

PATIENCE = 120_000  # milliseconds until a picture is there, on a machine with other things to do


def onnxruntime():
    """The folder of the runtime."""
    try:
        return runtime.fetched()
    except (Offline, HubUnreachable) as error:
        pytest.skip(str(error))


@contextmanager
def browsing():
    """A browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="there is no Playwright: pip install playwright")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with (
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser,
    ):
        yield browser


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
