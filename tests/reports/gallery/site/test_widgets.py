"""What plugins bring to rooms, used in a browser: the widget shown to authors, the Gibbs chain of zoo-rbm, and tunes of
zoo-sequences that are seen and heard."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from chromium import LEVELS, off

import zoo

pytestmark = pytest.mark.browser

PLUGINS = Path(__file__).parents[4] / "plugins"


def test_the_widget_shown_to_authors(install_plugin, release, room_of):
    blocks = re.findall(r"```python\n(.*?)```", (PLUGINS / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    install_plugin("my-widget", next(block for block in blocks if "zoo_register_widgets" in block))
    page = room_of(str(release))
    page.wait_for_selector("#widgets section:has-text('of tiny-made-up')")
    mean = zoo.load(release).generate(16, seed=0).mean()
    assert f"On average {mean:.3f} of tiny-made-up's light." in page.inner_text("#widgets section")
    assert page.inner_text("#widgets h2") == "How bright samples are"


def test_the_gibbs_chain(site, install_plugin, room_of):
    shutil.copytree(PLUGINS / "zoo-rbm" / "zoo_rbm", site / "zoo_rbm")
    install_plugin("rbm", "")  # the package is there, and needs no module of this name
    model, page = zoo.load("rbm-mnist"), room_of("rbm-mnist")
    page.evaluate("Math.random = () => 0.2")
    page.click("#widgets button:has-text('One step')")
    page.wait_for_selector("#widgets section[data-steps='1']")
    page.evaluate("[...document.querySelectorAll('#widgets canvas')].forEach((c, i) => (c.id = `chain-${i}`))")

    def step(pixels):
        """With what is more likely than what is tossed, all the time."""
        return model.decode((model.encode(pixels) > 0.2).float())

    first = step(torch.ones(1, *model.space.shape))
    assert off(page, "chain-0", first) <= LEVELS
    page.click("#widgets button:has-text('10 steps')")
    page.wait_for_selector("#widgets section[data-steps='11']")
    last = first
    for _ in range(10):
        last = step((last > 0.2).float())
    assert off(page, "chain-0", last) <= LEVELS
    assert off(page, "chain-0", first) > LEVELS
    assert "Step 11: " in page.inner_text("#widgets .caption")


def test_tunes_are_seen_and_heard(site, install_plugin, room_of):
    shutil.copytree(PLUGINS / "zoo-sequences" / "zoo_sequences", site / "zoo_sequences")
    install_plugin("sequences", "")  # the package is there, and needs no module of this name
    model, page = zoo.load("organ-melody"), room_of("organ-melody")
    from zoo_sequences import sound

    tune = model.generate(1, seed=1)
    page.click("#widgets button:has-text('Another')")
    page.wait_for_selector(f"#widgets .caption:has-text('Seed 1: {int((tune[0, :, 1] > 0).sum())} notes')")
    assert "model.generate(1, seed=1)" in page.inner_text("#code")
    assert "≤ 32 notes" in page.inner_text(".facts")
    roll = (
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((x, i) => i % 4 < 3 && x < 120)"
    )
    assert page.eval_on_selector("#widgets canvas", f"{roll}.length") > 1000
    folder = "widget-sequences-tunes"
    got = page.evaluate(f"""async () => {{
        const {{ heard }} = await import("./{folder}/widget.js");
        const about = await (await fetch("{folder}/tunes.json")).json();
        return [...heard(about.tunes[1], about)];
    }}""")
    expected = sound.heard(tune[0])
    assert torch.tensor(got).sub(expected / expected.abs().max() * sound.LOUD).abs().max() < 1e-4
    page.evaluate("""() => {
        const start = AudioBufferSourceNode.prototype.start;
        AudioBufferSourceNode.prototype.start = function () { window.source = this; return start.call(this); };
    }""")
    page.click("#widgets button:has-text('Play')")
    page.wait_for_selector("#widgets section[data-playing='1']")
    assert page.evaluate("source.buffer.length") == len(expected)
    page.wait_for_function("() => source.context.state === 'running' && source.context.currentTime > 0")
    page.evaluate("source.stop()")  # as at its end
    page.wait_for_selector("#widgets section:not([data-playing])")
    assert page.inner_text("#widgets button.main") == "Play"
