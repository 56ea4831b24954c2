"""The adversarial objective: each option, by what the discriminator then sees, pays or becomes."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F

import zoo
from zoo import latent
from zoo.data.dataset import TensorDataset
from zoo.errors import ConfigError, InvalidInput
from zoo.models._gan import LOSSES, AdversarialObjective, AdversarialOptions, spectrally_normalised
from zoo.nn import augment, losses
from zoo.nn.dcgan import Discriminator
from zoo.objective import Batch, split_batch
from zoo.recipe import Recipe
from zoo.training import loop

CARDS = Path(__file__).parents[2] / "cards"


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class Linear(nn.Module):
    """A discriminator that is linear in its input, and notes what it is shown."""

    def __init__(self, features):
        super().__init__()
        self.layer = nn.Linear(features, 1)
        self.seen = []

    def forward(self, images, labels=None):
        self.seen.append((images.detach(), labels))
        return self.layer(images.flatten(1))


@dataclass(frozen=True)
class Options:
    adversarial: AdversarialOptions


def objective_of(model, discriminator, **options):
    return AdversarialObjective(model, discriminator, Options(AdversarialOptions(**options)))


def vectors(**options):
    """An objective for vectors of two numbers."""
    model = zoo.create("gan", image_shape=(2,), latent_dim=3, hidden=(4,))
    return objective_of(model, Linear(2), **options)


def images(**options):
    """An objective for images of 8 × 8 pixels and three channels."""
    model = zoo.create("gan", image_shape=(3, 8, 8), latent_dim=3, hidden=(4,))
    return objective_of(model, Linear(192), **options)


def labelled(**options):
    """An objective for images of one of three classes."""
    model = zoo.create("cgan", image_size=8, width=2, latent_dim=3, classes=("a", "b", "c"))
    return objective_of(model, Linear(64), **options)


def batch_for(objective, n=6):
    labels = (
        torch.arange(n) % len(objective.model.condition.classes) if objective.model.condition.name == "label" else None
    )
    return Batch(torch.rand(n, *objective.model.space.shape), labels)


def seen(objective, batch):
    """Inputs of the discriminator in one pass through the steps."""
    objective.discriminator.seen.clear()
    for _ in objective.updates(batch):
        pass
    return [shown for shown, _ in objective.discriminator.seen]


# The bare objective --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_losses_are_those_of_the_name(name):
    objective = vectors(loss=name)
    batch = batch_for(objective)
    torch.manual_seed(1)
    updates = list(objective.updates(batch))
    torch.manual_seed(1)
    first, second = (objective.model.generator(torch.randn(6, 3)) for _ in range(2))
    expected = {
        "non-saturating": (losses.discriminator_loss, losses.generator_loss),
        "minimax": (losses.discriminator_loss, losses.minimax_generator_loss),
        "least-squares": (losses.least_squares_discriminator_loss, losses.least_squares_generator_loss),
        "hinge": (losses.hinge_discriminator_loss, losses.score_generator_loss),
        "wasserstein": (losses.wasserstein_discriminator_loss, losses.score_generator_loss),
    }[name]
    assert [network for network, _ in updates] == ["discriminator", "generator"]
    torch.testing.assert_close(
        updates[0][1], expected[0](objective.score(batch.images, None), objective.score(first, None))
    )
    torch.testing.assert_close(updates[1][1], expected[1](objective.score(second, None)))


def test_the_discriminator_s_loss_leaves_the_generator_alone_and_the_generator_s_reaches_it():
    objective = images()
    updates = dict(objective.updates(batch_for(objective)))
    parameters = list(objective.model.generator.parameters())
    assert torch.autograd.grad(updates["discriminator"], parameters, allow_unused=True) == (None,) * len(parameters)
    updates = dict(objective.updates(batch_for(objective)))
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(updates["generator"], parameters))


def test_images_are_shown_in_minus_one_to_one_and_vectors_as_they_are():
    objective = images()
    batch = batch_for(objective)
    real, fake, again = seen(objective, batch)
    torch.testing.assert_close(real, 2 * batch.images - 1)
    assert fake.abs().max() <= 1
    assert len(again) == 6
    objective = vectors()
    batch = Batch(10 * torch.randn(6, 2))
    assert torch.equal(seen(objective, batch)[0], batch.images)


def test_generated_images_are_of_the_batch_s_classes():
    objective = labelled()
    batch = batch_for(objective)
    torch.manual_seed(1)
    shown = seen(objective, batch)
    torch.manual_seed(1)
    for made in shown[1:]:
        torch.testing.assert_close(made, objective.model.generator(torch.randn(6, 3), batch.labels))
    assert all(torch.equal(labels, batch.labels) for _, labels in objective.discriminator.seen)


def test_the_log_gets_probabilities_of_logits_and_bare_outputs_of_all_else():
    for name, loss in LOSSES.items():
        objective = vectors(loss=name)
        batch = batch_for(objective)
        torch.manual_seed(1)
        for _ in objective.updates(batch):
            pass
        torch.manual_seed(1)
        outputs = {"real": objective.score(batch.images, None), "fake": objective.score(objective.fake(batch), None)}
        logits = name in ("non-saturating", "minimax")
        expected = {key: (x.sigmoid() if logits else x).mean().item() for key, x in outputs.items()}
        assert objective.observed == pytest.approx(expected)
        assert objective.outputs == loss.outputs == ("score" if name in ("hinge", "wasserstein") else "probability")


def test_losses_are_in_single_precision_under_autocast():
    for name, loss in LOSSES.items():
        options = {"smoothing": 0.1, "label_noise": 0.1} if loss.targets else {}
        objective = images(loss=name, r1=0.1, gradient_penalty=0.1, augment="colour,cutout", input_noise=0.1, **options)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            updates = list(objective.updates(batch_for(objective)))
        assert {update.dtype for _, update in updates} == {torch.float32}


# Labels ---------------------------------------------------------------------------------------------------------------


def optimum(objective, real, fake):
    """The outputs on a point that is drawn `real` times as real and `fake` times as generated, by Newton's method."""
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for _ in range(30):
        # Both kinds in one batch of the same length, so that the means have one denominator.
        outputs = x.expand(real), x.expand(fake)
        loss = real * losses_of(objective, outputs[0], None) + fake * losses_of(objective, None, outputs[1])
        (slope,) = torch.autograd.grad(loss, x, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, x)
        x = (x - slope / curvature).detach().requires_grad_(True)
    return x.item()


