"""Each check catches the model that breaks its promise, and no other check does."""

import inspect
import math
import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from zoo.latent import Noise
from zoo.model import Model
from zoo.registry import CAPABILITIES, Architecture, registry
from zoo.testing import ContractError, check_model, inference, sampling, structure, training
from zoo.training.objective import Objective as BaseObjective

BROKEN = []


def breaks(check, **registered):
    """Marks a mutant with the one check that must fail; `registered` replaces fields of its registry entry."""

    def note(cls):
        BROKEN.append(pytest.param(cls, check, registered, id=cls.__name__))
        return cls

    return note


@dataclass(frozen=True)
class Config:
    pixels: int = 2
    classes: tuple[str, ...] = ("cat", "dog")


class Objective(BaseObjective):
    def optimizers(self):
        return {"flow": torch.optim.Adam(self.model.parameters(), lr=0.01)}

    def steps(self, batch):
        yield "flow", -self.model.density(batch.images, batch.labels).mean()


class Sound(Model):
    """A coupling flow on a row of pixels with all capabilities and labels: it keeps every promise."""

    config_class = Config
    objective_class = Objective
    log_prob_kind = "exact"

    def __init__(self, config):
        super().__init__(config)
        self.image_shape, self.latent_shape = (1, 1, config.pixels), (config.pixels,)
        self.half = config.pixels // 2
        self.network = nn.Sequential(nn.Linear(self.half, 8), nn.SiLU(), nn.Linear(8, 2 * self.half))
        self.mean = nn.Embedding(len(config.classes), config.pixels)

    def affine(self, first):
        scale, shift = self.network(first).chunk(2, dim=1)
        return torch.tanh(scale), shift

    def flow(self, images, labels):
        first, second = torch.logit(images).flatten(1).split(self.half, 1)
        scale, shift = self.affine(first)
        z = torch.cat([first, (second + shift) * scale.exp()], 1) - self.mean(labels)
        return z, scale.sum(1) - (images.log() + torch.log1p(-images)).flatten(1).sum(1)

    def density(self, images, labels):
        z, log_det = self.flow(images, labels)
        return log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def _encode(self, images, condition, noise):
        return self.flow(images, condition)[0]

    def _decode(self, z, condition):
        first, second = (z + self.mean(condition)).split(self.half, 1)
        scale, shift = self.affine(first)
        logits = torch.cat([first, second * (-scale).exp() - shift], 1)
        return torch.sigmoid(logits).view(-1, *self.image_shape)

    def _log_prob(self, images, condition, noise):
        return self.density(images, condition)


@breaks("check_declared_capabilities", capabilities=frozenset({"generate", "encode", "decode"}), log_prob=None)
class UndeclaredCapability(Sound):
    pass


@breaks("check_declared_capabilities", log_prob="estimate")
class AnotherKindOfDensity(Sound):
    pass


@breaks("check_declared_capabilities", condition=None)
class UndeclaredCondition(Sound):
    pass


@dataclass
class LooseConfig:
    pixels: int = 2
    classes: tuple[str, ...] = ("cat", "dog")


@breaks("check_config_round_trip")
class ConfigNotFrozen(Sound):
    config_class = LooseConfig


@breaks("check_missing_capabilities_refused", capabilities=frozenset({"generate", "decode", "log_prob"}))
class PretendsToEncode(Sound):
    _encode = Model._encode

    def encode(self, images, **arguments):
        return torch.zeros(len(images), *self.latent_shape)


@breaks("check_image_shapes")
class DecodesAnotherShape(Sound):
    def _decode(self, z, condition):
        return super()._decode(z, condition).mT

    def _generate(self, noise, condition, temperature):
        return super()._generate(noise, condition, temperature).mT


@breaks("check_image_range")
class PixelsFromMinusOne(Sound):
    def _generate(self, noise, condition, temperature):
        return 2 * super()._generate(noise, condition, temperature) - 1


