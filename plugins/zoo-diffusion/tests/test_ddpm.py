"""DDPM: the equations of both papers against hand-made cases, inversion, and a bound that is one."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from zoo_diffusion.ddpm import DDPM, Config, Objective, discretised
from zoo_diffusion.unet import Attention

import zoo
from zoo.plugin import Batch, Noise, errors

TINY = {"image_size": 4, "width": 8, "multipliers": (1, 2), "attention": 1, "timesteps": 20}


def tiny(*, size=0.1, **changes):
    """A small model whose every parameter has noise added: many start at zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DDPM(Config(**{**TINY, **changes}))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += size * torch.randn_like(parameter)
    return model.eval()


def pictures(n, model):
    return (Noise(0, 0, n, stream="pictures").uniform(*model.space.shape) * 255).round() / 255


def test_the_schedule_by_hand():
    model = tiny(timesteps=3, first_beta=0.1, last_beta=0.3)  # β = 0.1, 0.2, 0.3
    assert model.alpha_bar == pytest.approx([1, 0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7])


def test_noisy_images_are_those_of_equation_4():
    model = tiny(timesteps=3, first_beta=0.1, last_beta=0.3)
    x, epsilon = torch.full((2, 1, 4, 4), -1.0), torch.full((2, 1, 4, 4), 2.0)
    noised = model.noisy(x, epsilon, torch.tensor([1, 3]))
    for row, bar in zip(noised, (0.9, 0.504), strict=True):
        assert torch.allclose(row, torch.tensor(-math.sqrt(bar) + 2 * math.sqrt(1 - bar)))


def test_the_loss_of_a_network_that_tells_nothing_is_the_variance_of_the_noise():
    model = DDPM(Config(**TINY))  # its last convolution starts at zero
    torch.manual_seed(0)
    ((name, loss),) = Objective.create(model).updates(Batch(torch.rand(256, 1, 4, 4)))
    assert name == "network"
    assert loss.item() == pytest.approx(1.0, abs=0.1)


def test_the_loss_of_a_network_that_tells_all_is_zero(monkeypatch):
    model = tiny()
    images = torch.rand(8, 1, 4, 4)

    def knows(x, t):
        bar = torch.tensor(model.alpha_bar)[t].view(-1, 1, 1, 1)
        return (x - bar.sqrt() * (2 * images - 1)) / (1 - bar).sqrt()

    monkeypatch.setattr(model.network, "forward", knows)
    ((_, loss),) = Objective.create(model).updates(Batch(images))
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("t", [2, 7, 20])
def test_with_eta_1_a_step_back_is_the_ancestral_one(t):
    # DDPM, equations 6 and 7: the mean and variance of q(x_{t−1} | x_t, x̂_0), with the x̂_0 that the noise implies.
    model = tiny()
    bars = torch.tensor(model.alpha_bar, dtype=torch.float64)
    a_t, a_s, beta = bars[t], bars[t - 1], 1 - bars[t] / bars[t - 1]
    x, eps = (Noise(0, stream=name).normal(1, 4, 4).double() for name in ("x", "told"))
    clean = (x - (1 - a_t).sqrt() * eps) / a_t.sqrt()
    mean = a_s.sqrt() * beta / (1 - a_t) * clean + (1 - beta).sqrt() * (1 - a_s) / (1 - a_t) * x
    sigma = math.sqrt((1 - a_s) / (1 - a_t) * beta)
    a, b = model._factors(t - 1, t, sigma)
    assert torch.allclose(a * x + b * eps, mean)


def test_with_eta_0_a_step_back_by_hand():
    model = tiny(timesteps=3, first_beta=0.1, last_beta=0.3)
    x, eps = torch.full((1, 1, 4, 4), 0.5), torch.full((1, 1, 4, 4), -1.0)
    clean = (0.5 + math.sqrt(1 - 0.504)) / math.sqrt(0.504)
    expected = math.sqrt(0.9) * clean - math.sqrt(1 - 0.9)
    a, b = model._factors(1, 3)
    assert torch.allclose(a * x + b * eps, torch.tensor(expected))


@pytest.mark.parametrize(("steps", "rungs"), [(1, [20]), (2, [20, 5]), (4, [20, 11, 5, 1]), (20, [*range(20, 0, -1)])])
def test_the_ladder_falls_from_the_last_timestep_to_0_without_a_pause(steps, rungs):
    ladder = tiny()._ladder(steps)
    assert [above for _, above in ladder] == rungs
    assert [below for below, _ in ladder] == [*rungs[1:], 0]