def losses_of(objective, real, fake):
    """The part of the loss that is of real or of generated outputs, as the difference of two losses."""
    zero = torch.zeros(1, dtype=torch.float64)
    base = objective.discriminator_loss(zero, zero)
    part = objective.discriminator_loss(zero if real is None else real, zero if fake is None else fake)
    return part - base


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 3 / 4),
        ({"smoothing": 0.1}, 0.9 * 3 / 4),
        ({"fake_smoothing": 0.2}, (3 + 0.2) / 4),
        ({"smoothing": 0.1, "fake_smoothing": 0.1}, (0.9 * 3 + 0.1) / 4),
    ],
)
def test_smoothing_moves_the_best_output_as_it_should(options, expected):
    """At a point three times as often real as generated: ((1 − s)·p + f·q)/(p + q)."""
    assert 1 / (1 + math.exp(-optimum(vectors(**options), 3, 1))) == pytest.approx(expected)
    assert optimum(vectors(loss="least-squares", **options), 3, 1) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.002, 0.1, 0.4])
def test_label_noise_flips_the_stated_share_of_both_kinds(share, kind):
    objective, n = vectors(label_noise=share, smoothing=0.125, fake_smoothing=0.0625), 40_000
    zero, one = torch.zeros(n, dtype=kind), torch.ones(n, dtype=kind)
    # Of outputs 0 the loss is ln 2 whatever the target; of 1 it is softplus(1) − target.
    on_real = F.softplus(torch.tensor(1.0)) - (objective.discriminator_loss(one, zero) - math.log(2))
    on_fake = F.softplus(torch.tensor(1.0)) - (objective.discriminator_loss(zero, one) - math.log(2))
    # A flipped real image has the target of a generated one, and the other way round.
    flipped = (0.875 - on_real.item()) / (0.875 - 0.0625), (on_fake.item() - 0.0625) / (0.875 - 0.0625)
    assert flipped == pytest.approx((share, share), abs=4 * (share / n) ** 0.5)


