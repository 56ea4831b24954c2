"""`Model`: what the public methods promise, on small models of which everything is known by hand."""

import dataclasses
import inspect
import json
import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import conditions, releases
from zoo.errors import CapabilityError, Converted, InvalidInput, UnknownName, WeightsError
from zoo.model import Model
from zoo.noise import Noise
from zoo.spaces import BinaryImages, Images, Vectors


@dataclasses.dataclass(frozen=True)
class Config:
    size: int = 4
    classes: tuple[str, ...] = ()


class Toy(Model):
    """Images are sigmoid(shift + z), with a batch norm and a dropout that would show a wrong mode."""

    config_class = Config
    log_prob_kind = "exact"

    def __init__(self, config=None):
        super().__init__(config or Config())
        self.space, self.latent_shape = Images((1, self.config.size, self.config.size)), (self.config.size**2,)
        self.shift = nn.Parameter(torch.zeros(()))
        self.norm = nn.Sequential(nn.BatchNorm1d(self.config.size**2), nn.Dropout(0.9))
        self.seen, self.inference = [], []

    def _note(self, condition, n):
        self.seen.append((n, None if condition is None else condition.tolist(), self.norm.training))
        self.inference.append(torch.is_inference_mode_enabled())

    def _decode(self, z, condition):
        self._note(condition, len(z))
        return torch.sigmoid(self.norm(z + self.shift)).view(-1, *self.space.shape)

    def _encode(self, images, condition, noise, *, blur=0.0):
        self._note(condition, len(images))
        return torch.logit(images.flatten(1).clamp(0.01, 0.99)) + blur * noise.normal(*self.latent_shape)

    def _log_prob(self, images, condition, noise, *, samples=1):
        """A uniform density, with a little noise to be seen."""
        self._note(condition, len(images))
        return torch.zeros(len(images), dtype=images.dtype) * samples


class Labelled(Toy):
    """Adds the label to every pixel."""

    def __init__(self):
        super().__init__(Config(classes=("Sneaker", "Ankle boot", "Bag")))
        self.condition = conditions.Labels(self.config.classes)

    def _decode(self, z, condition):
        self._note(condition, len(z))
        return condition.view(-1, 1, 1, 1).expand(-1, *self.space.shape) / 10 + 0 * z.view(-1, *self.space.shape)


class Painter(Model):
    """Generates and nothing else; has no weights at all."""

    config_class = Config

    def __init__(self):
        super().__init__(Config())
        self.space = Images((1, 2, 2))

    def _generate(self, noise, condition, temperature, *, steps=1, gain=1.0):
        return noise.uniform(*self.space.shape) * gain / steps


IMAGES = torch.linspace(0, 1, 5 * 16).view(5, 1, 4, 4)


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return Toy().eval()


@pytest.fixture
def labelled():
    return Labelled().eval()


# Seeds ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 100])
def test_sample_i_of_a_seed_depends_neither_on_n_nor_on_the_chunks(toy, batch_size):
    whole = toy.generate(7, seed=3)
    for n in (1, 4, 7):
        torch.testing.assert_close(toy.generate(n, seed=3, batch_size=batch_size), whole[:n], rtol=0, atol=1e-6)


def test_latents_of_a_seed_are_bitwise_the_same_in_any_chunks():
    painter = Painter()
    whole = painter.generate(130, seed=0)
    for batch_size in (1, 7, 64, 200):
        assert torch.equal(painter.generate(130, seed=0, batch_size=batch_size), whole)


def test_a_seed_means_the_same_in_a_fresh_process(python):
    here = Noise(5, 0, 3).normal(2)
    source = "import json\nfrom zoo.latent import Noise\nprint(json.dumps(Noise(5, 0, 3).normal(2).tolist()))"
    assert json.loads(python(source)) == here.tolist()


def test_seeds_differ_and_no_seed_is_a_fresh_one(toy):
    assert not torch.equal(toy.generate(2, seed=0), toy.generate(2, seed=1))
    assert not torch.equal(toy.generate(2), toy.generate(2))


def test_the_global_generator_is_neither_read_nor_moved(toy):
    torch.manual_seed(1)
    first, before = toy.generate(2, seed=0), torch.get_rng_state()
    toy.generate(2)
    toy.encode(IMAGES, blur=1.0)
    toy.log_prob(IMAGES)
    toy.bits_per_dim((IMAGES * 255).round() / 255)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(toy.generate(2, seed=0), first)


def test_a_large_seed_and_numpy_numbers_serve(toy):
    assert toy.generate(1, seed=2**80).shape == (1, 1, 4, 4)
    assert torch.equal(toy.generate(np.int64(2), seed=np.int32(3)), toy.generate(2, seed=3))


def test_encoding_is_deterministic_and_its_noise_is_per_image(toy):
    whole = toy.encode(IMAGES, blur=1.0)
    assert torch.equal(toy.encode(IMAGES, blur=1.0, batch_size=2), whole)
    assert not torch.equal(toy.encode(IMAGES, blur=1.0, seed=1), whole)


def test_temperature_scales_the_latents(toy):
    latents = {t: torch.logit(toy.generate(3, seed=0, temperature=t)) for t in (0, 0.5, 1)}
    torch.testing.assert_close(latents[0.5], latents[1] / 2, rtol=1e-3, atol=1e-4)
    assert latents[0].abs().max() == 0