@breaks("check_image_range")
class NotANumberWhenHot(Sound):
    def _generate(self, noise, condition, temperature):
        return super()._generate(noise, condition, temperature) * (1 if temperature <= 1 else math.nan)


@breaks("check_seed_determines_samples")
class SamplesDependOnTheBatch(Sound):
    def _generate(self, noise, condition, temperature):
        z = temperature * noise.normal(*self.latent_shape)
        return self._decode(z - z.mean(0), condition)


@breaks("check_seeds_differ")
class SeedIgnored(Sound):
    def _generate(self, noise, condition, temperature):
        z = Noise(0, device=noise.device, dtype=noise.dtype).normal(*self.latent_shape)
        return self._decode(temperature * z.expand(len(noise), -1), condition)


@breaks("check_seeds_differ")
class OneSampleForAll(Sound):
    def generate(self, n=1, *, seed=None, **arguments):
        images = super().generate(n, seed=seed, **arguments)
        return images if arguments.get("condition") is None else images[:1].expand_as(images)


@breaks("check_labels_by_name")
class NamesMeanTheFirst(Sound):
    def check_condition(self, condition, n, *, required=False):
        return super().check_condition(0 if condition == "dog" else condition, n, required=required)


@breaks("check_labels_matter")
class LabelsIgnored(Sound):
    def _generate(self, noise, condition, temperature):
        return super()._generate(noise, torch.zeros_like(condition), temperature)


@breaks("check_unknown_labels_refused")
class LabelsClamped(Sound):
    def check_condition(self, condition, n, *, required=False):
        condition = min(condition, 1) if isinstance(condition, int) else condition
        return super().check_condition(condition, n, required=required)


@breaks("check_wrong_arguments_refused")
class CountsClamped(Sound):
    def generate(self, n=1, **arguments):
        return super().generate(max(n, 1), **arguments)


@breaks("check_undeclared_options_refused")
class OptionsSwallowed(Sound):
    def generate(self, n=1, *, no_such_option=None, **arguments):
        return super().generate(n, **arguments)


@breaks("check_wrong_latents_refused")
class LatentsRepaired(Sound):
    def decode(self, latents, **arguments):
        return super().decode(torch.nan_to_num(latents), **arguments)


@breaks("check_wrong_images_refused")
class PixelsClamped(Sound):
    def check_images(self, images):
        return super().check_images(images.clamp(0.01, 0.99))


@breaks("check_dtypes")
class AlwaysSinglePrecision(Sound):
    def _generate(self, noise, condition, temperature):
        return self._decode(temperature * noise.normal(*self.latent_shape).float(), condition)


@breaks("check_latent_shape")
class LatentsOfAnotherShape(Sound):
    def _encode(self, images, condition, noise):
        return super()._encode(images, condition, noise).unsqueeze(1)


@breaks("check_encode_deterministic")
class EncodesAtRandom(Sound):
    def _encode(self, images, condition, noise):
        z = super()._encode(images, condition, noise)
        fresh = torch.Generator()
        fresh.seed()
        return z + (1e-4 * torch.randn(z.shape, generator=fresh)).to(z)


@breaks("check_encode_per_image", log_prob="lower-bound")
class LatentsDependOnTheBatch(Sound):
    log_prob_kind = "lower-bound"

    def _encode(self, images, condition, noise):
        z = super()._encode(images, condition, noise)
        return z - z.mean(0)


@breaks("check_inverse")
class NotItsInverse(Sound):
    def _encode(self, images, condition, noise):
        return 1.1 * super()._encode(images, condition, noise)


@breaks("check_log_prob_shape")
class DensityAsColumn(Sound):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise).unsqueeze(1)


@breaks("check_log_prob_per_image", log_prob="lower-bound")
class DensityDependsOnTheBatch(Sound):
    log_prob_kind = "lower-bound"

    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) + images.mean()


@breaks("check_log_prob_deterministic")
class ExactUpToNoise(Sound):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) + 0.01 * noise.normal()


@breaks("check_bits_per_dim")
class BitsWithoutPixelDepth(Sound):
    def bits_per_dim(self, images, **arguments):
        return super().bits_per_dim(images, **arguments) - 8


