"""A gallery in a real browser, with all other hosts blocked: what it draws is what Python draws.

By -m browser: it needs Chromium and Playwright, onnxruntime-web from npm or zoo's cache, and minutes for the exports.
"""

import io
import json
import math

import numpy as np
import pytest
import torch
from chromium import browsing, entering, onnxruntime, served
from PIL import Image

import zoo
from zoo import images, latent, releases
from zoo.data.dataset import TensorDataset
from zoo.errors import UnknownWord
from zoo.reports.gallery import building, codes, films, latents

pytestmark = pytest.mark.browser

DRAWN = ("dcgan-celeba", "cgan-fashion-mnist", "infogan-mnist", "vae-mnist", "denoising-autoencoder-mnist")
POINTS = ("flow-2d-two-moons", "wgan-gp-gaussian-ring")
TRANSLATED = ("pix2pix-facades", "srresnet-bsd200")
NAMES = (
    *DRAWN,
    *POINTS,
    *TRANSLATED,
    "stylegan-lite-celeba",
    "progan-celeba",
    "conv-autoencoder-fashion-mnist",
    "cgan-celeba",
    "stackgan-emoji",
    "context-encoder-celeba",
)
FIRST_VIEW = 500_000  # bytes
LEVELS = 2.0  # of 255, on average, that pixels may be off: weights are float16


@pytest.fixture(scope="module")
def site(tmp_path_factory):
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


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture
def room(browser, site):
    """`room(name)`: its page."""
    with browser.new_context() as context, entering(context, site[1]) as enter:
        yield enter


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


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_gives_the_picture_that_python_gives(name, room):
    model, page = zoo.load(name), room(name)
    seed(page, 3)
    assert off(page, "sample", model.generate(1, seed=3)) <= LEVELS
    assert f"model.generate(seed=3{', condition=' if model.condition.name else ')'}" in page.inner_text("#code")
    page.fill("#to", "5")
    page.click("#go")
    page.wait_for_selector("#walk[data-drawn]")
    a, b = (model.latents(1, seed=each) for each in (0, 5))
    way = latent.slerp if model.spherical else latent.lerp
    condition = model.condition.draw(0, 0, 1)
    frames = torch.cat([model.decode(way(a, b, i / 7), condition=condition) for i in range(8)])
    assert off(page, "strip", frames) <= LEVELS
    with page.expect_download() as download:
        page.click("#save-film")
    with Image.open(download.value.path()) as film:
        assert (download.value.suggested_filename, film.format, film.n_frames) == (f"{name}-path.gif", "GIF", 14)
        for i in (0, 4, 7, 13):
            film.seek(i)
            assert film.info["duration"] == (500 if i in (0, 7) else 100)
            shown = torch.from_numpy(np.array(film.convert("RGB"))).permute(2, 0, 1)[: frames.shape[1]]
            # Of colours there are 256 for all frames.
            assert (shown - frames[min(i, 14 - i)] * 255).abs().mean() <= (LEVELS if len(shown) == 1 else 2 * LEVELS)


def test_temperature_and_truncation_are_python_s(room):
    model, page = zoo.load("dcgan-celeba"), room("dcgan-celeba")
    seed(page, 3)
    drag(page, "temperature", 0.7)
    page.wait_for_selector("#draw[data-drawn='2']")
    drag(page, "truncation", 0.5)
    page.wait_for_selector("#draw[data-drawn='3']")
    assert off(page, "sample", model.generate(1, seed=3, temperature=0.7, truncation=0.5)) <= LEVELS
    assert off(page, "sample", model.generate(1, seed=3)) > 2 * LEVELS
    assert "--temperature 0.7 --truncation 0.5" in page.inner_text("#code")


def test_a_class_is_python_s(room):
    model, page = zoo.load("cgan-fashion-mnist"), room("cgan-fashion-mnist")
    seed(page, 3)
    page.select_option("#class", label=model.condition.classes[7])
    page.wait_for_selector("#draw[data-drawn='2']")
    assert off(page, "sample", model.generate(1, seed=3, condition=7)) <= LEVELS


def test_sliders_move_what_is_saved(room, tmp_path):
    model, page = zoo.load("dcgan-celeba"), room("dcgan-celeba")
    seed(page, 3)
    page.eval_on_selector("#sliders input", "e => { e.value = 2.5; e.dispatchEvent(new Event('input')); }")
    page.wait_for_selector("#draw[data-drawn='2']")
    with page.expect_download() as download:
        page.click("#save-latents")
    download.value.save_as(tmp_path / "latents.npy")
    z = torch.from_numpy(np.load(tmp_path / "latents.npy"))
    assert (z - model.latents(1, seed=3)).abs().max() > 0.1
    assert off(page, "sample", model.decode(z)) <= LEVELS
    assert off(page, "sample", model.generate(1, seed=3)) > 2 * LEVELS