def test_double_precision_uses_the_same_noise(toy):
    torch.testing.assert_close(toy.double().generate(2, seed=0).float(), Toy().eval().generate(2, seed=0))


# Modes ---------------------------------------------------------------------------------------------------------------


def test_a_model_left_in_training_mode_generates_in_eval_mode_and_is_left_as_it_was(toy):
    expected = toy.generate(4, seed=0)
    toy.train()
    toy.norm[1].eval()
    modes = [module.training for module in toy.modules()]
    statistics = {name: buffer.clone() for name, buffer in toy.named_buffers()}
    assert torch.equal(toy.generate(4, seed=0), expected)
    assert [module.training for module in toy.modules()] == modes
    assert True in modes
    assert False in modes
    assert all(torch.equal(buffer, statistics[name]) for name, buffer in toy.named_buffers())
    assert not any(training for _, _, training in toy.seen)


def test_in_training_mode_the_others_are_plain_functions_of_the_whole_batch(toy):
    toy.train()
    images = IMAGES.repeat(30, 1, 1, 1)  # more than a chunk
    made = toy.decode(toy.encode(images))
    made.sum().backward()
    assert toy.shift.grad is not None
    assert toy.shift.grad.abs() > 0
    toy.log_prob(images)
    assert toy.seen == [(150, None, True)] * 3
    assert toy.inference == [False] * 3
    assert toy.norm[0].num_batches_tracked == 1


def test_in_eval_mode_gradients_flow_to_inputs_that_require_them_in_chunks(toy):
    images = IMAGES.repeat(30, 1, 1, 1).requires_grad_()
    toy.encode(images).sum().backward()
    assert images.grad is not None
    assert images.grad[:, 0, 1:-1].abs().min() > 0
    assert [n for n, _, _ in toy.seen] == [64, 64, 22]
    assert not toy.encode(images.detach()).requires_grad
    with torch.no_grad():
        assert not toy.encode(images).requires_grad
    assert toy.inference == [False] * 3 + [True] * 6


def test_a_model_is_called_as_the_module_it_is(toy):
    z = torch.linspace(-1, 1, 32).view(2, 16)
    assert torch.equal(toy(z), toy.decode(z))
    with pytest.raises(NotImplementedError):
        Painter()(z)


def test_first_counts_the_samples_of_a_seed(toy, labelled):
    assert torch.equal(toy.generate(3, seed=1, first=4), toy.generate(7, seed=1)[4:])
    assert torch.equal(toy.latents(3, seed=1, first=4), toy.latents(7, seed=1)[4:])
    assert torch.equal(
        labelled.generate(3, seed=1, first=90), labelled.generate(93, seed=1)[90:]
    )  # labels are drawn too
    with pytest.raises(InvalidInput, match="first=-1"):
        toy.generate(first=-1)


def test_chunks_are_computed_when_they_are_asked_for(toy):
    chunks = toy.generate_chunks(7, seed=2, batch_size=3)
    assert not toy.seen
    first = next(chunks)
    assert [n for n, _, _ in toy.seen] == [3]
    assert not first.is_inference()
    assert torch.equal(torch.cat([first, *chunks]), toy.generate(7, seed=2, batch_size=3))
    with pytest.raises(InvalidInput, match="n=0"):
        toy.generate_chunks(0)  # at once, and not when the first is asked for


def test_latents_are_those_that_are_decoded(toy):
    assert torch.equal(toy.decode(toy.latents(3, seed=5, temperature=0.5)), toy.generate(3, seed=5, temperature=0.5))


def test_options_of_hooks_stand_in_the_signatures_of_public_methods(toy):
    parameters = inspect.signature(Painter.generate).parameters
    assert (parameters["steps"].default, parameters["gain"].default) == (1, 1.0)
    assert "options" not in parameters
    assert "steps" not in inspect.signature(Model.generate).parameters
    assert "samples" in inspect.signature(toy.log_prob).parameters
    plain = type("Plain", (Painter,), {"_generate": lambda self, noise, condition, temperature: noise.uniform(1, 2, 2)})
    assert "steps" not in inspect.signature(plain.generate).parameters


def test_chunks_and_latents_show_the_same_options():
    assert "gain" in inspect.signature(Painter.generate_chunks).parameters
    gan = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    assert "truncation" in inspect.signature(gan.latents).parameters


def test_a_space_of_four_levels_counts_bits_of_four():
    class Dim(Images):
        levels = 4

    toy = Toy().eval()
    toy.space = Dim(toy.space.shape)
    levels = torch.arange(32).view(2, 1, 4, 4) % 4 / 3
    assert toy.bits_per_dim(levels, seed=0).tolist() == pytest.approx([2.0, 2.0])


def test_gradients_to_inputs_leave_parameters_and_what_was_fused_alone():
    model = zoo.create("glow", image_shape=(1, 4, 4), levels=1, steps=2, width=8)
    model.log_prob(torch.rand(4, 1, 4, 4))  # in train mode: initialises
    model.eval().fuse()
    fused = [module for module in model.modules() if getattr(module, "fused", None) is not None]
    assert fused
    images = torch.rand(2, 1, 4, 4, requires_grad=True)
    model.log_prob(images).sum().backward()
    assert images.grad.abs().min() > 0
    assert all(module.fused is not None for module in fused)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("architecture", ["glow", "maf", "srresnet"])