@breaks("check_bits_per_dim")
class DequantisesBeyondTheCell(Sound):
    def _dequantise(self, levels, noise):
        y, spent = super()._dequantise(levels, noise)
        return (y * 256 / 260).clamp(0, 1), spent


@breaks("check_bits_per_dim")
class DequantisesUnevenlyWithoutASay(Sound):
    def _dequantise(self, levels, noise):
        y, spent = super()._dequantise(levels, noise)
        return y, spent + 0.1


@breaks("check_density_integrates")
class DensityInBits(Sound):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) / math.log(2)


@breaks("check_density_integrates")
class BitsOfAnotherDensity(Sound):
    """That of levels, of volume 1, where that of dequantised pixels belongs: some other density would be a code too."""

    _density_hook = "_of_levels"

    def _of_levels(self, images, condition, noise):
        return self.density(images, condition) + self.dimensions * math.log(256)


@breaks("check_density_integrates")
class JacobianForgotten(Sound):
    def density(self, images, labels):
        return super().density(images, labels) - self.flow(images, labels)[1]


@dataclass(frozen=True)
class WideConfig(Config):
    pixels: int = 6


@breaks("check_change_of_variables")
class WideDensityInBits(DensityInBits):
    config_class = WideConfig


@breaks("check_change_of_variables")
class ScaleForgotten(Sound):
    config_class = WideConfig

    def flow(self, images, labels):
        z, _ = super().flow(images, labels)
        return z, -(images.log() + torch.log1p(-images)).flatten(1).sum(1)


class AlwaysTraining(nn.Identity):
    def train(self, mode=True):
        return super().train(True)