def test_more_steps_than_there_are_count_as_all():
    model = tiny()
    assert model._ladder(1000) == model._ladder(20)


def test_decode_undoes_encode():
    model = tiny(timesteps=100)
    images = 0.2 + 0.6 * pictures(3, model)  # off the ends, at which pixels are clamped
    error = [(model.reconstruct(images, steps=steps) - images).abs().max().item() for steps in (10, 50)]
    assert error[1] < error[0]
    assert error[1] < 0.005


def test_a_strongly_curved_path_is_undone_too(monkeypatch):
    # x_0 is either 0.8 or −0.8: the best network then bends most where neither is likelier.
    model = tiny(timesteps=100, image_size=4)

    def best(x, t):
        bar = torch.tensor(model.alpha_bar)[t].view(-1, 1, 1, 1)
        clean = 0.8 * torch.tanh(0.8 * bar.sqrt() * x / (1 - bar))
        return (x - bar.sqrt() * clean) / (1 - bar).sqrt()

    monkeypatch.setattr(model.network, "forward", best)
    z = Noise(0, 0, 4).normal(*model.latent_shape)
    images = model.decode(z, steps=50)
    assert (model.decode(model.encode(images, steps=50), steps=50) - images).abs().max() < 1e-3


def test_the_published_network_undoes_encode_and_attends_at_one_level_and_in_the_middle():
    model = tiny(timesteps=100, network="published", blocks=2, attention=1, image_size=8, multipliers=(1, 2, 2))
    network = model.network
    attends = [isinstance(block.attention, Attention) for block in [*network.down, network.middle, *network.up]]
    assert attends == [False, False, True, True, False, False, True, *[False] * 3, *[True] * 3, *[False] * 3]
    assert network.embed(torch.tensor([1, 3]))[:, [3, 7]].flatten().tolist() == pytest.approx([0, 1, 2e-4, 1])
    images = 0.2 + 0.6 * pictures(2, model)
    assert (model.reconstruct(images, steps=50) - images).abs().max() < 0.005


def test_an_image_is_encoded_alone_as_in_a_batch():
    model = tiny(timesteps=100, size=0.3)
    images = pictures(3, model)
    together, alone = (model.encode(images, steps=20, batch_size=size) for size in (3, 1))
    assert torch.allclose(together, alone, atol=1e-4)


def test_generate_decodes_the_latents_of_its_seed():
    model = tiny()
    z = Noise(3, 0, 2).normal(*model.latent_shape)
    assert torch.allclose(model.generate(2, seed=3, steps=5), model.decode(z, steps=5), atol=1e-6)


def test_eta_adds_noise_that_follows_from_the_seed():
    model = tiny()
    once, again = (model.generate(2, seed=0, steps=5, eta=1.0) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.allclose(once, model.generate(2, seed=0, steps=5), atol=1e-3)
    assert torch.allclose(once[1:], model.generate(2, seed=0, steps=5, eta=1.0, batch_size=1)[1:], atol=1e-5)


def test_the_divergence_is_that_of_the_two_normals():
    model = tiny()
    x = 2 * pictures(2, model) - 1
    t = torch.tensor([2, 13])
    got = model._divergence(x, t, Noise(0, 0, 2))
    epsilon = Noise(0, 0, 2).normal(*model.space.shape)
    noised = model.noisy(x, epsilon, t)
    with torch.no_grad():
        eps = model.network(noised, t)
    for row, at in enumerate(t.tolist()):
        a_t, a_s = model.alpha_bar[at], model.alpha_bar[at - 1]
        sigma = math.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s))
        # Equation 7 with the true x_0, and with the one that the predicted noise implies.
        means = [
            math.sqrt(a_s) * (1 - a_t / a_s) / (1 - a_t) * clean
            + math.sqrt(a_t / a_s) * (1 - a_s) / (1 - a_t) * noised[row]
            for clean in (x[row], (noised[row] - math.sqrt(1 - a_t) * eps[row]) / math.sqrt(a_t))
        ]
        expected = kl_divergence(Normal(means[0], sigma), Normal(means[1], sigma)).sum()
        assert got[row].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_prior_term_is_that_of_the_two_normals():
    model = tiny(last_beta=0.5)
    x = 2 * pictures(2, model) - 1
    a = model.alpha_bar[-1]
    expected = kl_divergence(Normal(math.sqrt(a) * x, math.sqrt(1 - a)), Normal(0.0, 1.0)).flatten(1).sum(1)
    assert torch.allclose(model._prior(x), expected, atol=1e-5)