def test_a_fused_model_is_exported_as_it_is_loaded(architecture):
    small = {
        "glow": {"image_shape": (1, 4, 4), "levels": 1, "steps": 2, "width": 8},
        "maf": {"image_shape": (3,), "layers": 2, "hidden": (4,)},
        "srresnet": {"image_shape": (1, 24, 24), "width": 4, "blocks": 1},
    }
    torch.manual_seed(0)
    model = zoo.create(architecture, **small[architecture]).eval().fuse()
    x = torch.rand(3, *(model.latent_shape or (1, 6, 6)))
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("n")}, None)[:1])
    for n in (1, 5):
        z = torch.rand(n, *x.shape[1:])
        torch.testing.assert_close(program.module()(z), model(z), rtol=1e-4, atol=1e-5)


def test_a_model_is_shown_in_a_line(toy):
    shown = repr(toy)
    expected = "Toy('Toy': images (1, 4, 4), unconditional; can decode, encode, generate, log_prob; 33 parameters"
    assert shown.startswith(expected)
    assert "\n" not in shown
    assert "conditioned on 3 labels" in repr(Labelled())


def test_the_mode_is_restored_when_a_hook_fails(toy):
    toy.train()

    def fail(*arguments):
        raise RuntimeError("out of memory")

    toy._decode = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        toy.generate()
    assert all(module.training for module in toy.modules())


@pytest.mark.parametrize("n", [1, 100])
def test_results_can_go_on_in_autograd(toy, n):
    images = toy.generate(n, seed=0)
    assert not images.is_inference()
    assert not images.requires_grad
    weight = torch.ones((), requires_grad=True)
    (images * weight).sum().backward()
    assert weight.grad.item() == pytest.approx(images.sum().item())
    for result in (toy.encode(images), toy.decode(toy.encode(images)), toy.log_prob(images)):
        assert not result.is_inference()


def test_inputs_of_any_float_type_and_inference_mode_are_taken(toy):
    expected = toy.encode(IMAGES)
    torch.testing.assert_close(toy.encode(IMAGES.double()), expected)
    with torch.inference_mode():
        torch.testing.assert_close(toy.encode(IMAGES.clone()), expected)
    torch.testing.assert_close(toy.encode(IMAGES.clone().requires_grad_()), expected)


def test_inputs_are_left_alone(toy):
    images = IMAGES.clone()
    toy.encode(images)
    toy.log_prob(images)
    assert torch.equal(images, IMAGES)


def test_chunks_have_the_size_asked_for_and_at_most_64(toy):
    toy.generate(5, batch_size=2)
    toy.decode(torch.zeros(100, 16))
    assert [n for n, _, _ in toy.seen] == [2, 2, 1, 64, 36]


# Capabilities --------------------------------------------------------------------------------------------------------


def test_capabilities_follow_from_the_hooks():
    assert Toy.capabilities() == {"generate", "encode", "decode", "log_prob"}
    assert Painter.capabilities() == {"generate"}
    assert Model.capabilities() == frozenset()


@pytest.mark.parametrize(
    ("call", "capability"),
    [
        (lambda m: m.encode(IMAGES), "encode"),
        (lambda m: m.decode(IMAGES), "decode"),
        (lambda m: m.log_prob(IMAGES), "log_prob"),
        (lambda m: m.bits_per_dim(IMAGES), "log_prob"),
        (lambda m: m.reconstruct(IMAGES), "encode"),
    ],
)
def test_what_a_model_cannot_do_names_what_it_can_and_who_could(call, capability):
    with pytest.raises(CapabilityError, match=f"^Painter has no {capability}; it can generate\\.$"):
        call(Painter())
    painter = Painter()
    painter.releases_with = lambda wanted, near: ["able", "other"] if wanted == capability else []
    message = f"^Painter has no {capability}; it can generate\\. Models that can: able, other\\.$"
    with pytest.raises(CapabilityError, match=message):
        call(painter)


def test_a_model_that_was_created_knows_who_could():
    model = zoo.create("dcgan", image_size=8, width=2)
    able = releases.releases_with("log_prob", model.provenance)
    assert sorted(able) == zoo.list_models(capability="log_prob")
    some = f"Models that can: {', '.join(able[:5])}, and {len(able) - 5} more: zoo list --capability log_prob."
    with pytest.raises(CapabilityError, match=f"{re.escape(some)}$"):
        model.log_prob(torch.zeros(1, 3, 8, 8))


def test_a_model_without_weights_has_a_device_and_a_type():
    assert Painter().device.type == "cpu"
    assert Painter().dtype is torch.float32
    assert Painter().generate(2, seed=0).shape == (2, 1, 2, 2)


# Options -------------------------------------------------------------------------------------------------------------


def test_declared_options_reach_the_hook():
    painter = Painter()
    assert torch.equal(painter.generate(2, seed=0, steps=2, gain=4.0), 2 * painter.generate(2, seed=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: Painter().generate(1, step=3), "unknown option 'step' of generate; its options are: steps, gain"),
        (lambda m: m.generate(1, truncation=0.5), "unknown option 'truncation' of generate; it has no options"),
        (lambda m: m.generate(1, label=0), r"unknown option 'label' of generate.* Did you mean condition=\?"),
        (lambda m: m.encode(IMAGES, z=1), "unknown option 'z' of encode; its options are: blur"),
        (lambda m: m.decode(torch.zeros(1, 16), condition_=1), "unknown option 'condition_' of decode"),
        (lambda m: m.log_prob(IMAGES, noise=1), "unknown option 'noise' of log_prob; its options are: samples"),
    ],
)
def test_undeclared_options_are_errors(toy, call, message):
    with pytest.raises(InvalidInput, match=message):
        call(toy)


