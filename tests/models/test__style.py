"""Models with styles: mixing, truncation, noise, R1, and the search in w+."""

import copy

import pytest
import torch

import zoo
from zoo import latent
from zoo.errors import InvalidInput
from zoo.nn.styles import StyledConv
from zoo.noise import Noise

SMALL = {"widths": (6, 4, 3), "latent_dim": 5, "mapping_layers": 2}


@pytest.fixture(params=["stylegan-lite", "stylegan2"])
def model(request):
    made = zoo.create(request.param, **SMALL).eval()
    with torch.no_grad():
        made.mean_w.normal_()
        for layer in made.modules():
            if isinstance(layer, StyledConv):
                layer.noise_strength.fill_(0.5)
                layer.bias.normal_(0, 0.1)
    return made


# Styles and truncation -----------------------------------------------------------------------------------------------


def test_truncation_zero_gives_the_mean_face_for_every_seed(model):
    mean = model.decode(model.mean_w[None], space="w")
    styles = model.styles(torch.randn(3, 5), truncation=0)
    torch.testing.assert_close(styles, model.mean_w.expand(3, model.style_layers, 5))
    torch.testing.assert_close(model.decode(styles), mean.expand(3, -1, -1, -1))
    for seed in range(3):
        for options in ({"truncation": 0.0}, {"temperature": 0.0}):
            torch.testing.assert_close(model.generate(2, seed=seed, **options), mean.expand(2, -1, -1, -1))


def test_truncation_is_a_share_of_the_way_from_the_mean(model):
    z = torch.randn(3, 5)
    w = model.styles(z)[:, 0]
    half = model.styles(z, truncation=0.5)
    torch.testing.assert_close(half[:, 2], 0.5 * (w + model.mean_w))
    torch.testing.assert_close(model.styles(w, space="w", truncation=0.5), half)
    torch.testing.assert_close(model.styles(model.styles(z), space="w+", truncation=0.5), half)
    torch.testing.assert_close(model.generate(3, seed=1, truncation=0.5), model.generate(3, seed=1, temperature=0.5))


def test_latents_in_each_space_are_the_same_image(model):
    z = Noise(0, 0, 2).normal(5)
    w = model.generator.mapping(z).detach()
    images = model.decode(z, space="z")
    torch.testing.assert_close(model.decode(w, space="w"), images)
    torch.testing.assert_close(model.decode(w[:, None].expand(-1, model.style_layers, -1)), images)
    assert model.latent_shape == (6, 5)


def test_the_same_w_at_all_layers_equals_unmixed(model):
    """Two styles that come of one w, by way of z and of w."""
    z = torch.randn(2, 5)
    one = model.styles(z)
    two = model.styles(model.generator.mapping(z).detach(), space="w")
    other = model.styles(torch.randn(2, 5))
    for layer in range(model.style_layers + 1):
        torch.testing.assert_close(model.decode(latent.mix(one, two, layer)), model.decode(z, space="z"))
        whole = torch.allclose(model.decode(latent.mix(one, other, layer)), model.decode(one), atol=1e-5)
        assert whole == (layer == model.style_layers)


@pytest.mark.parametrize("layer", range(6))
def test_each_layer_s_style_reaches_the_image(model, layer):
    styles = model.styles(torch.randn(1, 5))
    other = styles.clone()
    other[:, layer] = torch.randn(5)
    assert not torch.allclose(model.decode(styles), model.decode(other), atol=1e-5)


@pytest.mark.parametrize(
    ("latents", "options", "message"),
    [
        (torch.zeros(2, 5), {"space": "v"}, "expected one of z, w, w"),
        (torch.zeros(2, 4), {"space": "z"}, r"\(n, dim\) = \(n, 5\)"),
        (torch.zeros(2, 5), {"space": "w+"}, r"\(n, layers, dim\) = \(n, 6, 5\)"),
        (torch.zeros(2, 6, 5), {"space": "w"}, r"\(n, 5\)"),
        (torch.zeros(2, 5), {"space": "z", "truncation": -1}, "truncation=-1"),
        (
            torch.zeros(2, 5),
            {"space": "z", "truncation": 1.5},
            "truncation=1.5; for this model it is a share",
        ),
    ],
)
def test_bad_latents(model, latents, options, message):
    with pytest.raises(InvalidInput, match=message):
        model.styles(latents, **options)


# Noise ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mean_styles(model, monkeypatch):
    """A model in which every latent has the mean's styles, so that noise inputs alone tell samples apart."""
    monkeypatch.setattr(model.generator.mapping, "forward", lambda z: model.mean_w.expand(len(z), -1))
    return model


def test_noise_inputs_are_seeded_and_each_sample_s_own(mean_styles):
    images = mean_styles.generate(3, seed=0)
    assert not torch.allclose(images[0], images[1], atol=1e-3)
    torch.testing.assert_close(mean_styles.generate(3, seed=0, batch_size=1), images)
    assert not torch.allclose(mean_styles.generate(3, seed=1), images, atol=1e-3)