def test_noisy_labels_move_the_best_output_like_smoothing_on_both_sides():
    torch.manual_seed(3)
    noisy = vectors(label_noise=0.2)
    x = torch.zeros(1, requires_grad=True)
    n = 100_000
    noisy.discriminator_loss((x + 1.0).expand(n), torch.zeros(n)).backward()
    assert x.grad.item() == pytest.approx(1 / (1 + math.exp(-1)) - 0.8, abs=0.005)  # σ(1) − the mean target


# What the discriminator sees ------------------------------------------------------------------------------------------


class Normalised(nn.Module):
    """Batch norm of the first feature, and nothing else."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(1, affine=False)
        self.sizes = []

    def forward(self, x):
        self.sizes.append(len(x))
        return self.norm(x[:, :1])


def test_separate_batches_are_normalised_apart_and_mixed_ones_together():
    told = {}
    for mixed in (False, True):
        objective = vectors(mixed=mixed, loss="wasserstein")
        objective.discriminator = Normalised()
        dict(objective.updates(Batch(torch.randn(6, 2) + 50)))
        told[mixed] = objective.observed["real"] - objective.observed["fake"]
        assert objective.discriminator.sizes == ([12, 6] if mixed else [6, 6, 6])
    # Far as they are apart, each batch's own mean is 0: the critic cannot tell. Together they come to ± 1.
    assert told[False] == pytest.approx(0, abs=1e-5)
    assert told[True] == pytest.approx(2, abs=0.01)


def test_a_mixed_batch_changes_nothing_without_batch_norm():
    objective, other = labelled(), labelled(mixed=True)
    other.load_state_dict(objective.state_dict())
    batch = batch_for(objective)
    values = []
    for each in (objective, other):
        torch.manual_seed(1)
        values.append([loss.item() for _, loss in each.updates(batch)])
    assert values[0] == pytest.approx(values[1])
    shown, labels = other.discriminator.seen[0]
    assert len(shown) == 12
    assert labels.tolist() == [0, 1, 2] * 4


def test_steps_share_the_batch_and_see_each_image_once():
    objective = labelled(discriminator_steps=3)
    batch = batch_for(objective, 10)
    names = [name for name, _ in objective.updates(batch)]
    assert names == ["discriminator"] * 3 + ["generator"]
    calls = objective.discriminator.seen
    assert [len(shown) for shown, _ in calls] == [4, 4, 3, 3, 3, 3, 3]  # real and generated, then the generator's
    reals = calls[0:6:2]
    torch.testing.assert_close(torch.cat([shown for shown, _ in reals]), 2 * batch.images - 1)
    assert torch.equal(torch.cat([labels for _, labels in reals]), batch.labels)
    for (_, labels), (_, made) in zip(reals, calls[1:6:2], strict=True):
        assert torch.equal(labels, made)


def test_a_batch_too_small_to_be_shared_is_seen_whole_by_each():
    objective = vectors(discriminator_steps=4)
    batch = batch_for(objective, 7)
    assert [len(part.images) for part in split_batch(batch, 4)] == [7] * 4
    assert [len(part.images) for part in split_batch(batch, 3)] == [3, 2, 2]
    assert [len(shown) for shown in seen(objective, batch)] == [7] * 9


def test_captions_go_with_their_images():
    captions = tuple((str(place),) for place in range(7))
    parts = split_batch(Batch(torch.arange(7.0), captions=captions), 3)
    assert [[int(said[0]) for said in part.captions] for part in parts] == [part.images.tolist() for part in parts]
    assert sum((part.captions for part in parts), ()) == captions


def test_noise_of_the_stated_deviation_is_on_all_that_the_discriminator_sees():
    objective = images(input_noise=0.3)
    batch = batch_for(objective, 64)
    torch.manual_seed(1)
    real, fake, again = seen(objective, batch)
    added = real - (2 * batch.images - 1)
    assert added.std().item() == pytest.approx(0.3, rel=0.03)
    assert added.mean().item() == pytest.approx(0, abs=0.01)
    torch.manual_seed(1)
    made = objective.fake(batch).detach()
    assert (fake - made).std().item() == pytest.approx(0.3, rel=0.03)
    assert again.abs().max() > 1  # beyond what the generator's tanh makes


def test_augmentations_are_applied_in_order_to_real_and_generated_and_pass_gradients(monkeypatch):
    monkeypatch.setitem(augment.AUGMENTATIONS, "double", lambda x: 2 * x)
    monkeypatch.setitem(augment.AUGMENTATIONS, "add", lambda x: x + 1)
    objective = images(augment="add, double")
    batch = batch_for(objective)
    torch.manual_seed(1)
    updates = dict(objective.updates(batch))
    real, fake, again = (shown for shown, _ in objective.discriminator.seen)
    torch.manual_seed(1)
    made = objective.fake(batch).detach(), objective.fake(batch).detach()
    torch.testing.assert_close(real, 4 * batch.images)  # 2·(2x − 1 + 1)
    torch.testing.assert_close(fake, 2 * (made[0] + 1))
    torch.testing.assert_close(again, 2 * (made[1] + 1))
    for parameter, gradient in zip(
        objective.model.generator.parameters(),
        torch.autograd.grad(updates["generator"], list(objective.model.generator.parameters())),
        strict=True,
    ):
        assert gradient.abs().sum() > 0, tuple(parameter.shape)


# Bounds on the discriminator ------------------------------------------------------------------------------------------


class Square(nn.Module):
    """½a‖x‖², whose gradient is ax."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x):
        return 0.5 * self.a * x.square().flatten(1).sum(1)


