"""One's own picture: brought or drawn, rebuilt, translated, and with holes that are filled."""

import pytest
import torch
from chromium import LEVELS, bring, drag, finger, levels, off
from PIL import Image

import zoo
from zoo import images

pytestmark = pytest.mark.browser

TRANSLATED = ("pix2pix-facades", "srresnet-bsd200")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(way, room):
    page = room("vae-mnist")
    page.evaluate(
        """async (way) => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
            const context = canvas.getContext("2d");
            context.fillRect(0, 0, 14, 28);
            context.fillStyle = "white";
            context.fillRect(14, 0, 14, 28);
            const blob = await new Promise((done) => canvas.toBlob(done));
            const data = new DataTransfer();
            data.items.add(new File([blob], "half.png", { type: "image/png" }));
            const dropped = () => new DragEvent("drop", { dataTransfer: data });
            const pasted = () => new ClipboardEvent("paste", { clipboardData: data });
            document.dispatchEvent(way === "drop" ? dropped() : pasted());
        }""",
        way,
    )
    page.wait_for_selector("#own[data-drawn='1']")
    source = levels(page, "source")[..., 0]
    assert (source[:, :14] == 0).all()
    assert (source[:, 14:] == 255).all()


def test_one_s_own_picture_is_rebuilt(room):
    model, page = zoo.load("vae-mnist"), room("vae-mnist")
    digit = zoo.load("gan-mnist").generate(1, seed=1)
    bring(page, images.to_pil(digit)[0])
    page.wait_for_selector("#own[data-drawn='1']")
    again = model.decode(model.encode(images.quantise(digit).float() / 255))
    assert off(page, "result", again) <= LEVELS
    assert off(page, "sample", again) <= LEVELS  # from where the sliders go on
    page.click("#clear")
    assert levels(page, "source").max() == 0
    assert levels(page, "result").shape[1] == 1, "what it made of the last picture is there"
    assert not page.is_visible("#save-result")


def test_one_draws_with_the_pointer(room):
    page = room("vae-mnist")
    assert page.text_content("#source-caption") == "What goes in"
    page.locator("#source").scroll_into_view_if_needed()
    box = page.locator("#source").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 3 * box["height"] / 4, steps=4)
    page.mouse.up()
    page.wait_for_selector("#own[data-drawn]")
    assert levels(page, "source").max() == 255


def test_a_brush_wipes_what_is_filled(room):
    page = room("context-encoder-celeba")
    page.click("#examples button >> nth=0")
    page.wait_for_selector("#own[data-drawn='1']")
    pixels = "c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
    transparent = f"c => Array.from({pixels}).filter((x, i) => i % 4 == 3 && !x).length"
    before = page.eval_on_selector("#source", transparent)
    page.locator("#source").scroll_into_view_if_needed()
    box = page.locator("#source").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 10, steps=3)
    page.mouse.up()
    page.wait_for_function("Number(document.getElementById('own').dataset.drawn) > 1")
    assert page.eval_on_selector("#source", transparent) > before
    assert levels(page, "result").std() > 10


def test_one_draws_with_a_finger(touched):
    page = touched("vae-mnist")
    finger(page, page.locator("#source"), (128, 64), (128, 96), (128, 192))
    page.wait_for_selector("#own[data-drawn]")
    inked = levels(page, "source").max(2) == 255
    assert inked[8:20, 13:15].any(1).all()  # down the middle, which a page that scrolls does not give


@pytest.mark.parametrize("name", TRANSLATED)
def test_an_example_is_translated(name, room, gallery):
    model, page = zoo.load(name), room(name)
    assert page.text_content("#source-caption") == "", "there is no picture above it"
    page.click("#examples button >> nth=1")
    page.wait_for_selector("#own[data-drawn='1']")
    assert page.text_content("#source-caption")
    source = Image.open(gallery[0] / name / "example-0-2.png")
    assert off(page, "result", model.translate(source, seed=0)) <= LEVELS


def test_noise_is_taken_off(room):
    model, page = zoo.load("denoising-autoencoder-mnist"), room("denoising-autoencoder-mnist")
    digit = zoo.load("gan-mnist").generate(1, seed=1)
    bring(page, images.to_pil(digit)[0])
    page.wait_for_selector("#own[data-drawn='1']")
    page.select_option("#way", "translate")
    page.wait_for_selector("#own[data-drawn='2']")
    drag(page, "noise", 0.5)
    page.wait_for_selector("#own[data-drawn='3']")
    source = torch.from_numpy(levels(page, "source")[..., :1] / 255).float().permute(2, 0, 1)[None]
    assert (source - digit).abs().mean() > 0.1
    assert off(page, "result", model.translate(source)) <= LEVELS