def test_truncation_is_of_the_noise_inputs_too(mean_styles, monkeypatch):
    seen = []
    mean_styles.generator.register_forward_pre_hook(lambda module, given: seen.append(given[1]))
    for options in ({}, {"truncation": 0.5}, {"truncation": 0.5, "temperature": 0.5}):
        mean_styles.generate(2, seed=0, **options)
    for whole, half, quarter in zip(*seen, strict=True):
        torch.testing.assert_close(half, whole / 2)
        torch.testing.assert_close(quarter, whole / 4)


def test_decoding_has_no_noise_unless_asked(model):
    styles = model.styles(torch.randn(2, 5))
    plain, one, other = (model.decode(styles, **options) for options in ({}, {"noise": 1}, {"noise": 2}))
    assert not torch.allclose(plain, one, atol=1e-3)
    assert not torch.allclose(one, other, atol=1e-3)
    torch.testing.assert_close(model.decode(styles[1:], noise=1), one[1:])  # the same for all images


def test_what_is_drawn_for_tools_of_latent_space_are_styles(model):
    noise = Noise(4, 0, 3)
    drawn = model._draw(noise)
    assert not drawn.requires_grad
    torch.testing.assert_close(drawn, model.styles(Noise(4, 0, 3).normal(5)))
    assert not model.spherical


def test_a_bad_seed_of_noise(model):
    with pytest.raises(InvalidInput, match="noise=-1"):
        model.decode(torch.zeros(1, 6, 5), noise=-1)


def test_doubles_are_computed_as_doubles(model):
    twin = copy.deepcopy(model).double()
    twin.track(torch.randn(3, 5).double())
    assert twin.generate(1, seed=0).dtype == torch.float64


# Training ------------------------------------------------------------------------------------------------------------


def test_r1_by_hand(model, batch_for):
    """γ/2 · E‖∇D‖², each image's gradient by itself, sixteen times at every sixteenth step."""
    objective = model.objective_class.create(model, r1=0.4)
    real = torch.randn(4, 3, 16, 16)
    images = real.clone().requires_grad_(True)
    (gradients,) = torch.autograd.grad(objective.discriminator(images).sum(), images)
    expected = 16 * 0.4 / 2 * gradients.square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(objective.penalty(real, real, None), expected)
    for objective.step, counts in ((1, False), (15, False), (16, True), (32, True)):
        assert bool(objective.penalty(real, real, None)) == counts


def test_r1_of_a_linear_discriminator_is_its_weights_energy(model):
    objective = model.objective_class.create(model, r1=2.0, r1_every=1)
    objective.discriminator = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 1))
    real = torch.randn(4, 3, 16, 16)
    expected = objective.discriminator[1].weight.square().sum()  # ½ · 2 · ‖weights‖²
    torch.testing.assert_close(objective.penalty(real, real, None), expected)


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_style_mixing_in_training(model, batch_for, monkeypatch, mixing):
    seen = []
    monkeypatch.setattr(type(model.generator), "forward", lambda self, styles, noise: seen.append((styles, noise)))
    model.objective_class.create(model, mixing=mixing).fake(batch_for(model, 50))
    ((styles, noise),) = seen
    kinds = [len(one.detach().unique(dim=0)) for one in styles]
    assert set(kinds) == {2 if mixing else 1}
    if mixing:
        cuts = {int((one != one[0]).any(1).int().argmax()) for one in styles}
        assert cuts == set(
            range(1, model.style_layers)
        )  # after the first layer at the least, before the last at the latest
    assert [tuple(each.shape) for each in noise] == [(50, 1, size, size) for size in (4, 8, 8, 16, 16)]


def test_the_mean_of_w_is_tracked(model, batch_for):
    w = torch.randn(8, 5)
    before = model.mean_w.clone()
    model.track(w)
    torch.testing.assert_close(model.mean_w, 0.998 * before + 0.002 * w.mean(0))
    objective = model.objective_class.create(model)
    for _ in range(3000):
        model.track(torch.full((2, 5), 3.0))
    torch.testing.assert_close(model.mean_w, torch.full((5,), 3.0), atol=0.02, rtol=0)
    moved = model.mean_w.clone()
    objective.fake(batch_for(model))
    assert not torch.equal(model.mean_w, moved)


# The search for styles -----------------------------------------------------------------------------------------------


def test_encode_finds_styles_of_its_own_images(model):
    styles = model.styles(Noise(5, 0, 2).normal(5), truncation=0.7)
    images = model.decode(styles)
    found = latent.invert(model, images, steps=300, learning_rate=0.05, prior_weight=0.0)
    assert found.latents.shape == (2, 6, 5)
    assert found.error.max() < 0.05 * images.var()
    torch.testing.assert_close(
        (model.decode(found.latents) - images).square().flatten(1).mean(1), found.error, atol=1e-5, rtol=1e-3
    )


def test_the_search_starts_near_the_mean_and_is_drawn_to_it(model):
    starts = model._starts(Noise(0, 0, 3), 4)
    assert starts.shape == (3, 4, 6, 5)
    w = model.generator.mapping(Noise(0, 0, 3).normal(4, 5).flatten(0, 1)).view(3, 4, 5)
    torch.testing.assert_close(starts[:, :, 2], 0.5 * (w + model.mean_w))
    at_mean = model.mean_w.expand(2, 6, 5)
    assert not model._improbability(at_mean).any()
    torch.testing.assert_close(model._improbability(at_mean + 2), torch.full((2,), 4.0))
