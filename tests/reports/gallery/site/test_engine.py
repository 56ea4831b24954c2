"""A browser that cannot run models is told so, and who waits for a slow one sees how long."""

from datetime import datetime

import pytest
from chromium import entering

pytestmark = pytest.mark.browser

SLOW = """async () => {
    window.Worker = class {
        constructor() { window.worker = this; }
        postMessage({ id }) { this.id = id; }
        answers(data) { this.onmessage({ data }); }
    };
    const { Engine } = await import("../engine.js");
    const engine = new Engine((...words) => (window.shown = words));
    const graph = { file: "slow.onnx", inputs: [{ name: "latents", dtype: "float32" }] };
    const given = (n) => ({ latents: { data: Array(n).fill(0), dims: [n, 1] } });
    window.ask = (n) => void engine.run(graph, given(n)).catch(() => {});
}"""


def test_without_webassembly(browser, gallery):
    with browser.new_context() as context, entering(context, gallery[1]) as enter:
        context.add_init_script("delete globalThis.WebAssembly")
        page = enter("vae-mnist")
        page.click("#another")
        page.wait_for_selector("#told:not([hidden])")
        assert "This browser has WebAssembly switched off" in page.inner_text("#told")


def test_who_waits_for_a_slow_model_sees_how_long(room):
    page = room("vae-mnist")
    page.clock.install(time=datetime(2026, 1, 1))
    page.clock.pause_at(datetime(2026, 1, 2))  # or it would go on between two lines of this
    page.evaluate(SLOW)

    def shown(seconds):
        page.clock.run_for(1000 * seconds)
        return page.evaluate("window.shown")

    page.evaluate("ask(1)")
    page.evaluate("worker.answers({ loading: 'The model', share: 0.5 })")
    assert page.evaluate("window.shown") == ["The model is being loaded", 0.5]
    page.evaluate("worker.answers({ computing: worker.id })")
    assert shown(0) == [None]
    assert shown(3.1) == ["The model computes", None, "3 s so far"]
    page.evaluate("worker.answers({ id: worker.id, result: { took: 8000 } })")
    assert shown(5) == [None]
    page.evaluate("ask(2)")
    page.evaluate("worker.answers({ computing: worker.id })")
    words, share, passed = shown(4.1)
    assert (words, passed) == ("The model computes", "4 s of about 16 s")
    assert 0.2 < share < 0.3
    page.evaluate("worker.answers({ id: worker.id, error: 'no memory' })")
    assert shown(5) == [None]
    page.clock.resume()