def extra(batch, **options):
    """What an option adds to the discriminator's loss."""
    values = []
    for given in (options, {}):
        torch.manual_seed(1)
        objective = vectors(loss="wasserstein", **given)
        objective.discriminator = Square(0.7)
        torch.manual_seed(2)
        values.append(dict(objective.updates(batch))["discriminator"].item())
    return values[0] - values[1]


def test_r1_is_half_gamma_times_the_squared_gradient_at_real_vectors():
    batch = Batch(torch.randn(6, 2))
    expected = 0.5 * 3 * (0.7 * batch.images).square().sum(1).mean().item()
    assert extra(batch, r1=3.0) == pytest.approx(expected, rel=1e-4)


def test_gradient_penalty_is_lambda_times_the_squared_distance_from_one_between_real_and_generated():
    batch = Batch(torch.randn(6, 2))
    torch.manual_seed(1)
    objective = vectors()
    torch.manual_seed(2)
    made, mix = objective.fake(batch), torch.rand(6)[:, None]
    norms = (0.7 * (mix * batch.images + (1 - mix) * made)).norm(dim=1)
    assert extra(batch, gradient_penalty=10.0) == pytest.approx(10 * (norms - 1).square().mean().item(), rel=1e-4)


def test_penalties_are_of_what_the_discriminator_is_shown(monkeypatch):
    monkeypatch.setitem(augment.AUGMENTATIONS, "double", lambda x: 2 * x)
    objective = images(augment="double", r1=1.0)
    objective.discriminator = Square(1.0)
    real = 2 * batch_for(objective).images - 1
    shown = objective.augmented(real)
    assert objective.penalty(shown, shown, None).item() == pytest.approx(
        0.5 * 4 * real.square().flatten(1).sum(1).mean().item()
    )