@pytest.mark.parametrize("mean", [-1.3, -1.0, 0.1, 0.9])
@pytest.mark.parametrize("sigma", [0.01, 0.3])
def test_the_masses_of_all_256_levels_sum_to_1(mean, sigma):
    levels = torch.arange(256.0)
    mass = discretised(2 * levels / 255 - 1 - mean, levels, sigma).exp()
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-5)
    if sigma == 0.3:  # wide enough for the density times the width of a level to be close, off the ends
        density = Normal(mean, sigma).log_prob(2 * levels / 255 - 1).exp() * 2 / 255
        assert torch.allclose(mass[1:-1], density[1:-1], rtol=1e-3, atol=1e-6)


def test_all_terms_of_the_bound_are_counted_once(monkeypatch):
    model, seen = tiny(), []
    monkeypatch.setattr(model, "_divergence", lambda x, t, noise: seen.append(t) or torch.ones(len(x)))
    images = pictures(3, model)
    whole = model.log_prob(images, samples=1000)
    assert [sorted(row.tolist()) for row in torch.stack(seen, 1)] == 3 * [list(range(2, 21))]
    # Fewer terms stand for all of them.
    assert torch.allclose(model.log_prob(images, samples=4), whole, rtol=1e-5)
    assert all(2 <= t <= 20 for t in torch.cat(seen).tolist())


def test_the_terms_nearest_to_the_image_are_left_to_no_chance(monkeypatch):
    """Those of t = 2 … 30 hold a third of the bound of trained models, which one of ten would miss by half a bit."""
    model, seen = tiny(timesteps=1000), []
    monkeypatch.setattr(
        model, "_divergence", lambda x, t, noise: seen.append(t) or torch.where(t <= 30, 100.0 / t, 1.0)
    )
    monkeypatch.setattr(model, "_decoder", lambda x, levels, noise: torch.zeros(len(x)))
    density = torch.stack([model.log_prob(pictures(4, model), seed=seed) for seed in range(3)])
    expected = sum(100 / t for t in range(2, 31)) + 970 + model._prior(2 * pictures(4, model) - 1)
    assert torch.allclose(model.space.dimensions * math.log(256) - density, expected.expand(3, 4), rtol=1e-5)
    # Of the others one from each of as many even strata, which images and seeds share by chance alone.
    drawn = torch.stack(seen, 1)[:, 29:100]
    assert ((drawn - 31) * 71 // 970 - torch.arange(71)).abs().max() <= 1
    assert drawn.unique(dim=0).shape == (4, 71)


def test_a_draw_that_rounds_up_leads_not_past_the_last_term(monkeypatch):
    model = tiny(timesteps=1000)
    monkeypatch.setattr(Noise, "uniform", lambda self, *shape: torch.full((len(self), *shape), 1 - 2**-24))
    assert model.log_prob(pictures(1, model), samples=999).isfinite().all()


def test_far_tails_of_the_mass_are_alike_on_both_sides():
    levels = torch.tensor([100.0, 100.0])
    left, right = discretised(torch.tensor([-0.06, 0.06]), levels, 0.01).tolist()
    exact = discretised(torch.tensor([-0.06], dtype=torch.float64), levels[:1], 0.01).item()
    assert left == pytest.approx(right) == pytest.approx(exact, rel=1e-4)


def test_the_bound_is_the_sum_of_its_terms(monkeypatch):
    model = tiny()
    images = pictures(1, model)
    monkeypatch.setattr(model, "_divergence", lambda x, t, noise: t.float())
    monkeypatch.setattr(model, "_prior", lambda x: torch.full((len(x),), 1000.0))
    monkeypatch.setattr(model, "_decoder", lambda x, levels, noise: torch.full((len(x),), -10_000.0))
    density = model.log_prob(images, samples=19).item() - model.space.dimensions * math.log(256)
    assert density == pytest.approx(-10_000 - 1000 - sum(range(2, 21)))


def test_the_bound_is_below_the_probability_of_a_known_model(monkeypatch):
    # One pixel, and the network that is best for x_0 ~ N(0, s²): ε = √(1 − ᾱ)·x_t / (ᾱ s² + 1 − ᾱ). Every step back is
    # then x_{t−1} = c_t·x_t + σ_t·ε, so that the variance of x_0 can be followed down from x_T ~ N(0, 1).
    spread, last = 0.4, 50
    model = DDPM(
        Config(image_size=1, width=16, multipliers=(1,), timesteps=last, first_beta=0.002, last_beta=0.3)
    ).eval()
    bars = model.alpha_bar

    def best(x, t):
        bar = torch.tensor(bars)[t].view(-1, 1, 1, 1)
        return (1 - bar).sqrt() * x / (bar * spread**2 + 1 - bar)

    monkeypatch.setattr(model.network, "forward", best)
    variance, one = 1.0, torch.ones(1, 1, 1, 1)
    for t in range(last, 0, -1):
        a_t, a_s = bars[t], bars[t - 1]
        sigma = math.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)) if t > 1 else math.sqrt(1 - bars[1])
        a, b = model._factors(t - 1, t, sigma if t > 1 else 0.0)
        slope = a + b * best(one, torch.tensor([t])).item()
        variance = slope**2 * variance + sigma**2
    levels = torch.arange(256.0).view(-1, 1, 1, 1)
    exact = discretised(2 * levels / 255 - 1, levels, math.sqrt(variance)).flatten()
    draws = torch.stack([model.log_prob(levels / 255, samples=last, seed=s) - math.log(256) for s in range(32)])
    gap, error = exact - draws.mean(0), draws.std(0) / math.sqrt(32)
    assert (gap > -4 * error).all()
    assert 0 < gap.mean() < 2  # coarse steps cost something: the variance of a step back is that of a known x_0
    assert draws.mean(0).exp().sum().item() < 1