# Careless users ------------------------------------------------------------------------------------------------------

BAD_IMAGES = {
    "bytes": ((IMAGES * 255).byte(), r"torch\.uint8; expected floats. For bytes pass images\.float\(\) / 255"),
    "[-1, 1]": (2 * IMAGES - 1, r"from -1 to 1; expected \[0, 1\]. Perhaps \(images \+ 1\) / 2"),
    "[0, 255]": (IMAGES * 255, r"from 0 to 255; expected \[0, 1\]. Perhaps images / 255"),
    "overshoot": (IMAGES * 1.001, r"to 1\.001; .*images\.clamp\(0, 1\)"),
    "NaN": (IMAGES / IMAGES.floor(), "NaN or infinite"),
    "infinite": (IMAGES + float("inf"), "NaN or infinite"),
    "empty": (IMAGES[:0], "an empty batch; expected"),
    "one image": (IMAGES[0], r"shape \(1, 4, 4\); expected .*unsqueeze\(0\)"),
    "flat": (IMAGES.flatten(1), r"shape \(5, 16\); expected \(n, channels, height, width\) = \(n, 1, 4, 4\)"),
    "colour": (IMAGES.expand(-1, 3, -1, -1), r"shape \(5, 3, 4, 4\)"),
    "channels last": (IMAGES.permute(0, 2, 3, 1), r"shape \(5, 4, 4, 1\).*permute\(0, 3, 1, 2\)"),
    "too large": (torch.zeros(1, 1, 8, 8), r"shape \(1, 1, 8, 8\)"),
    "bytes in an array": ((IMAGES * 255).byte().numpy(), r"torch\.uint8; expected floats"),
    "arrays of two sizes": ([np.zeros((1, 4, 4)), np.zeros((1, 4, 5))], r"one shape; \(1, 4, 4\), \(1, 4, 5\)\. Call"),
    "numbers": ([0.5, 0.5], "an image came as float; expected a tensor, an array, PIL images, or paths"),
    "list of batches": ([IMAGES], r"shape \(1, 5, 1, 4, 4\)"),
    "nothing": ([], "no images came; expected at least one"),
    "None": (None, "came as NoneType"),
    "complex": (IMAGES + 0j, "complex64; expected floats"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
@pytest.mark.parametrize("method", ["encode", "log_prob", "bits_per_dim", "reconstruct"])
def test_wrong_images(toy, method, case):
    images, message = BAD_IMAGES[case]
    with pytest.raises(InvalidInput, match=message):
        getattr(toy, method)(images)
    assert not toy.seen


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        (torch.zeros(2, 15), r"shape \(2, 15\); expected \(n, \*latent_shape\) = \(n, 16\)"),
        (torch.zeros(16), r"unsqueeze\(0\)"),
        (torch.zeros(0, 16), "empty batch"),
        (torch.zeros(2, 16).long(), r"torch\.int64; expected floats. Pass latents\.float\(\)"),
        (torch.full((2, 16), float("nan")), "latents hold NaN"),
        (torch.zeros(2, 16).bool(), r"torch\.bool; expected floats. Pass latents\.float\(\)"),
        (np.zeros((2, 16), np.int64), r"torch\.int64; expected floats. Pass latents\.float\(\)"),
        (np.full((2, 16), None), "an array of object; expected real numbers"),
        ([[0.0] * 16], "latents came as list; expected a tensor"),
    ],
)
def test_wrong_latents(toy, latents, message):
    with pytest.raises(InvalidInput, match=message):
        toy.decode(latents)


def test_latents_in_an_array_are_those_of_a_tensor(toy):
    latents = torch.linspace(-1, 1, 32).view(2, 16)
    for held in (latents.numpy(), latents.double().numpy(), latents.numpy().astype(">f4")):
        assert torch.equal(toy.decode(held), toy.decode(latents))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n=0; expected a whole number of at least 1"),
        ({"n": -3}, "n=-3"),
        ({"n": 2.0}, r"n=2\.0"),
        ({"n": True}, "n=True"),
        ({"n": "4"}, "n='4'"),
        ({"seed": -1}, "seed=-1; expected a whole number of at least 0"),
        ({"seed": 1.5}, r"seed=1\.5"),
        ({"seed": False}, "seed=False"),
        ({"seed": "0"}, "seed='0'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.5}, r"batch_size=2\.5"),
        ({"temperature": float("nan")}, "temperature=nan; expected a finite number of at least 0"),
        ({"temperature": float("inf")}, "temperature=inf"),
        ({"temperature": -0.1}, r"temperature=-0\.1"),
        ({"temperature": None}, "temperature=None"),
        ({"temperature": True}, "temperature=True"),
        ({"condition": 3}, "condition=3 came, but this model is unconditional. Leave it out"),
        ({"condition": "sneaker"}, "unconditional"),
    ],
)
def test_wrong_arguments_of_generate(toy, arguments, message):
    with pytest.raises(InvalidInput, match=message):
        toy.generate(**arguments)
    assert not toy.seen


