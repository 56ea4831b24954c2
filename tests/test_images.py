"""Images: tensors to pictures and back."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import images
from zoo.errors import InvalidInput


def test_quantise_rounds_to_the_nearest_of_256_levels():
    levels = torch.tensor([0.0, 0.4, 0.5, 0.6, 1.0, 254.4, 254.6, 255.0]) / 255
    levels[1] = 0.49 / 255
    levels[3] = 0.51 / 255
    levels[4] = 1.49 / 255
    assert images.quantise(levels.view(1, 1, 2, 4)).flatten().tolist() == [0, 0, 0, 1, 1, 254, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_every_byte_survives(dtype):
    levels = (torch.arange(256).to(dtype) / 255).view(1, 1, 16, 16)
    assert images.quantise(levels).flatten().tolist() == list(range(256))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1, 1, 2, 2).byte(), r"torch\.uint8; expected floats in \[0, 1\]\. Pass images\.float\(\) / 255"),
        (torch.zeros(1, 1, 2, 2).bool(), r"torch\.bool; expected floats in \[0, 1\]\. Pass images\.float\(\)\.$"),
        (torch.zeros(1, 2, 2), r"shape \(1, 2, 2\); expected .*unsqueeze\(0\)"),
        (torch.zeros(1, 2, 2, 2), r"shape \(1, 2, 2, 2\); expected \(n, 1 \(grey\) or 3 \(RGB\), height, width\)\.$"),
        (torch.zeros(1, 2, 2, 3), r"shape \(1, 2, 2, 3\); expected .*permute\(0, 3, 1, 2\)"),
        (np.zeros((1, 1, 2, 2)), r"came as ndarray; .*torch\.from_numpy\(\)"),
        (Image.new("L", (2, 2)), r"came as Image; .*zoo\.images\.from_pil\(\)"),
        (None, "came as NoneType"),
        (torch.zeros(0, 1, 2, 2), "are empty"),
        (torch.full((1, 1, 2, 2), 1.01), "outside"),
        (torch.full((1, 1, 2, 2), -0.01), "outside"),
        (torch.full((1, 1, 2, 2), float("nan")), "NaN or infinite"),
    ],
)
@pytest.mark.parametrize("function", [images.quantise, images.to_pil, images.grid])
def test_what_is_no_batch_of_images(function, value, message):
    with pytest.raises(InvalidInput, match=message):
        function(value)


@pytest.mark.parametrize(
    ("n", "columns", "size"), [(4, None, (18, 18)), (5, None, (26, 18)), (3, 3, (26, 10)), (3, 1, (10, 26))]
)
def test_grid_layout(n, columns, size):
    """Images of 6 × 6 with two white pixels around each."""
    sheet = images.grid(torch.zeros(n, 1, 6, 6), columns=columns)
    assert sheet.size == size
    pixels = np.asarray(sheet.convert("L"))
    assert (pixels == 0).sum() == n * 36
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("columns", [0, -1, 1.5, "4", True])
def test_wrong_columns(columns):
    with pytest.raises(InvalidInput, match="columns="):
        images.grid(torch.zeros(1, 1, 2, 2), columns=columns)


def test_save_makes_its_folder_and_returns_the_path(tmp_path):
    path = images.save(torch.zeros(2, 3, 4, 4), tmp_path / "new" / "grid.png")
    assert path == tmp_path / "new" / "grid.png"
    with Image.open(path) as sheet:
        assert sheet.size == (14, 8)


@pytest.mark.parametrize("name", ["grid", "grid.xyz", "taken", "file/grid.png"])
def test_where_no_picture_can_be_written(tmp_path, name):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        images.save(torch.zeros(1, 1, 4, 4), tmp_path / name)


def test_binarise_without_a_seed_cuts_at_one_half():
    grey = torch.tensor([0.0, 0.499, 0.5, 1.0]).view(1, 1, 2, 2)
    assert images.binarise(grey).flatten().tolist() == [0, 0, 1, 1]


def test_binarise_by_chance_takes_pixels_for_probabilities():
    grey = torch.tensor([0.0, 0.2, 0.7, 1.0]).view(1, 1, 2, 2).expand(4000, 1, 2, 2)
    drawn = images.binarise(grey, seed=0)
    assert drawn.unique().tolist() == [0, 1]
    assert drawn.mean(0).flatten().tolist() == pytest.approx([0, 0.2, 0.7, 1], abs=0.03)
    assert drawn[:, 0, 0, 0].max() == 0
    assert drawn[:, 0, 1, 1].min() == 1


def test_binarise_draws_image_i_of_a_seed_whatever_comes_after_it(monkeypatch):
    grey = torch.full((5, 1, 3, 3), 0.5)
    whole = images.binarise(grey, seed=7)
    monkeypatch.setattr(images, "CHUNK", 2)
    assert torch.equal(images.binarise(grey, seed=7), whole)
    assert torch.equal(images.binarise(grey[:2], seed=7), whole[:2])
    assert not torch.equal(images.binarise(grey, seed=8), whole)


@pytest.mark.parametrize("wrong", [torch.full((1, 1, 2, 2), 1.5), torch.zeros(2, 2), torch.zeros(1, 1, 2, 2).byte(), 3])
def test_what_cannot_be_binarised(wrong):
    with pytest.raises(InvalidInput):
        images.binarise(wrong)


def test_noise_follows_the_seed_and_the_row():
    grey = torch.full((4, 1, 16, 16), 0.5)
    made = images.noisy(grey, 0.1, seed=0)
    assert torch.equal(made[:2], images.noisy(grey[:2], 0.1, seed=0))
    assert not torch.equal(made, images.noisy(grey, 0.1, seed=1))
    assert torch.equal((made * 255).round() / 255, made)
    assert (made - grey).std().item() == pytest.approx(0.1, rel=0.1)
    assert (images.noisy(grey, 9.0).amin(), images.noisy(grey, 9.0).amax()) == (0, 1)
    with pytest.raises(InvalidInput):
        images.noisy(2 * grey + 0.5, 0.1)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".gif"])
def test_a_file_that_cannot_be_written_wholly_stays_what_it_was(tmp_path, little_room, suffix):
    path = tmp_path / f"s{suffix}"
    noise = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    images.save(noise[:2], path)
    before = path.read_bytes()
    with little_room(len(before) // 2), pytest.raises(OSError, match="File too large") as caught:
        images.save(noise, path)
    assert caught.value.filename == str(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("deviation", [-1, float("nan"), "much"])
def test_noise_of_no_deviation_is_refused(deviation):
    with pytest.raises(InvalidInput, match="deviation="):
        images.noisy(torch.zeros(1, 1, 4, 4), deviation)


def test_noisy_images_are_of_the_type_of_the_images():
    assert images.noisy(torch.zeros(1, 1, 4, 4, dtype=torch.float16), 0.1).dtype == torch.float16


def test_an_animation_that_begins_anew(tmp_path):
    pictures = [Image.new("L", (2, 2), 50 * place) for place in range(3)]
    images.animate(pictures, tmp_path / "a.gif", seconds=0.2, back=False)
    with Image.open(tmp_path / "a.gif") as moving:
        assert moving.n_frames == 3


def test_captions_stand_below_each_image():
    batch = torch.zeros(3, 1, 8, 8)
    sheet = images.captioned(batch, ["a", "", "two words that take more than one line"], columns=2)
    side, line, gap = 96, images.LETTER + 2, images.MARGIN
    deep = side + gap + 3 * line
    assert sheet.size == (2 * (side + gap) + gap, 2 * (deep + gap) + gap)
    dark = 255 - np.asarray(sheet.convert("L"), int)
    cell = lambda x, y: dark[gap + y * (deep + gap) :, gap + x * (side + gap) :][:deep, :side]  # noqa: E731
    assert (cell(0, 0)[:side] == 255).all()
    inked = [cell(x, y)[side:].sum() for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert inked[0] > 0
    assert inked[1] == 0
    assert inked[2] > 5 * inked[0]
    assert cell(1, 1).sum() == 0
    with pytest.raises(InvalidInput, match="2 captions came for 3 images"):
        images.captioned(batch, ["a", "b"])
    with pytest.raises(InvalidInput, match="images are empty"):
        images.captioned(torch.zeros(0, 1, 8, 8), [])


def test_captions_that_enlarge_a_picture_beyond_all_limits_are_refused(monkeypatch):
    monkeypatch.setattr(images, "most_pixels", lambda: 100_000)
    batch = torch.zeros(9, 1, 8, 8)
    assert images.grid(batch).size == (32, 32)
    with pytest.raises(InvalidInput, match="100,000 is the most"):
        images.captioned(batch, ["a"] * 9)


def test_an_animation_rests_at_both_ends(tmp_path):
    images.animate([Image.new("L", (2, 2), 50 * place) for place in range(3)], tmp_path / "a.gif", seconds=0.2)
    with Image.open(tmp_path / "a.gif") as moving:
        times = []
        for place in range(moving.n_frames):
            moving.seek(place)
            times.append(moving.info["duration"])
        assert times == [1000, 200, 1000, 200]
        assert moving.info["loop"] == 0, "for ever"


def test_pictures_below_each_other_keep_their_pixels_on_white():
    made = images.stacked([Image.new("RGB", (2, 1), "red"), Image.new("L", (3, 2), 7)])
    assert made.size == (3, 3)
    assert [made.getpixel(place) for place in ((1, 0), (2, 0), (0, 1), (2, 2))] == [
        (255, 0, 0),
        (255, 255, 255),
        (7, 7, 7),
        (7, 7, 7),
    ]
