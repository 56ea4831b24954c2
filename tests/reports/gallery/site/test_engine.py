"""A browser that cannot run models is told so."""

import pytest
from chromium import entering

pytestmark = pytest.mark.browser


def test_without_webassembly(browser, gallery):
    with browser.new_context() as context, entering(context, gallery[1]) as enter:
        context.add_init_script("delete globalThis.WebAssembly")
        page = enter("vae-mnist")
        page.click("#another")
        page.wait_for_selector("#told:not([hidden])")
        assert "This browser has WebAssembly switched off" in page.inner_text("#told")