# Conditions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "labels"),
    [
        (1, [1, 1, 1]),
        ("ankle boot", [1, 1, 1]),
        (["bag", 0, "SNEAKER"], [2, 0, 0]),
        (torch.tensor([2, 1, 0]), [2, 1, 0]),
        (np.array([2, 1, 0]), [2, 1, 0]),
    ],
)
def test_labels_reach_the_hook_in_every_chunk(labelled, condition, labels):
    images = labelled.generate(3, condition=condition, batch_size=2)
    assert (images[:, 0, 0, 0] * 10).round().tolist() == labels
    assert [label for _, chunk, _ in labelled.seen for label in chunk] == labels


@pytest.mark.parametrize(
    ("condition", "n"),
    [
        (1, 1), ("bag", 1), ([0], 1), ([0, 1, 2], 3), (("bag", 1), 2), (range(3), 3), (torch.tensor([2, 1]), 2),
        (torch.tensor(2), 1), (np.array([2, 1]), 2), (np.int64(1), 1), (None, 1),
    ],
)  # fmt: skip
def test_there_are_as_many_samples_as_conditions_unless_n_is_given(labelled, condition, n):
    assert len(labelled.generate(condition=condition, seed=0)) == n
    if n == 1:
        assert len(labelled.generate(2, condition=condition, seed=0)) == 2


def test_no_conditions_at_all_are_said_to_be_none(labelled):
    with pytest.raises(InvalidInput, match="0 labels came"):
        labelled.generate(condition=[])


class Tinted(Model):
    """Returns its source, weighted by what is drawn; notes the numbers it gets at once."""

    config_class = Config

    def __init__(self):
        super().__init__(Config())
        self.space, self.condition = Images((1, 2, 2)), conditions.Images(1)
        self.seen = []

    def _generate(self, noise, condition, temperature):
        self.seen.append(tuple(condition.shape))
        return condition * (1 - temperature * noise.uniform(1, 1, 1))


def test_images_reach_the_hook_in_every_chunk():
    model, sources = Tinted(), torch.linspace(0, 1, 12).view(3, 1, 2, 2)
    made = model.generate(condition=sources, seed=0, temperature=0)
    assert torch.equal(made, sources)
    parts = model.generate(3, condition=sources, seed=0, batch_size=2)
    assert torch.equal(parts[:1], model.generate(condition=sources[:1], seed=0))
    assert model.seen == [(3, 1, 2, 2), (2, 1, 2, 2), (1, 1, 2, 2), (1, 1, 2, 2)]


def test_a_single_image_serves_all_samples_each_with_its_own_noise():
    made = Tinted().generate(70, condition=torch.ones(1, 2, 3), seed=0)
    assert made.shape == (70, 1, 2, 3)
    assert len(set(made[:, 0, 0, 0].tolist())) == 70


def test_a_model_conditioned_on_an_image_needs_one():
    with pytest.raises(InvalidInput, match=r"conditioned on an image\. Pass a tensor"):
        Tinted().generate(3)
    with pytest.raises(InvalidInput, match=r"2 images came as conditions of 3 samples"):
        Tinted().generate(3, condition=torch.ones(2, 1, 2, 2))


@dataclasses.dataclass(frozen=True)
class TextConfig:
    vocabulary: tuple[str, ...] = ("blue", "red", "round")


class Told(Model):
    """The embedding of a text has the index of its first word, times two in training mode, and its number of words;
    every pixel is the first, in tenths."""

    config_class = TextConfig

    def __init__(self):
        super().__init__(TextConfig())
        self.space, self.latent_shape = Images((1, 2, 2)), (1,)
        self.condition = conditions.Texts(self.config.vocabulary, 3, 2)
        self.weight = nn.Parameter(torch.ones(()))
        self.seen = []

    def _embed(self, indices):
        return (1 + self.training) * self.weight * torch.stack([indices[:, 0], (indices > 0).sum(1)], 1)

    def _decode(self, z, condition):
        self.seen.append(len(condition))
        return condition[:, 0].view(-1, 1, 1, 1).expand(-1, *self.space.shape) / 10


def test_embeddings_of_texts():
    told = Told()
    assert told.embed(["round red", "blue"]).tolist() == [[4, 2], [2, 1]]
    assert told.embed("RED").tolist() == [[3, 1]]
    assert told.embed("red", 3).tolist() == [[3, 1]] * 3
    assert told.embed(["red"], 3).tolist() == [[3, 1]] * 3
    assert told.embed(("red", "blue"), 2).tolist() == [[3, 1], [2, 1]]


def test_embedding_computes_in_eval_mode_without_gradients_and_in_the_models_type():
    told = Told().train().double()
    embeddings = told.embed("red")
    assert embeddings.tolist() == [[3, 1]]
    assert (told.training, embeddings.requires_grad, embeddings.is_inference()) == (True, False, False)
    assert embeddings.dtype is torch.float64


def test_embeddings_are_given_back_as_they_are():
    told, given = Told(), torch.tensor([[3.0, 1.0], [2.5, 0.5]])
    assert torch.equal(told.embed(given), given)
    assert torch.equal(told.embed(given[:1], 3), given[:1].repeat(3, 1))
    assert told.embed(given.double()).dtype is torch.float32


