"""Near-copies: made ones are found, with how they are related; strangers that are alike are not."""

import io

import pytest
import torch
from PIL import Image

from zoo import images
from zoo.data import copies, listing
from zoo.data.windows import Views
from zoo.errors import InvalidInput


def scene(seed: int, *, width: int = 120, height: int = 80, background: torch.Tensor | None = None) -> Image.Image:
    """A picture with structure of all sizes, most of it that of `background` if there is one; as in photographs,
    colours vary less than brightness."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        torch.nn.functional.interpolate(
            0.7 * torch.rand(1, 1, side, side, generator=generator)
            + 0.3 * torch.rand(1, 3, side, side, generator=generator),
            (height, width),
            mode="bicubic",
            align_corners=False,
        )
        for side in (3, 8, 24)
    ]
    x = sum(layers) / 3
    x = x if background is None else 0.15 * x + 0.85 * background
    return images.to_pil(x.clamp(0, 1))[0]


class Pictures:
    """PIL images in memory, called by their keys."""

    def __init__(self, pictures):
        self.names, self.pictures = list(pictures), list(pictures.values())
        self.read_at_once = 0

    def __len__(self):
        return len(self.names)

    def name(self, place):
        return self.names[place]

    def read(self, places):
        self.read_at_once = max(self.read_at_once, len(places))
        pixels = [images.whole(self.pictures[place], 3) for place in places]
        sizes = torch.tensor([x.shape[1:] for x in pixels], dtype=torch.float32)
        return Views(torch.stack([images.resize_bytes(x[None], (3, 64, 64))[0] for x in pixels]), sizes)


def _compressed(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=50)
    return Image.open(file)


@pytest.fixture(scope="module")
def scenes():
    return {str(seed): scene(seed) for seed in range(8)}


def test_made_copies_are_found_and_how_they_are_related_is_told(scenes):
    mirror = Image.Transpose.FLIP_LEFT_RIGHT
    made = {
        "same": scenes["0"],
        "scaled": scenes["1"].resize((86, 58), Image.Resampling.BICUBIC),
        "mirrored": scenes["2"].transpose(mirror),
        "cropped": scenes["3"].crop((24, 8, 108, 64)),
        "compressed": _compressed(scenes["4"]),
        "all": _compressed(scenes["5"].transpose(mirror).crop((10, 10, 106, 74)).resize((144, 96))),
        "stranger": scene(99),
    }
    found = {copy.test: copy for copy in copies.find(Pictures(scenes), Pictures(made))}
    assert {name: copy.train for name, copy in found.items()} == {
        "same": "0", "scaled": "1", "mirrored": "2", "cropped": "3", "compressed": "4", "all": "5"
    }  # fmt: skip
    relations = {name: copy.relation for name, copy in found.items()}
    assert (relations["same"], relations["compressed"]) == ("as it is", "as it is")
    assert (relations["scaled"], relations["mirrored"]) == ("scaled 0.72", "mirrored")
    assert found["same"].correlation == 1
    cropped = found["cropped"]
    assert (cropped.within, cropped.mirrored) == ("train", False)
    assert cropped.box == pytest.approx((0.2, 0.1, 0.9, 0.8), abs=0.015)
    assert cropped.scale == pytest.approx(1, abs=0.03)
    assert relations["cropped"].startswith("test image a crop, 70 × 70 %")
    assert (found["all"].within, found["all"].mirrored) == ("train", True)
    assert found["all"].scale == pytest.approx(1.5, abs=0.05)
    assert found["all"].to_dict()["relation"] == relations["all"]


def test_a_training_image_that_is_a_crop_of_a_test_image_is_found(scenes):
    train = {"part": scenes["6"].crop((0, 16, 96, 80)).resize((60, 40))}
    (copy,) = copies.find(Pictures(train), Pictures(scenes))
    assert (copy.test, copy.within) == ("6", "test")
    assert copy.box == pytest.approx((0, 0.2, 0.8, 1), abs=0.015)
    assert copy.scale == pytest.approx(1.6, abs=0.05)
    assert "training image a crop" in copy.relation
    assert copies.find(Pictures(train), Pictures(scenes), least=1) == []


def test_strangers_that_are_alike_are_no_copies():
    background = torch.nn.functional.interpolate(
        torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(5)), (80, 120), mode="bicubic"
    )
    train, test = ({str(k): scene(k, background=background) for k in seeds} for seeds in (range(6), range(10, 14)))
    pairs = copies.find(Pictures(train), Pictures(test), alike=0.01, detailed=0.01)
    assert max(pair.correlation for pair in pairs) > 0.95  # so that details alone tell
    assert copies.find(Pictures(train), Pictures(test)) == []
    flat = {name: Image.new("RGB", (40, 40), colour) for name, colour in (("a", "red"), ("b", "white"))}
    assert copies.find(Pictures(flat), Pictures(flat)) == []


def test_parts_that_are_compared_at_once_change_nothing_and_bound_what_is_read(scenes, monkeypatch):
    test = {"x": scenes["7"], "y": scenes["1"].resize((60, 40)), "z": scenes["2"].crop((10, 6, 110, 73))}
    expected = copies.find(Pictures(scenes), Pictures(test))
    assert len(expected) == 3
    for name, size in (("TESTED", 2), ("CHUNK", 3), ("CLOSE", 1)):
        monkeypatch.setattr(copies, name, size)
    train, told = Pictures(scenes), []
    assert copies.find(train, Pictures(test), tell=lambda done, total: told.append((done, total))) == expected
    assert train.read_at_once == 3
    assert told[-1] == (24, 24)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("options", [{"least": 0.4}, {"least": 1.1}, {"alike": 0}, {"detailed": 1.5}])
def test_shares_and_correlations_out_of_range_are_refused(options, scenes):
    with pytest.raises(InvalidInput, match=next(iter(options))):
        copies.find(Pictures(scenes), Pictures(scenes), **options)


def test_files_of_a_split_are_listed_without_being_read(tmp_path, scenes):
    for name in ("yang91", "bsd200", "set5", "set14"):
        (tmp_path / name).mkdir()
        for number in ("1", "2"):
            (tmp_path / name / f"{number}.png").write_bytes(b"no picture")
    train = listing.of_split("super-resolution", tmp_path, "train", exclude=("bsd200/2",))
    assert [train.name(place) for place in range(len(train))] == ["yang91/1.png", "yang91/2.png", "bsd200/1.png"]
    test = listing.of_split("super-resolution", tmp_path, "test")
    assert [test.name(place) for place in range(len(test))] == [
        "set5/1.png",
        "set5/2.png",
        "set14/1.png",
        "set14/2.png",
    ]
    scenes["3"].save(tmp_path / "set5" / "1.png")
    assert test.read([0]).sizes.tolist() == [[80, 120]]


def test_splits_by_seed_and_sets_without_files(tmp_path, scenes):
    for name, picture in scenes.items():
        picture.save(tmp_path / f"{name}.png")
    parts = [listing.of_split("image-folder", tmp_path, split, holdout=3) for split in ("train", "test")]
    names = [[part.name(place) for place in range(len(part))] for part in parts]
    assert [len(part) for part in names] == [5, 3]
    assert sorted([*names[0], *names[1]]) == sorted(f"{name}.png" for name in scenes)
    with pytest.raises(InvalidInput, match="holds vectors"):
        listing.of_split("table", tmp_path / "x.csv", "train")