def test_bits_per_dim_are_those_of_the_levels():
    model = tiny()
    images = pictures(2, model)
    nats = model.log_prob(images, samples=5) - model.space.dimensions * math.log(256)
    bits = model.bits_per_dim(images, samples=5)
    assert torch.allclose(bits, -nats / (model.space.dimensions * math.log(2)), rtol=1e-5)


def test_a_step_towards_the_data_lowers_the_loss():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DDPM(Config(**TINY))
        objective = Objective.create(model, learning_rate=0.01)
        optimizer, batch, eps = objective.optimizers()["network"], Batch(torch.zeros(64, 1, 4, 4)), []
        for _ in range(60):
            ((_, loss),) = objective.updates(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            eps.append(loss.item())
    assert sum(eps[-10:]) < 0.5 * sum(eps[:10])


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"image_size": 6, "multipliers": (1, 2, 2)}, "multiple of 4"),
        ({"multipliers": ()}, "multipliers"),
        ({"width": 12}, "multiple of 8"),
        ({"width": 9, "groups": 3}, "even number"),
        ({"image_size": 1, "multipliers": (1,), "width": 8}, "larger width"),
        ({"first_beta": 0.0}, "first_beta"),
        ({"first_beta": 0.03}, "betas"),
        ({"last_beta": 1.0}, "last_beta"),
        ({"timesteps": 0}, "timesteps"),
    ],
)
def test_configs_that_cannot_be(fields, word):
    with pytest.raises(errors.ConfigError, match=word):
        Config(**fields)


@pytest.mark.parametrize("options", [{"steps": 0}, {"steps": 2.5}, {"eta": -1.0}, {"eta": 1.5}])
def test_options_out_of_range(options):
    with pytest.raises(errors.InvalidInput, match=next(iter(options))):
        tiny().generate(1, **options)


def test_the_samples_of_a_bound_are_counted():
    with pytest.raises(errors.InvalidInput, match="samples"):
        tiny().log_prob(torch.zeros(1, 1, 4, 4), samples=0)


def test_a_file_of_format_0_has_other_names_of_layers():
    former = {
        "network.enter.weight",
        "network.middle.attention.ask.bias",
        "network.middle.attention.answer.bias",
        "network.leave.2.bias",
        "network.grow.0.bias",
    }
    _, state = DDPM.migrate({}, dict.fromkeys(former, torch.zeros(1)), 0, 0)
    assert state.keys() <= DDPM(Config()).state_dict().keys()
    assert len(state) == len(former)


def test_attention_has_a_dimension_of_heads(monkeypatch):
    """Without one, ONNX does not take it."""
    taken = []
    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", lambda q, k, v: taken.append(q.shape) or v)
    tiny().generate(2, seed=0, steps=1)
    assert set(taken) == {(2, 1, 4, 16)}


def test_a_graph_has_one_step_that_is_repeated(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    # What is written was compared with the model.
    model, path = tiny(), tmp_path / "model.onnx"
    made = zoo.export.write(model, path, "generate", options={"steps": 20, "eta": 1.0})
    (loop,) = [node for node in onnx.load(path).graph.node if node.op_type == "Scan"]
    body = next(attribute.g for attribute in loop.attribute if attribute.name == "body")
    convolutions = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert sum(node.op_type == "Conv" for node in body.node) == len(convolutions)
    assert not any(node.metadata_props or node.doc_string for node in body.node)
    assert [port.kind for port in made.inputs] == ["noise"] * 21 + ["option"]