@pytest.mark.parametrize(
    ("condition", "n", "message"),
    [
        (["red", "blue"], 3, "2 texts came for 3 samples"),
        (torch.ones(2, 2), 3, r"2 embeddings came for 3 samples\. Pass one, or exactly 3"),
        (torch.ones(2, 3), None, r"embeddings came with shape \(2, 3\); expected \(n, text_dim\) = \(n, 2\)"),
        (torch.ones(2), None, r"\.unsqueeze\(0\)"),
        (torch.ones(0, 2), None, "empty batch"),
        (torch.ones(1, 2).long(), None, r"embeddings came as torch\.int64; expected floats"),
        (torch.full((1, 2), math.nan), None, "embeddings hold NaN"),
        ("", None, "0 words"),
        ("red blue red blue", None, "4 words; this model takes 1 to 3"),
        (None, None, "None is a NoneType"),
    ],
)
def test_wrong_texts_and_embeddings(condition, n, message):
    with pytest.raises(InvalidInput, match=message):
        Told().embed(condition, n)


def test_a_model_without_texts_embeds_none():
    message = r"^Toy is not conditioned on texts\. Models that are: zoo list --condition text\.$"
    with pytest.raises(CapabilityError, match=message):
        Toy().embed("red")


def test_word_indices_are_those_of_the_models_vocabulary_and_length():
    assert Told().condition.indices(["round BLUE", "a red red red"]).tolist() == [[4, 2, 0], [1, 3, 3]]


@pytest.mark.parametrize(
    ("condition", "firsts"),
    [
        ("red", [3]),
        (["red"], [3]),
        (["red", "blue", "round red"], [3, 2, 4]),
        (torch.tensor([[2.5, 1.0], [3.5, 1.0]]), [2.5, 3.5]),
        (torch.tensor([[2.5, 1.0]]), [2.5]),
    ],
)
def test_there_are_as_many_samples_as_texts_or_embeddings_unless_n_is_given(condition, firsts):
    told = Told()
    images = told.generate(condition=condition, seed=0)
    assert images.shape == (len(firsts), 1, 2, 2)
    assert images.mean((1, 2, 3)).mul(10).tolist() == pytest.approx(firsts)
    if len(firsts) == 1:
        assert told.generate(4, condition=condition, seed=0).mean((1, 2, 3)).mul(10).tolist() == pytest.approx(
            4 * firsts
        )
    else:
        with pytest.raises(InvalidInput, match=f"{len(firsts)} .* came for 4 samples"):
            told.generate(4, condition=condition, seed=0)


def test_texts_reach_the_hook_in_every_chunk():
    told, texts = Told().eval(), ["red", "blue", "round"]
    for images in (
        told.generate(3, condition=texts, batch_size=2),
        told.decode(torch.zeros(3, 1), condition=texts, batch_size=2),
    ):
        assert images[:, 0, 0, 0].mul(10).tolist() == pytest.approx([3, 2, 4])
    assert told.seen == [2, 1, 2, 1]


def test_a_model_conditioned_on_a_text_needs_one():
    for call in (lambda: Told().generate(3), lambda: Told().decode(torch.zeros(3, 1))):
        with pytest.raises(InvalidInput, match=r"conditioned on a text\. Pass condition=: a sentence"):
            call()


def test_without_a_condition_labels_are_drawn_from_the_seed(labelled):
    drawn = (labelled.generate(200, seed=0)[:, 0, 0, 0] * 10).round().tolist()
    assert {0, 1, 2} == set(drawn)
    assert min(drawn.count(label) for label in (0, 1, 2)) > 40
    for n, batch_size in ((7, None), (7, 3)):
        again = labelled.generate(n, seed=0, batch_size=batch_size)[:, 0, 0, 0] * 10
        assert again.round().tolist() == drawn[:n]


def test_decode_encode_and_log_prob_need_the_label(labelled):
    for call in (lambda: labelled.decode(torch.zeros(1, 16)), lambda: labelled.encode(IMAGES)):
        with pytest.raises(
            InvalidInput, match=r"conditioned on a label\. Pass condition=, one of: Sneaker, Ankle boot"
        ):
            call()
    labelled.log_prob(IMAGES, condition=["bag"] * 5)
    labelled.decode(torch.zeros(2, 16), condition=[0, 1])
    assert [chunk for _, chunk, _ in labelled.seen] == [[2] * 5, [0, 1]]


def test_unknown_class_names_the_nearest(labelled):
    with pytest.raises(UnknownName, match=r"'sneeker'.*'Sneaker'"):
        labelled.generate(condition="sneeker")


# Densities -----------------------------------------------------------------------------------------------------------


def test_a_uniform_density_has_eight_bits_per_dimension(toy):
    bits = toy.bits_per_dim((IMAGES * 255).round() / 255)
    torch.testing.assert_close(bits, torch.full((5,), 8.0))


def test_bits_per_dim_is_the_formula_on_dequantised_pixels(toy):
    rows = []

    def density(images, condition, noise):
        rows.append(images.clone())
        return -images.flatten(1).sum(1)

    toy._log_prob = density
    levels = torch.arange(80).view(5, 1, 4, 4).float()
    bits = toy.bits_per_dim(levels / 255, seed=4)
    y = torch.cat(rows)
    assert ((y * 256).floor() == levels).all()
    assert (y * 256 - levels).std() > 0.2
    torch.testing.assert_close(bits, y.flatten(1).sum(1) / (16 * math.log(2)) + 8)
    rows.clear()
    assert torch.equal(toy.bits_per_dim(levels / 255, seed=4, batch_size=2), bits)
    assert torch.equal(torch.cat(rows), y)
    assert not torch.equal(toy.bits_per_dim(levels / 255, seed=5), bits)


