"""`adopt`: a release folder of weights from elsewhere."""

import pytest
import torch
import yaml
from PIL import Image

import zoo
from zoo import golden
from zoo.errors import DataError, TrainingError
from zoo.releases import hub_card
from zoo.releases.cards import Card
from zoo.training.adopting import adopt

FILES = {"README.md", "model.safetensors", "golden.safetensors", "samples.png"}
ORIGIN = {"layout": "some-layout", "files": [{"name": "a.pth", "sha256": "0" * 64}]}


def made(name, **config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return zoo.create(name, **config).eval()


@pytest.mark.parametrize(
    "model",
    [
        made("dcgan", image_size=8, width=2, latent_dim=4, channels=1),
        made("vae", image_size=8, hidden=[4], latent_dim=2, likelihood="bernoulli"),
        made("realnvp", image_shape=[1, 4, 4], widths=[2], blocks=0),
        made("cyclegan", width=2, blocks=1, image_shape=[3, 24, 24]),
        made("srresnet", width=2, blocks=1, image_shape=[3, 96, 96]),
    ],
    ids=lambda model: model.name,
)
def test_a_release_that_loads_and_says_where_it_is_from(model, tmp_path):
    out = adopt(model, tmp_path / "mine", origin=ORIGIN, summary="From a friend.")
    assert {path.name for path in out.iterdir()} == FILES
    again = zoo.load(out)
    for key, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)
    golden.verify(again, out / "golden.safetensors")
    card = Card.read(out)
    assert card.zoo["origin"] == ORIGIN
    assert "From a friend." in card.body
    assert (card.space, card.shape, card.extent) == (model.space.name, model.space.shape, model.space.extent)
    problems = " ".join(hub_card.problems(card))
    assert "license is 'unknown'" in problems
    assert "zoo.data.license is 'unknown'" in problems
    assert "pipeline_tag" not in problems


def test_a_translator_is_shown_with_given_images(tmp_path):
    Image.new("RGB", (16, 8), (255, 0, 0)).save(tmp_path / "red.png")
    model = made("cyclegan", width=2, blocks=1, image_shape=[3, 24, 24])
    out = adopt(model, tmp_path / "mine", origin={}, summary="", sources=[tmp_path / "red.png"])
    picture = Image.open(out / "samples.png").convert("RGB")
    assert picture.getpixel((8, 4)) == (255, 0, 0)


def test_nothing_is_written_where_a_source_cannot_be_read(tmp_path):
    model = made("cyclegan", width=2, blocks=1, image_shape=[3, 24, 24])
    with pytest.raises(DataError, match=r"photo\.jpg"):
        adopt(model, tmp_path / "mine", origin={}, summary="", sources=[tmp_path / "photo.jpg"])
    assert list(tmp_path.iterdir()) == []


def test_golden_tensors_beyond_their_budget_are_left_out(tmp_path):
    out = adopt(made("dcgan", image_size=320, width=1, latent_dim=4), tmp_path / "mine", origin={}, summary="")
    assert {path.name for path in out.iterdir()} == FILES - {"golden.safetensors"}


def test_what_is_there_is_not_written_over(tmp_path):
    (tmp_path / "samples.png").write_bytes(b"mine")
    model = made("dcgan", image_size=8, width=2, latent_dim=4)
    with pytest.raises(TrainingError, match=r"already holds samples\.png"):
        adopt(model, tmp_path, origin={}, summary="")
    assert [path.name for path in tmp_path.iterdir()] == ["samples.png"]
    adopt(model, tmp_path, origin={}, summary="", force=True)
    assert yaml.safe_load((tmp_path / "README.md").read_text().split("---\n")[1])["zoo"]["training"] == {}


@pytest.mark.parametrize("step", ["golden.write", "write_picture", "Card.write"])
def test_a_release_is_as_it_was_until_all_of_the_new_one_is_written(tmp_path, monkeypatch, step):
    def fail(*_, **__):
        raise KeyboardInterrupt

    out = adopt(made("dcgan", image_size=8, width=2, latent_dim=4), tmp_path / "mine", origin={}, summary="")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(f"zoo.training.adopting.{step}", fail)
    with pytest.raises(KeyboardInterrupt):
        adopt(made("dcgan", image_size=8, width=3, latent_dim=4), out, origin={}, summary="", force=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
