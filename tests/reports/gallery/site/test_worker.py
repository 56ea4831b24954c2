"""The runtime and models are loaded, with the page told how far they are, and why they are not."""

import pytest
from chromium import PATIENCE

pytestmark = pytest.mark.browser


def test_one_sees_how_far_the_runtime_is(room):
    page = room("vae-mnist")
    page.click("#another")
    page.wait_for_selector("#draw[data-drawn]")
    assert page.text_content("#loaded") == "The runtime is being loaded"  # what came last
    assert page.evaluate("document.getElementById('progress').value") == 1
    assert not page.is_visible("#loading")


@pytest.mark.parametrize(("lacking", "what"), [("wasm", "The runtime"), ("onnx", "The model")])
def test_what_is_not_on_the_server_is_told(lacking, what, browser, gallery):
    with browser.new_context() as context:
        context.route(f"**/*.{lacking}", lambda route: route.fulfill(status=404))
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{gallery[1]}vae-mnist/")
        page.click("#another")
        page.wait_for_selector("#told:not([hidden])")
        assert page.inner_text("#told") == f"{what} could not be loaded: the server says 404."


def test_what_comes_late_is_asked_for_again(browser, gallery):
    with browser.new_context() as context:
        context.route("**/tensors.bin", lambda route: route.abort())
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{gallery[1]}vae-mnist/")
        page.click("#another")
        page.wait_for_selector("#told:not([hidden])")
        assert page.inner_text("#told") == "tensors.bin could not be loaded. Is the server still there?"
        context.unroute("**/tensors.bin")
        page.click("#another")
        page.wait_for_selector("#draw[data-drawn='1']")
        assert not page.is_visible("#told")