@breaks("check_eval_mode")
class EvalModeIgnored(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.network.append(AlwaysTraining())


@breaks("check_eval_mode")
class CountsItsCalls(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("calls", torch.zeros(1))

    def _decode(self, z, condition):
        self.calls += 1
        return super()._decode(z, condition)


@breaks("check_eval_mode")
class StaysInEvalMode(Sound):
    def generate(self, n=1, **arguments):
        self.eval()
        return super().generate(n, **arguments)


@breaks("check_global_rng")
class SeedsEverybody(Sound):
    def _decode(self, z, condition):
        torch.manual_seed(0)
        return super()._decode(z, condition)


@breaks("check_global_rng")
class DrawsFromPython(Sound):
    def _encode(self, images, condition, noise):
        random.random()
        return super()._encode(images, condition, noise)


@breaks("check_global_rng")
class SeedsNumpy(Sound):
    def _log_prob(self, images, condition, noise):
        np.random.seed(0)
        return super()._log_prob(images, condition, noise)


@breaks("check_device")
class DeviceHardCoded(Sound):
    def _decode(self, z, condition):
        return super()._decode(z + torch.zeros(2, dtype=z.dtype, device="cpu"), condition)


@breaks("check_device")
class ComputesElsewhere(Sound):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise).cpu()


class Offset(Sound):
    def _decode(self, z, condition):
        return super()._decode(z + self.offset.to(z), condition)

    def flow(self, images, labels):
        z, log_det = super().flow(images, labels)
        return z - self.offset.to(z), log_det


@breaks("check_weights_round_trip")
class PlainTensor(Offset):
    def __init__(self, config):
        super().__init__(config)
        self.offset = torch.full((2,), 0.1)


@breaks("check_weights_round_trip")
class BufferNotSaved(Offset):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("offset", torch.full((2,), 0.1), persistent=False)


@breaks("check_weights_round_trip")
class StateOutsideOfTensors(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.factor = random.random()

    def _generate(self, noise, condition, temperature):
        return self.factor * super()._generate(noise, condition, temperature)


class IdleOptimizer(Objective):
    def optimizers(self):
        return {**super().optimizers(), "critic": torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)}


class LossPerImage(Objective):
    def steps(self, batch):
        yield "flow", -self.model.density(batch.images, batch.labels)


class LossInfinite(Objective):
    def steps(self, batch):
        for name, loss in super().steps(batch):
            yield name, loss / 0


class HalfOptimised(Objective):
    def optimizers(self):
        return {"flow": torch.optim.Adam(self.model.network.parameters(), lr=0.01)}


@breaks("check_objective")
class NetworkNeverUpdated(Sound):
    objective_class = IdleOptimizer


@breaks("check_objective")
class LossNoScalar(Sound):
    objective_class = LossPerImage


@breaks("check_objective")
class LossNotFinite(Sound):
    objective_class = LossInfinite


@breaks("check_gradients")
class ParametersInNoOptimizer(Sound):
    objective_class = HalfOptimised


@breaks("check_gradients")
class GradientDetached(Sound):
    def affine(self, first):
        scale, shift = super().affine(first)
        return scale.detach(), shift.detach()


@breaks("check_gradients")
class LayerUnused(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.forgotten = nn.Linear(2, 2)


class SoundOnVectors(Sound):
    """The same flow on vectors of any numbers, without the logit."""

    def __init__(self, config):
        super().__init__(config)
        self.image_shape = (config.pixels,)

    def flow(self, vectors, labels):
        first, second = vectors.split(self.half, 1)
        scale, shift = self.affine(first)
        return torch.cat([first, (second + shift) * scale.exp()], 1) - self.mean(labels), scale.sum(1)

    def _decode(self, z, condition):
        first, second = (z + self.mean(condition)).split(self.half, 1)
        scale, shift = self.affine(first)
        return torch.cat([first, second * (-scale).exp() - shift], 1)


@breaks("check_density_integrates")
class VectorDensityInBits(SoundOnVectors):
    def _log_prob(self, vectors, condition, noise):
        return super()._log_prob(vectors, condition, noise) / math.log(2)


@breaks("check_missing_capabilities_refused")
class BitsOfVectors(SoundOnVectors):
    def bits_per_dim(self, vectors, **arguments):
        return -self.log_prob(vectors, **arguments) / self.dimensions


@breaks("check_image_range")
class VectorsRunAway(SoundOnVectors):
    def _generate(self, noise, condition, temperature):
        return self._decode(noise.normal(*self.latent_shape), condition) / (temperature <= 1)


@breaks("check_wrong_images_refused")
class AnyVectorTaken(SoundOnVectors):
    def check_images(self, vectors):
        return vectors.to(self.dtype)


@pytest.fixture
def make(monkeypatch):
    """Builds a model of a class, registered as if a plugin had brought it."""

    def make(cls, **registered):
        fields = {"capabilities": frozenset(CAPABILITIES), "condition": "label", "log_prob": "exact", **registered}
        entry = Architecture(cls.__name__, f"{cls.__module__}:{cls.__qualname__}", "tests", **fields)
        monkeypatch.setitem(registry().architectures, entry.name, [entry])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return entry.create({}).eval()

    return make


class Wide(Sound):
    config_class = WideConfig


class WideOnVectors(SoundOnVectors):
    config_class = WideConfig


@pytest.mark.parametrize("cls", [Sound, Wide, SoundOnVectors, WideOnVectors])
def test_sound_model_passes(make, cls):
    assert {result.status for result in check_model(make(cls))} == {"passed"}


@pytest.mark.parametrize(("cls", "check", "registered"), BROKEN)
def test_mutant_is_caught_by_the_check_that_names_it(make, cls, check, registered):
    model = make(cls, **registered)
    failed = {result.name: result.message for result in check_model(model, report=True) if result.status == "failed"}
    assert list(failed) == [check], failed
    with pytest.raises(ContractError, match=check):
        check_model(model)


def test_every_check_catches_a_mutant():
    shelves = (structure, sampling, inference, training)
    checks = {name for shelf in shelves for name, _ in inspect.getmembers(shelf, inspect.isfunction)}
    assert {name for name in checks if name.startswith("check_")} == {case.values[1] for case in BROKEN}