def test_styles_are_mixed_as_python_mixes_them(room):
    model, page = zoo.load("stylegan-lite-celeba"), room("stylegan-lite-celeba")
    page.fill("#coarse", "3")
    page.fill("#fine", "5")
    page.press("#fine", "Enter")
    drag(page, "layer", 4)
    # Not how often it was mixed: what comes while it is being mixed is done at once.
    page.wait_for_selector("#mixed-caption:has-text('of seed 3 before layer 4, of seed 5')")
    a, b = (model.latents(1, seed=each) for each in (3, 5))
    for canvas, styles in (("coarse-sample", a), ("mixed", latent.mix(a, b, 4)), ("fine-sample", b)):
        assert off(page, canvas, model.decode(styles)) <= LEVELS
    assert off(page, "mixed", model.decode(latent.mix(a, b, 5))) > LEVELS
    assert "zoo.latent.mix(a, b, 4)" in page.inner_text("#code")
    assert "zoo mix stylegan-lite-celeba --coarse 3 --fine 5 --layer 4" in page.inner_text("#code")


def test_one_face_is_dragged_onto_another(room):
    model, page = zoo.load("stylegan-lite-celeba"), room("stylegan-lite-celeba")
    page.click("#mix-go")
    page.wait_for_selector("#faces:not([hidden])")
    page.locator("#faces canvas >> nth=4").drag_to(page.locator("#faces canvas >> nth=2"))
    page.wait_for_selector("#mixed-caption:has-text('of seed 4 before layer')")
    assert (page.input_value("#coarse"), page.input_value("#fine")) == ("4", "2")
    a, b = (model.latents(1, seed=each) for each in (4, 2))
    assert off(page, "mixed", model.decode(latent.mix(a, b, model.style_layers // 2))) <= LEVELS


def test_attributes_and_texts_are_python_s(room):
    model, page = zoo.load("cgan-celeba"), room("cgan-celeba")
    seed(page, 3)
    boxes = page.locator("#condition input[type=checkbox]")
    for i in range(boxes.count()):
        boxes.nth(i).set_checked(i % 2 == 0)
    chosen = sum(1 << i for i in range(0, boxes.count(), 2))
    page.wait_for_selector(f"#code:has-text({json.dumps(model.condition.classes[chosen])})")
    assert off(page, "sample", model.generate(1, seed=3, condition=chosen)) <= LEVELS
    model, page = zoo.load("stackgan-emoji"), room("stackgan-emoji")
    seed(page, 3)
    words = model.condition.vocabulary[:2]
    page.fill("#text", f"{' '.join(words)} qqqq")
    page.press("#text", "Enter")
    page.wait_for_selector("#condition .hint:has-text('It has not learned: qqqq.')")
    page.wait_for_selector("#code:has-text('qqqq')")
    with pytest.warns(UnknownWord, match="qqqq"):
        expected = model.generate(1, seed=3, condition=f"{' '.join(words)} qqqq")
    assert off(page, "sample", expected) <= LEVELS


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


UNNAMED = """() => [...document.querySelectorAll("button, input, select, a, canvas, img, progress")].filter((e) => {
    const label = e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "";
    const labelled = [...(e.labels ?? [])].some((each) => each.textContent.trim());
    const decorates = e.tagName === "IMG" && e.hasAttribute("alt");
    return !(label || labelled || e.textContent.trim() || decorates || e.closest("ul[aria-label]"));
}).map((e) => e.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_all_fits_and_has_a_name(scheme, browser, site):
    phone = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with browser.new_context(**phone) as context, entering(context, site[1]) as enter:
        for name in (".", "dcgan-celeba", "vae-mnist", "flow-2d-two-moons", "pix2pix-facades", "stylegan-lite-celeba"):
            page = enter(name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert page.evaluate(UNNAMED) == [], name
            assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light dark"
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 22, 20)"
            assert dark == (scheme == "dark")


def test_keys_move_what_the_pointer_moves(room):
    page = room("vae-mnist")
    seed(page, 3)
    before = page.locator("#sliders output").all_inner_texts()
    page.focus("#pad")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    after = page.locator("#sliders output").all_inner_texts()
    assert [round(float(b) - float(a), 1) for a, b in zip(before, after, strict=True)] == [0.2, 0.2]


def test_one_sees_how_it_has_grown(room):
    model, page = zoo.load("progan-celeba"), room("progan-celeba")
    seed(page, 3)
    assert off(page, "sample", model.generate(1, seed=3)) <= LEVELS
    drag(page, "resolution", 1)
    page.wait_for_selector("#draw[data-drawn='2']")
    assert off(page, "sample", model.generate(1, seed=3, resolution=8)) <= LEVELS
    assert "model.generate(seed=3, resolution=8)" in page.inner_text("#code")
    assert "--seed 3 --option resolution=8" in page.inner_text("#code")


def test_the_plane_shows_what_its_places_decode_to(room):
    model, page = zoo.load("vae-mnist"), room("vae-mnist")
    seed(page, 3)
    page.wait_for_selector("#pad.map")
    about = json.loads(page.text_content("#about"))
    mean = torch.stack([model.latents(1, seed=k)[0] for k in range(64)]).mean(0)
    corner = torch.tensor([-1.0, 1.0]) * torch.tensor([s["unit"] for s in about["sliders"]]) * 3 * 11 / 12
    tile = levels(page, "pad")[:28, :28, 0] / 255  # a corner, which no line crosses
    assert np.abs(tile - model.decode((mean + corner)[None])[0, 0].numpy()).mean() <= LEVELS / 255
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 24, box["y"] + box["height"] / 24)
    page.wait_for_selector("#draw[data-drawn='3']")  # one for each of the sliders
    assert np.abs(levels(page, "sample")[..., 0] / 255 - tile).mean() < 0.05


def test_codes_lie_on_the_plane_beside_another_model_s(room):
    model, page = zoo.load("vae-mnist"), room("vae-mnist")
    page.wait_for_selector("#codes-own[data-drawn]")
    assert page.locator("#codes-legend li").all_inner_texts() == list("0123456789")
    assert "200 pictures of mnist" in page.inner_text("#codes-about")
    colours = {tuple(pixel) for pixel in levels(page, "codes-own").reshape(-1, 3).round(-1)}
    assert len(colours) > 10
    assert "denoising-autoencoder-mnist" in page.locator("#beside option").all_inner_texts()
    page.select_option("#beside", label="denoising-autoencoder-mnist")
    page.wait_for_selector("#codes-other[data-drawn='../denoising-autoencoder-mnist/codes.bin']")
    assert "denoising-autoencoder-mnist: of what it draws" in page.inner_text("#codes-other-caption")
    page.click("#codes-own", position={"x": 91, "y": 91})  # of 362 with its border: half way to the corner
    page.wait_for_selector("#draw[data-drawn='3']")
    units = torch.tensor([s["unit"] for s in json.loads(page.text_content("#about"))["sliders"]])
    mean = torch.stack([model.latents(1, seed=k)[0] for k in range(64)]).mean(0)
    assert off(page, "sample", model.decode((mean + torch.tensor([-1.5, 1.5]) * units)[None])) <= 2 * LEVELS


def test_without_data_a_room_says_so(room):
    page = room("conv-autoencoder-fashion-mnist")
    assert "built without data: zoo gallery --data fashion-mnist=DIR" in page.inner_text("#codes-about")
    assert not page.is_visible("#codes-shown")


def test_a_film_is_gone_through(browser, tmp_path):
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    lines = [{"step": step, "losses": {"generator": step / 1000}} for step in range(100, 1100, 100)]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for step in (500, 1000):
        Image.new("RGB", (8, 8), (step // 5, 0, 0)).save(run / "samples" / f"{step:06d}.png")
    (run / "fields").mkdir()
    Image.new("RGB", (8, 8)).save(run / "fields" / "000500.png")
    films.write(run, tmp_path / "film")
    with (
        served(tmp_path / "film") as address,
        browser.new_context(viewport={"width": 390, "height": 800}) as context,
        entering(context, address) as enter,
    ):
        page = enter(".")
        assert (page.get_attribute("body", "data-step"), page.get_attribute("#frame", "src")) == (
            "1000",
            "samples/001000.png",
        )
        drag(page, "step", 6)
        assert page.get_attribute("#frame", "src") == "samples/000500.png"
        assert page.inner_text(".chart output") == "0.7"
        assert page.get_attribute("#field", "src") == "fields/000500.png"
        assert page.is_visible("#field-about")
        box = page.locator(".chart svg").bounding_box()
        middle = box["x"] + box["width"] * (films.LEFT + (films.WIDTH - films.LEFT - films.RIGHT) / 2) / films.WIDTH
        page.mouse.click(middle, box["y"] + box["height"] / 2)
        assert page.get_attribute("body", "data-step") == "500"
        page.focus("#step")
        page.keyboard.press("ArrowLeft")
        assert page.get_attribute("#step", "aria-valuetext") == "step 400"
        page.click("#play")
        page.wait_for_selector("body[data-step='1000']")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_one_s_own_picture_is_rebuilt(room):
    model, page = zoo.load("vae-mnist"), room("vae-mnist")
    digit = zoo.load("gan-mnist").generate(1, seed=1)
    bring(page, images.to_pil(digit)[0])
    page.wait_for_selector("#own[data-drawn='1']")
    again = model.decode(model.encode(images.quantise(digit).float() / 255))
    assert off(page, "result", again) <= LEVELS
    assert off(page, "sample", again) <= LEVELS  # from where the sliders go on


def test_one_draws_with_the_pointer(room):
    page = room("vae-mnist")
    page.locator("#source").scroll_into_view_if_needed()
    box = page.locator("#source").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 3 * box["height"] / 4, steps=4)
    page.mouse.up()
    page.wait_for_selector("#own[data-drawn]")
    assert levels(page, "source").max() == 255


@pytest.mark.parametrize("name", TRANSLATED)
def test_an_example_is_translated(name, room, site):
    model, page = zoo.load(name), room(name)
    page.click("#examples button >> nth=1")
    page.wait_for_selector("#own[data-drawn='1']")
    source = Image.open(site[0] / name / "example-0-2.png")
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


@pytest.mark.parametrize("name", POINTS)
def test_points_are_drawn(name, room):
    page = room(name)
    seed(page, 2)
    drawn = levels(page, "sample")
    assert drawn.shape == (480, 480, 3)
    assert (np.abs(drawn - drawn[0, 0]).max(2) > 20).sum() > 500  # points of a ring lie on each other
    assert "2000 points, seed 2" in page.inner_text("#caption")


def test_points_are_pushed_through_the_layers(room):
    model, page = zoo.load("flow-2d-two-moons"), room("flow-2d-two-moons")
    way, names = latents.stages(model, model.latents(latents.STAGED, seed=0))
    ends = way.sort(1).values[:, [math.floor(0.002 * way.shape[1]), math.ceil(0.998 * way.shape[1]) - 1]]
    ends = ends + torch.tensor([[-0.12], [0.12]]) * (ends[:, 1:] - ends[:, :1])
    last, painted = len(names), []
    stages = (
        (0, "Noise, before", way[0], ends[0]),
        (last, f"After layer {last} of {last}: ", way[-1], ends[-1]),
        (last - 0.5, f"In layer {last} of {last}", way[-2:].mean(0), ends[-2:].mean(0)),
    )
    for place, words, points, (low, high) in stages:
        drag(page, "through", place)
        page.wait_for_selector(f"#layers-caption:has-text('{words}')")
        painted.append(levels(page, "layers-points").max(2) > 0)
        x, y = ((points - low) / (high - low) * 420).T.floor().long().numpy()
        inside = (x >= 0) & (x < 420) & (y >= 0) & (y < 420)
        assert painted[-1][419 - y[inside], x[inside]].mean() > 0.99
        assert painted[-1].mean() < 0.0726  # 800 points, which touch 4 × 4 pixels at most
    assert (painted[0] != painted[1]).sum() > 1000
    page.click("#layers-play")
    page.wait_for_selector(f"#layers[data-drawn='{last}']")


def test_what_is_no_picture_is_told(room):
    page = room("vae-mnist")
    bring(page, b"\x89PNG\r\n\x1a\n and no more", "broken.png")
    page.wait_for_selector("#told:not([hidden])")
    assert "“broken.png” could not be read as a picture" in page.inner_text("#told")


def test_a_picture_of_another_shape_is_told(room):
    page = room("pix2pix-facades")
    bring(page, Image.new("RGB", (700, 7)))
    page.wait_for_selector("#told:not([hidden])")
    assert "A picture of 700×7 pixels is too low for this model" in page.inner_text("#told")


def test_a_huge_photo_is_made_smaller(room):
    page = room("pix2pix-facades")
    bring(page, Image.new("RGB", (6000, 4000), "blue"), "huge.jpg", "JPEG")
    page.wait_for_selector("#own[data-drawn='1']")
    assert "Your picture of 6000×4000 pixels as 256×" in page.inner_text("#source-caption")


def test_without_webassembly(browser, site):
    with browser.new_context() as context, entering(context, site[1]) as enter:
        context.add_init_script("delete globalThis.WebAssembly")
        page = enter("vae-mnist")
        page.click("#another")
        page.wait_for_selector("#told:not([hidden])")
        assert "This browser has WebAssembly switched off" in page.inner_text("#told")


def test_the_hall_is_light_and_searched(room):
    page, sizes = room("."), []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.reload(wait_until="networkidle")
    assert 0 < sum(sizes) <= FIRST_VIEW
    assert page.locator("#cards > li:visible").count() == len(NAMES)
    page.fill("#search", "facades")
    assert page.inner_text("#found") == f"1 of {len(NAMES)}"
    assert page.locator("#cards > li:visible h2").all_inner_texts() == ["pix2pix-facades"]
    page.fill("#search", "")
    page.select_option("#family", "flows")
    assert page.locator("#cards > li:visible h2").all_inner_texts() == ["flow-2d-two-moons"]