def test_the_generator_pays_no_penalty():
    objective = vectors(loss="wasserstein", r1=100.0, gradient_penalty=100.0)
    batch = batch_for(objective)
    torch.manual_seed(1)
    loss = objective.generator_step(batch)
    torch.manual_seed(1)
    torch.testing.assert_close(loss, -objective.score(objective.fake(batch), None).mean())


def test_weights_are_clipped_before_every_loss_and_after_the_last_step():
    objective = vectors(loss="wasserstein", weight_clip=0.05, discriminator_steps=3)
    generator = [parameter.clone() for parameter in objective.model.generator.parameters()]

    def largest():
        return max(parameter.abs().max().item() for parameter in objective.discriminator.parameters())

    bounds = []
    for name, _ in objective.updates(batch_for(objective)):
        bounds.append((name, largest()))
        if name == "discriminator":
            with torch.no_grad():
                for parameter in objective.discriminator.parameters():
                    parameter.add_(torch.where(parameter > 0, 1.0, -1.0))
    assert [name for name, _ in bounds] == ["discriminator"] * 3 + ["generator"]
    assert all(bound <= 0.05 + 1e-9 for _, bound in bounds)
    assert bounds[-1][1] == pytest.approx(0.05)
    assert largest() == pytest.approx(0.05)
    assert all(map(torch.equal, generator, objective.model.generator.parameters()))


def test_spectral_norm_makes_the_largest_singular_value_one():
    network = nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 3, 2), nn.Flatten(), nn.Linear(3 * 7 * 7, 4)
    )
    network.embedding = nn.Embedding(6, 4)
    scale = network[1].weight
    spectrally_normalised(network)
    for _ in range(60):  # one iteration of the power method with each pass in training
        network[:5](torch.rand(2, 2, 8, 8))
        network.embedding(torch.arange(2))
    network.eval()
    matrices = {
        "conv": network[0].weight.flatten(1),
        "transposed": network[2].weight.transpose(0, 1).flatten(1),
        "dense": network[4].weight,
        "embedding": network.embedding.weight,
    }
    for name, matrix in matrices.items():
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=0.02), name
    assert network[1].weight is scale


def test_spectral_norm_is_of_the_whole_discriminator_and_of_nothing_else():
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    objective = objective_of(model, Discriminator(8, 3, 4, batch_norm=False), spectral_norm=True)
    normed = [name for name, _ in objective.discriminator.named_parameters() if name.endswith("original")]
    assert len(normed) == 2
    assert not [name for name in model.state_dict() if "parametrizations" in name]
    for optimizer_name, loss in objective.updates(batch_for(objective)):
        network = objective.discriminator if optimizer_name == "discriminator" else model.generator
        parameters = list(network.parameters())
        assert all(g.abs().sum() > 0 for g in torch.autograd.grad(loss, parameters, retain_graph=True))


# Optimizers -----------------------------------------------------------------------------------------------------------


def test_learning_rates_and_betas_reach_adam():
    optimizers = vectors(learning_rate=0.001, discriminator_learning_rate=0.004, beta1=0.0, beta2=0.9).optimizers()
    assert {name: (o.defaults["lr"], o.defaults["betas"]) for name, o in optimizers.items()} == {
        "discriminator": (0.004, (0.0, 0.9)),
        "generator": (0.001, (0.0, 0.9)),
    }
    plain = vectors(learning_rate=0.003).optimizers()
    assert {(type(o), o.defaults["lr"], o.defaults["betas"]) for o in plain.values()} == {
        (torch.optim.Adam, 0.003, (0.5, 0.999))
    }