def test_bits_per_dim_are_those_of_the_density_that_a_model_names(toy, monkeypatch):
    """A model whose images are other points than dequantised pixels has two densities."""
    monkeypatch.setattr(type(toy), "_density_hook", "_of_cells")
    seen = []

    def of_cells(y, condition, noise, *, samples=1):
        seen.append((y.clone(), torch.is_autocast_enabled("cpu"), samples))
        return -y.flatten(1).sum(1)

    toy._of_cells = of_cells
    toy._log_prob = None  # is not called
    levels = torch.arange(80).view(5, 1, 4, 4).float()
    with torch.autocast("cpu", torch.bfloat16):
        bits = toy.bits_per_dim(levels / 255, samples=3)
    ((y, autocast, samples),) = seen
    assert ((256 * y).floor() == levels).all()
    assert not autocast
    assert samples == 3
    torch.testing.assert_close(bits, y.flatten(1).sum(1) / (16 * math.log(2)) + 8)


def test_dequantisation_is_uniform_unless_a_model_says_otherwise(toy):
    levels = torch.arange(5 * 16).view(5, 1, 4, 4).float()
    y, spent = toy._dequantise(levels, Noise(0, 0, 5))
    torch.testing.assert_close(y, (levels + Noise(0, 0, 5).uniform(1, 4, 4)) / 256)
    assert spent.tolist() == pytest.approx([16 * math.log(256)] * 5)
    assert toy.dequantisation == "uniform"