def test_each_network_is_in_one_optimizer_whole():
    objective = vectors()
    held = {name: {id(p) for g in o.param_groups for p in g["params"]} for name, o in objective.optimizers().items()}
    assert held["discriminator"] == {id(p) for p in objective.discriminator.parameters()}
    assert held["generator"] == {id(p) for p in objective.model.generator.parameters()}


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "least squares"}, "expected one of non-saturating, minimax, least-squares"),
        ({"smoothing": 0.5}, r"smoothing=0.5; expected a number in \[0, 0.5\)"),
        ({"fake_smoothing": -0.1}, "fake_smoothing=-0.1"),
        ({"label_noise": 1.0}, "label_noise=1.0"),
        ({"label_noise": math.nan}, "label_noise=nan"),
        ({"loss": "hinge", "smoothing": 0.1}, "hinge loss has no labels.*non-saturating, minimax, least-squares"),
        ({"loss": "wasserstein", "label_noise": 0.1}, "wasserstein loss has no labels"),
        ({"input_noise": -0.1}, "input_noise=-0.1; expected a finite number of at least 0"),
        ({"r1": -1.0}, "r1=-1.0"),
        ({"gradient_penalty": math.inf}, "gradient_penalty=inf"),
        ({"weight_clip": -0.01}, "weight_clip=-0.01"),
        ({"augment": "color"}, "'color'; expected some of colour, translation, cutout"),
        ({"augment": "colour,flip"}, "'flip'"),
        ({"augment": ["colour"]}, r"augment=\['colour'\]; expected text, for example colour,cutout"),
        ({"augment": None}, "augment=None"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        images(**options)


def test_a_discriminator_without_units_is_refused():
    with pytest.raises(ConfigError, match="layer without units"):
        objective_of(images().model, nn.ParameterList([torch.empty(0, 64)]))


def test_augmentation_of_vectors_is_refused():
    with pytest.raises(ConfigError, match=r"augment='colour'.*vectors"):
        vectors(augment="colour")


@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_a_number_of_steps_that_is_none_is_refused(steps):
    with pytest.raises(ConfigError, match="discriminator_steps"):
        vectors(discriminator_steps=steps)


# Whole runs -----------------------------------------------------------------------------------------------------------

SMALL = {"image_size": 8, "width": 2}
ALL = {"smoothing": 0.1, "fake_smoothing": 0.1, "label_noise": 0.1, "mixed": True, "input_noise": 0.1, "r1": 0.5,
       "augment": "colour,translation,cutout", "discriminator_steps": 2}  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "config", "objective"),
    [
        ("dcgan", SMALL, {"width": 2, "loss": "hinge", "spectral_norm": True, "batch_norm": False}),
        ("dcgan", SMALL, {"width": 2, **ALL}),
        ("wgan", SMALL, {"width": 2, "discriminator_steps": 2}),
        ("infogan", {**SMALL, "channels": 3, "reader_width": 2}, {}),
    ],
)
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path, architecture, config, objective):
    """Among what has to be kept: the vectors of the power method, RMSProp's averages, groups of parameters."""
    pixels = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8)
    data = TensorDataset("noise", "train", pixels)
    recipe = Recipe(steps=4, batch_size=8, ema=0.9, precision="bf16-mixed", channels_last=True, objective=objective)

    def run(folder, **arguments):
        return loop.fit(
            lambda: zoo.create(architecture, **config), data, recipe, folder, accelerator="cpu", **arguments
        )

    run(tmp_path / "whole")
    run(tmp_path / "halves", until=2)
    run(tmp_path / "halves", resume=True)
    whole, halves = (tmp_path / name / "checkpoint.safetensors" for name in ("whole", "halves"))
    assert whole.read_bytes() == halves.read_bytes()


# The model ------------------------------------------------------------------------------------------------------------