def test_what_a_models_own_dequantisation_spends_is_counted(toy, monkeypatch):
    """y = (k + u²)/256 has the density 256/(2u) in its cell; with a uniform p, ln q is all there is."""
    seen = []

    def squared(self, levels, noise):
        seen.append((len(levels), self.training, torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")))
        u = noise.uniform(1, 4, 4)
        return (levels + u.square()) / 256, (math.log(128) - u.log()).flatten(1).sum(1)

    monkeypatch.setattr(Toy, "_dequantise", squared)
    toy.train()
    images = torch.randint(256, (70, 1, 4, 4)) / 255
    with torch.autocast("cpu", torch.bfloat16):
        bits = toy.bits_per_dim(images, seed=3)
    assert seen == [(64, False, True, False), (6, False, True, False)]
    assert toy.training
    u = Noise(3, 0, 70, stream="dequantisation").uniform(1, 4, 4)
    torch.testing.assert_close(bits, 7 - u.log2().flatten(1).mean(1))
    assert bits.mean() > 8  # learned in vain: the density is uniform
    torch.testing.assert_close(toy.bits_per_dim(images[:3], seed=3), bits[:3])


def test_the_noise_of_an_image_does_not_depend_on_how_many_there_are(toy):
    toy._log_prob = lambda images, condition, noise: 1e6 * images[:, 0, 0, 0]
    images = torch.zeros(70, 1, 4, 4)
    whole = toy.bits_per_dim(images)
    assert torch.equal(toy.bits_per_dim(images[:3]), whole[:3])
    assert len(set(whole.tolist())) == 70


def test_bits_per_dim_refuses_pixels_between_the_levels(toy):
    with pytest.raises(InvalidInput, match="8-bit pixels, multiples of 1/255"):
        toy.bits_per_dim(torch.full((1, 1, 4, 4), 0.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("method", ["log_prob", "bits_per_dim"])
def test_half_precision_densities_are_refused(toy, dtype, method):
    with pytest.raises(InvalidInput, match=rf"{dtype} is off in the second decimal. Call \.float\(\)"):
        getattr(toy.to(dtype), method)(IMAGES)


def test_a_callers_autocast_does_not_reach_the_density(toy):
    seen = []

    def density(images, condition, noise):
        seen.append((images.flatten(1) @ torch.ones(16, 1)).dtype)
        return images.flatten(1).sum(1)

    toy._log_prob = density
    with torch.autocast("cpu", dtype=torch.bfloat16):
        toy.log_prob(IMAGES)
    assert seen == [torch.float32]


# Provenance, save ----------------------------------------------------------------------------------------------------


def test_provenance_of_a_created_model():
    where = zoo.create("dcgan", image_size=8, width=2).provenance
    assert where.source == "created, not loaded"
    assert (where.release, where.sha256, where.training, where.metrics) == (None, None, {}, [])
    assert where.config == {"image_size": 8, "channels": 3, "latent_dim": 100, "width": 2, "output_bias": True}
    with pytest.raises(dataclasses.FrozenInstanceError):
        where.release = "other"


def test_a_class_that_is_not_registered_is_not_saved(toy, tmp_path):
    with pytest.raises(zoo.errors.UnknownArchitecture, match="Toy is not registered"):
        toy.save(tmp_path / "toy.safetensors")
    assert not list(tmp_path.iterdir())


def test_nan_is_never_returned():
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    with torch.no_grad():
        model.generator[0].weight.fill_(float("nan"))
    with pytest.raises(WeightsError, match=r"computed NaN \(row 0 of 1\): its weights are spoilt"):
        model.generate(1, seed=0)


class OnVectors(Toy):
    """Vectors are 10·z, so that most of them lie outside of [0, 1]."""

    def __init__(self):
        super().__init__()
        self.space = Vectors(self.latent_shape)

    def _decode(self, z, condition):
        return 10 * z

    def _encode(self, vectors, condition, noise):
        return vectors / 10

    def _log_prob(self, vectors, condition, noise):
        return -(vectors / 10).square().sum(1)


def test_vectors_are_any_numbers_in_and_out():
    model = OnVectors()
    made = model.generate(5, seed=0)
    assert made.shape == (5, 16)
    assert (made.min() < -1, made.max() > 1) == (True, True)
    assert torch.allclose(model.reconstruct(made), made)
    assert torch.allclose(model.log_prob(made), -model.encode(made).square().sum(1))


@pytest.mark.parametrize("method", ["encode", "log_prob", "reconstruct"])
@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.full((2, 16), math.nan), "vectors hold NaN or infinite"),
        (torch.full((2, 16), math.inf), "vectors hold NaN or infinite"),
        (torch.zeros(2, 15), r"vectors came with shape \(2, 15\); expected \(n, features\) = \(n, 16\)"),
        (torch.zeros(16), r"expected \(n, features\) = \(n, 16\)\. Add the batch dimension"),
        (torch.zeros(2, 1, 4, 4), r"vectors came with shape \(2, 1, 4, 4\)"),
        (torch.zeros(2, 16, dtype=torch.long), r"vectors came as torch\.int64; expected floats\. Pass vectors\.float"),
        (np.full((2, 16), np.nan), r"vectors came as ndarray; expected finite numbers .*row 0, column 0"),
        ([["a"] * 16], r"vectors came as list; expected finite numbers \(n, features\)\..*real numbers"),
        ([[1.0], [1.0, 2.0]], r"vectors came as list; expected finite numbers"),
        (None, r"vectors came as NoneType; expected finite numbers"),
    ],
)
def test_wrong_vectors_are_refused(method, vectors, message):
    with pytest.raises(InvalidInput, match=message):
        getattr(OnVectors(), method)(vectors)


def test_vectors_have_no_bits_per_dimension():
    message = r"model of vectors; bits per dimension are of 8-bit pixels\. Call log_prob\."
    with pytest.raises(CapabilityError, match=message):
        OnVectors().bits_per_dim(torch.zeros(2, 16))


class Coins(Toy):
    """Every pixel is 0 or 1 with equal probability."""

    def __init__(self):
        super().__init__()
        self.space = BinaryImages(self.space.shape)

    def _log_prob(self, images, condition, noise):
        return images.new_full((len(images),), -self.space.dimensions * math.log(2))


def test_log_prob_of_binary_pixels_takes_no_others():
    coins = Coins()
    black_and_white = (torch.arange(2 * coins.space.dimensions) % 2).float().view(2, *coins.space.shape)
    assert coins.log_prob(black_and_white).tolist() == pytest.approx(2 * [-coins.space.dimensions * math.log(2)])
    black_and_white[1, 0, 0, 0] = 0.25
    share = f"{100 / (2 * coins.space.dimensions):.3g} % of the pixels"
    with pytest.raises(InvalidInput, match=rf"^{share} lie between 0 and 1, such as 0\.25; .*images\.binarise"):
        coins.log_prob(black_and_white)


def test_binary_pixels_have_no_bits_per_dimension():
    with pytest.raises(CapabilityError, match="model of binary images"):
        Coins().bits_per_dim(torch.zeros(2, *Coins().space.shape))


def test_who_has_bits_per_dimension():
    assert [bool(model.space.levels) for model in (Toy(), Coins(), OnVectors())] == [True, False, False]


def test_options_are_the_keywords_of_a_class_alone():
    assert {method: Painter.options(method) for method in ("generate", "encode")} == {
        "generate": ["steps", "gain"],
        "encode": [],
    }


def test_reconstruct_hands_options_to_whichever_method_has_them():
    class There(Toy):
        def _encode(self, images, condition, noise, *, steps=1, blur=0.0):
            return torch.full((len(images), *self.latent_shape), float(steps) + blur)

        def _decode(self, z, condition, *, steps=1, gain=1.0):
            seen.append((z.unique().tolist(), steps, gain))
            return super()._decode(z, condition)

    seen = []
    model = There()
    model.reconstruct(torch.zeros(2, *model.space.shape), steps=3, blur=0.5, gain=2.0)
    assert seen == [([3.5], 3, 2.0)]
    with pytest.raises(InvalidInput, match="unknown option 'colour' of encode"):
        model.reconstruct(torch.zeros(2, *model.space.shape), colour=1)


def test_a_field_of_classes_alone_conditions_nothing():
    assert Toy(Config(classes=("Sneaker", "Bag"))).condition.name is None


@pytest.mark.parametrize("method", ["encode", "log_prob", "bits_per_dim", "reconstruct"])
def test_pictures_and_files_are_samples_too(toy, method, tmp_path):
    images = (IMAGES * 255).round() / 255
    call = getattr(toy, method)
    expected = call(images)
    pictures = zoo.images.to_pil(images)
    for k, picture in enumerate(pictures):
        picture.save(tmp_path / f"{k}.png")
    for given in (images.numpy(), pictures, [tmp_path / f"{k}.png" for k in range(len(images))]):
        torch.testing.assert_close(call(given, strict=True), expected)
    with pytest.warns(Converted, match="the image is made 4×4, grey: shrunk"):
        assert len(call(pictures[0].resize((8, 8)))) == 1
    with pytest.raises(InvalidInput, match="strict=True"):
        call(pictures[0].resize((8, 8)), strict=True)