def test_the_generator_s_range_becomes_that_of_images_and_vectors_stay():
    objective = images()
    z = torch.randn(4, 3)
    with torch.no_grad():
        torch.testing.assert_close(objective.model.decode(z), (objective.model.generator(z) + 1) / 2)
        vector = vectors().model
        torch.testing.assert_close(vector.decode(z), vector.generator(z))


def test_truncation_makes_samples_alike_in_every_chunk_the_same(perturbed):
    model = perturbed(zoo.create("dcgan", image_size=8, width=2, latent_dim=6), 0.3)
    whole = model.generate(7, seed=3, truncation=0.7)
    torch.testing.assert_close(model.generate(7, seed=3, truncation=0.7, batch_size=2), whole)
    torch.testing.assert_close(model.generate(3, seed=3, truncation=0.7), whole[:3])
    z = latent.truncate(latent.Noise(3, 0, 7).normal(6), 0.7)
    torch.testing.assert_close(model.decode(z), whole)
    assert z.abs().max() <= 0.7
    spread = [model.generate(64, seed=3, truncation=t).std(0).mean().item() for t in (0.1, 0.7, 8.0)]
    assert spread[0] < spread[1] < spread[2]
    torch.testing.assert_close(model.generate(7, seed=3, truncation=8.0), model.generate(7, seed=3), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.generate(2, seed=3, truncation=0.0), model.decode(torch.zeros(2, 6)))


def test_temperature_is_a_factor_after_truncation(perturbed):
    model = perturbed(zoo.create("dcgan", image_size=8, width=2, latent_dim=6), 0.3)
    z = 0.5 * latent.truncate(latent.Noise(3, 0, 4).normal(6), 0.7)
    torch.testing.assert_close(model.generate(4, seed=3, truncation=0.7, temperature=0.5), model.decode(z))


@pytest.mark.parametrize("truncation", [-0.1, math.nan, "wide"])
def test_a_truncation_that_is_none_is_refused(truncation):
    with pytest.raises(InvalidInput, match="truncation"):
        zoo.create("dcgan", image_size=8, width=2).generate(1, truncation=truncation)


@pytest.mark.parametrize(
    ("architecture", "option"),
    [
        ("acgan", "auxiliary"),
        ("biggan-lite", "orthogonal"),
        ("ebgan", "margin"),
        ("ebgan", "pull"),
        ("infogan", "information"),
        ("infogan", "numbers"),
        ("vae-gan", "kl"),
        ("vae-gan", "reconstruction_weight"),
    ],
)
def test_a_factor_below_zero_is_refused(architecture, option):
    model = zoo.create(architecture)
    for value in (-1.0, math.nan):
        with pytest.raises(ConfigError, match=option):
            model.objective_class.create(model, **{option: value})


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("progan-celeba", "generator.paint.4.weight", "generator.to_rgb.4.weight"),
        ("stylegan-lite-celeba", "generator.colours.2.paint.bias", "generator.to_rgb.2.conv.bias"),
        ("biggan-lite-cifar10", "generator.paint.2.bias", "generator.to_rgb.2.bias"),
        ("cgan-fashion-mnist", "generator.grow.3.weight", "generator.network.3.weight"),
        ("acgan-fashion-mnist", "generator.grow.3.weight", "generator.network.3.weight"),
        ("stackgan-emoji", "generator.augment.1.read.bias", "generator.augment.1.moments.bias"),
        ("stackgan-emoji", "generator.refine.read.0.bias", "generator.refine.down.0.bias"),
        ("stackgan-emoji", "generator.sketch.grow.2.weight", "generator.sketch.network.2.weight"),
    ],
)
def test_layers_renamed_since_format_0_are_read(name, old, new):
    with safe_open(CARDS / name / "model.safetensors", framework="pt") as file:
        assert "format" not in json.loads(file.metadata()["zoo"])
        assert any(key.startswith(old) for key in file.keys())  # noqa: SIM118 - not a mapping
    assert new in zoo.load(name).state_dict()
