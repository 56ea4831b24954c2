"""Each check catches the model that breaks its promise, and no other check does."""

import importlib
import inspect
import itertools
import math
import pkgutil
import random
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import zoo.testing
from zoo import building
from zoo._util import shortage
from zoo.conditions import Images as Sources
from zoo.conditions import Labels, Texts
from zoo.errors import UnknownWord
from zoo.latent import Noise, descend
from zoo.model import Model
from zoo.models._translator import Translator
from zoo.objective import Objective as BaseObjective
from zoo.registry import registry
from zoo.registry.entries import Architecture
from zoo.spaces import BinaryImages, Images, Vectors
from zoo.testing import check_model, compiled
from zoo.texts import FIRST

ALL = frozenset({"generate", "encode", "decode", "log_prob"})
BROKEN = []


def breaks(*checks, **registered):
    """Marks a mutant with the one check that must fail, or those if what is wrong breaks several promises; `registered`
    replaces fields of its registry entry."""

    def note(cls):
        BROKEN.append(pytest.param(cls, checks, registered, id=cls.__name__))
        return cls

    return note


@dataclass(frozen=True)
class Config:
    pixels: int = 2
    classes: tuple[str, ...] = ("cat", "dog")


class Objective(BaseObjective):
    def optimizers(self):
        return {"flow": torch.optim.Adam(self.model.parameters(), lr=0.01)}

    def updates(self, batch):
        yield "flow", -self.model.density(batch.images, batch.labels).mean()


class Sound(Model):
    """A coupling flow on a row of pixels with all capabilities and labels: it keeps every promise."""

    registered = {"capabilities": ALL, "condition": "label", "log_prob": "exact"}  # noqa: RUF012
    config_class = Config
    objective_class = Objective
    log_prob_kind = "exact"

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Images((1, 1, config.pixels)), (config.pixels,)
        self.condition = Labels(config.classes)
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
        return torch.sigmoid(logits).view(-1, *self.space.shape)

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


@breaks("check_declared_capabilities", space="vectors")
class UndeclaredSpace(Sound):
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


@breaks("check_labels_matter")
class LabelsIgnoredByNetwork(Sound):
    def __init__(self, config):
        super().__init__(config)
        with torch.no_grad():
            self.mean.weight[1:] = self.mean.weight[:1]


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


class Truncated(Sound):
    """Sound, with a truncation that latents and what is decoded of them both depend on."""

    def _generate(self, noise, condition, temperature, *, truncation=1.0):
        z = self._latents(noise, temperature, truncation=truncation)
        return self._decode(z, condition, truncation=truncation)

    def _latents(self, noise, temperature, *, truncation=1.0):
        return truncation * temperature * self._draw(noise)

    def _decode(self, z, condition, *, truncation=1.0):
        return super()._decode(z + truncation - 1, condition)


@breaks("check_shared_options")
class TruncationOfLatentsAlone(Truncated):
    def _generate(self, noise, condition, temperature, *, truncation=1.0):
        return self._decode(self._latents(noise, temperature, truncation=truncation), condition)


@breaks("check_wrong_samples_refused")
class PixelsClamped(Sound):
    def check_samples(self, images, **how):
        return super().check_samples(images.clamp(0.01, 0.99), **how)


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
        return z + (1e-4 * torch.randn(z.shape, generator=fresh, dtype=torch.float32, device="cpu")).to(z)


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


@breaks("check_log_prob_shape", log_prob="roughly")
class KindUnheardOf(Sound):
    log_prob_kind = "roughly"


@breaks("check_log_prob_per_image", log_prob="lower-bound")
class DensityDependsOnTheBatch(Sound):
    log_prob_kind = "lower-bound"

    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) - images.mean()


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
        return self.density(images, condition) + self.space.dimensions * math.log(256)


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
class DecidesByABuffer(DeviceHardCoded):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("stage", torch.tensor(1))

    def _decode(self, z, condition):
        return super()._decode(z, condition) if int(self.stage) == 1 else z.view(-1, *self.space.shape)


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
    def updates(self, batch):
        yield "flow", -self.model.density(batch.images, batch.labels)


class LossInfinite(Objective):
    def updates(self, batch):
        for name, loss in super().updates(batch):
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


@breaks("check_gradients", "check_gradients_to_parameters")
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

    registered = {**Sound.registered, "space": "vectors"}  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.space = Vectors((config.pixels,))

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
        return -self.log_prob(vectors, **arguments) / self.space.dimensions


@breaks("check_image_range")
class VectorsRunAway(SoundOnVectors):
    def _generate(self, noise, condition, temperature):
        return super()._generate(noise, condition, temperature) / (temperature <= 1)


@breaks("check_wrong_samples_refused")
class AnyVectorTaken(SoundOnVectors):
    def check_samples(self, vectors, **how):
        return vectors.to(self.dtype)


# Mutants of Sound that none of the above is ---------------------------------------------------------------------------


@breaks("check_names_free")
class LayerHidden(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.reconstruct = nn.Identity()


@breaks("check_decode_deterministic")
class DecodesAtRandom(Sound):
    calls = itertools.count()

    def _generate(self, noise, condition, temperature):
        return Sound._decode(self, temperature * self._draw(noise), condition)

    def _decode(self, z, condition):
        # As good as random, but two calls in a row are never nearly the same.
        return super()._decode(z, condition) * (1 - 1e-3 * (next(self.calls) * 0.618 % 1))


@breaks("check_labels_matter", log_prob="lower-bound")
class LabelsIgnoredByDecode(Sound):
    log_prob_kind = "lower-bound"

    def _generate(self, noise, condition, temperature):
        return Sound._decode(self, temperature * self._draw(noise), condition)

    def _decode(self, z, condition):
        return super()._decode(z, torch.zeros_like(condition))


@breaks("check_labels_matter")
class LabelsIgnoredByDensity(Sound):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, torch.zeros_like(condition), noise)


@breaks("check_bound_holds", log_prob="lower-bound")
class BoundAboveTheDensity(Sound):
    log_prob_kind = "lower-bound"

    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) + 0.5 + 0.1 * noise.normal()


@breaks("check_latent_shape")
class EncodesByMagic(Sound):
    encodes_by = "magic"


# Ranges, chunks, gradients and graphs ---------------------------------------------------------------------------------


@breaks("check_sample_ranges")
class AnotherFirst(Sound):
    def generate_chunks(self, n=None, *, first=0, **arguments):
        return super().generate_chunks(n, first=max(first, 2 * first), **arguments)


@breaks("check_sample_ranges", "check_wrong_arguments_refused")
class AlwaysFromTheFirst(Sound):
    def generate_chunks(self, n=None, *, first=0, **arguments):
        return super().generate_chunks(n, **arguments)


@breaks("check_chunks")
class AllInOneChunk(Sound):
    def generate_chunks(self, n=None, **arguments):
        return iter([torch.cat(list(super().generate_chunks(n, **arguments)))])


@breaks("check_forward")
class ForwardAsLogits(Sound):
    def forward(self, x, condition=None):
        return torch.logit(super().forward(x, condition))


@breaks("check_gradients_to_inputs")
class InputDetached(Sound):
    def _encode(self, images, condition, noise):
        return super()._encode(images.detach(), condition, noise)


@breaks("check_gradients_to_inputs")
class AnotherResultWithGradients(Sound):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) + 0.1 * images.requires_grad


@breaks("check_gradients_to_parameters")
class MeanLeftOutOfTheGraph(Sound):
    def with_mean_fixed(self, hook, *arguments):
        self.mean.requires_grad_(False)
        try:
            return hook(*arguments)
        finally:
            self.mean.requires_grad_(True)

    def _encode(self, images, condition, noise):
        return self.with_mean_fixed(super()._encode, images, condition, noise)

    def _decode(self, z, condition):
        return self.with_mean_fixed(super()._decode, z, condition)

    def _log_prob(self, images, condition, noise):
        return self.with_mean_fixed(super()._log_prob, images, condition, noise)


# Generators without a density ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GanConfig:
    width: int = 8


class Adversarial(BaseObjective):
    def __init__(self, model):
        super().__init__(model)
        self.critic = nn.Linear(4, 1)

    def optimizers(self):
        return {
            "critic": torch.optim.Adam(self.critic.parameters(), lr=0.01),
            "generator": torch.optim.Adam(self.model.parameters(), lr=0.01),
        }

    def fake(self, batch):
        return self.model._decode(torch.randn(len(batch.images), 2), None).flatten(1)

    def updates(self, batch):
        yield "critic", (self.critic(self.fake(batch).detach()) - self.critic(batch.images.flatten(1))).mean()
        yield "generator", -self.critic(self.fake(batch)).mean()


class SoundGan(Model):
    """A generator with batch normalisation and nothing but: it keeps every promise."""

    registered = {"capabilities": frozenset({"generate", "decode"})}  # noqa: RUF012
    config_class = GanConfig
    objective_class = Adversarial

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Images((1, 2, 2)), (2,)
        self.network = nn.Sequential(
            nn.Linear(2, config.width), nn.BatchNorm1d(config.width), nn.SiLU(), nn.Linear(config.width, 4), nn.Tanh()
        )

    def _decode(self, z, condition):
        return (self.network(z).view(-1, *self.space.shape) + 1) / 2


@breaks("check_image_range")
class GanFromMinusOne(SoundGan):
    def _decode(self, z, condition):
        return 2 * super()._decode(z, condition) - 1


@breaks("check_image_shapes")
class GanFlat(SoundGan):
    def _decode(self, z, condition):
        return super()._decode(z, condition).flatten(1)


@breaks("check_seed_determines_samples")
class GanNormalisesByBatch(SoundGan):
    def _decode(self, z, condition):
        return super()._decode(z - z.mean(0), condition)


@breaks("check_seed_determines_samples")
class GanSeedsEachChunkAlike(SoundGan):
    def _draw(self, noise):
        z = torch.randn(
            len(noise), 2, generator=torch.Generator().manual_seed(noise.seed), dtype=torch.float32, device="cpu"
        )
        return z.to(noise.device, noise.dtype)


@breaks("check_defaults")
class MadeOnTheDefaultDevice(SoundGan):
    def _decode(self, z, condition):
        return super()._decode(z, condition) * torch.ones(1).to(z)


@breaks("check_seed_determines_samples", "check_sample_ranges", "check_chunks", "check_global_rng")
class GanDrawsFromTorch(SoundGan):
    def _draw(self, noise):
        return torch.randn(len(noise), 2, device=noise.device, dtype=noise.dtype)


@breaks("check_compile")
class GraphBroken(SoundGan):
    def _decode(self, z, condition):
        torch._dynamo.graph_break()
        return super()._decode(z, condition)


@breaks("check_compile")
class ChangedByCompiling(SoundGan):
    def compile(self, *args, **options):
        super().compile(*args, **options)
        self.network = torch.nn.Sequential(self.network, torch.nn.Tanh())


@breaks("check_export")
class BatchFrozen(SoundGan):
    def _decode(self, z, condition):
        return super()._decode(z + torch.zeros(len(z), 1, dtype=z.dtype, device=z.device), condition)


@breaks("check_temperature_matters")
class GanAlwaysAsHot(SoundGan):
    def _generate(self, noise, condition, temperature):
        return self._decode(self._draw(noise), condition)


@breaks("check_eval_mode", "check_seed_determines_samples")
class GanKeepsTraining(SoundGan):
    def _decode(self, z, condition):
        self.network.train()
        got = super()._decode(torch.cat([z, -z]), condition)[: len(z)]
        self.network.eval()
        return got


class FakesDetached(Adversarial):
    def updates(self, batch):
        yield "critic", (self.critic(self.fake(batch).detach()) - self.critic(batch.images.flatten(1))).mean()
        yield "generator", -self.critic(self.fake(batch).detach()).mean()


class LargerCritic(Adversarial):
    def __init__(self, model):
        super().__init__(model)
        self.further = nn.Linear(4, 1)


class CriticLayerUnused(LargerCritic):
    def optimizers(self):
        networks = super().optimizers()
        networks["critic"].add_param_group({"params": list(self.further.parameters())})
        return networks


class CriticLayerInNoOptimizer(LargerCritic):
    def updates(self, batch):
        for name, loss in super().updates(batch):
            yield name, loss + self.further(batch.images.flatten(1)).mean()


class CriticMisnamed(Adversarial):
    def updates(self, batch):
        for name, loss in super().updates(batch):
            yield name.replace("critic", "discriminator"), loss


@breaks("check_gradients")
class GanNeverLearns(SoundGan):
    objective_class = FakesDetached


@breaks("check_gradients")
class GanWithAnIdleCritic(SoundGan):
    objective_class = CriticLayerUnused


@breaks("check_gradients")
class GanWithAFixedCritic(SoundGan):
    objective_class = CriticLayerInNoOptimizer


@breaks("check_objective", "check_gradients")  # nor is its critic updated
class GanOfAnotherCritic(SoundGan):
    objective_class = CriticMisnamed


class SoundInvertedGan(SoundGan):
    """The generator with an encode by optimisation."""

    registered = {"capabilities": frozenset({"generate", "decode", "encode"})}  # noqa: RUF012
    encodes_by = "optimisation"

    def _encode(self, images, condition, noise, *, steps=200):
        return descend(self, images, condition, noise, steps).latents


@breaks("check_encode_deterministic")
class GanStartsAnywhere(SoundInvertedGan):
    def _encode(self, images, condition, noise, *, steps=200):
        fresh = torch.Generator().seed()
        return super()._encode(images, condition, Noise(fresh, 0, len(noise), device=noise.device), steps=steps)


class SoundSampler(Model):
    """A generator in many small steps, taken backwards by its encode."""

    registered = {"capabilities": frozenset({"generate", "decode", "encode"})}  # noqa: RUF012
    config_class = GanConfig
    encodes_by = "inversion"

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Images((1, 1, 2)), (2,)
        self.network = nn.Sequential(nn.Linear(2, config.width), nn.SiLU(), nn.Linear(config.width, 2), nn.Tanh())

    def _generate(self, noise, condition, temperature, *, steps=10):
        return self._decode(temperature * self._draw(noise), condition, steps=steps)

    def _decode(self, z, condition, *, steps=10):
        for _ in range(steps):
            z = z + 12 * self.network(z) / steps
        return torch.sigmoid(z).view(-1, *self.space.shape)

    def _encode(self, images, condition, noise, *, steps=10):
        z = torch.logit(images).flatten(1)
        for _ in range(steps):
            end = z
            for _ in range(4):
                z = end - 12 * self.network(z) / steps
        return z


@breaks("check_inversion")
class GoesOnForwards(SoundSampler):
    def _encode(self, images, condition, noise, *, steps=10):
        return torch.logit(self._decode(torch.logit(images).flatten(1), None, steps=steps)).flatten(1)


# Lower bounds --------------------------------------------------------------------------------------------------------


class Evidence(BaseObjective):
    def optimizers(self):
        return {"vae": torch.optim.Adam(self.model.parameters(), lr=0.01)}

    def updates(self, batch):
        yield "vae", -self.model.weights(batch.images, torch.randn(len(batch.images), 1, 1)).mean()


class SoundBound(Model):
    """A variational autoencoder of vectors, with the importance-weighted bound: it keeps every promise."""

    registered = {"capabilities": ALL, "log_prob": "lower-bound", "space": "vectors"}  # noqa: RUF012
    config_class = GanConfig
    objective_class = Evidence
    log_prob_kind = "lower-bound"

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Vectors((2,)), (1,)
        self.encoder, self.decoder = nn.Linear(2, 2), nn.Linear(1, 2)
        with torch.no_grad():  # nearly the posterior, as training would find it
            self.decoder.weight.copy_(torch.tensor([[2.0], [1.0]]))
            self.encoder.weight.copy_(torch.tensor([[0.38, 0.19], [0.01, 0.01]]))
            self.encoder.bias.copy_(torch.tensor([0.0, -1.4]))

    def posterior(self, vectors):
        mean, spread = self.encoder(vectors).chunk(2, dim=1)
        return mean, torch.exp(spread.clamp(-5, 5))

    def weights(self, vectors, epsilon):
        """ln p(x | z) p(z) / q(z | x), (n, samples), at z of `epsilon` (n, samples, 1)."""
        mean, spread = (part[:, None] for part in self.posterior(vectors))
        z = mean + spread * epsilon
        return normal(vectors[:, None], self.decoder(z), 0.5) + normal(z, 0.0, 1.0) - normal(z, mean, spread)

    def _encode(self, vectors, condition, noise):
        return self.posterior(vectors)[0]

    def _decode(self, z, condition):
        return self.decoder(z)

    def _generate(self, noise, condition, temperature):
        return self._decode(temperature * self._draw(noise), condition) + 0.5 * temperature * noise.normal(2)

    def _log_prob(self, vectors, condition, noise, *, samples=64):
        return self.weights(vectors, noise.normal(samples, 1)).logsumexp(1) - math.log(samples)


def normal(x, mean, spread):
    spread = torch.as_tensor(spread, dtype=x.dtype, device=x.device)
    return (-0.5 * ((x - mean) / spread).square() - spread.log() - 0.5 * math.log(2 * math.pi)).sum(-1)


@breaks("check_bound_holds")
class DivergenceForgotten(SoundBound):
    def _log_prob(self, vectors, condition, noise, *, samples=64):
        mean, spread = self.posterior(vectors)
        z = mean + spread * noise.normal(1)
        return normal(vectors, self.decoder(z), 0.5)


@breaks("check_bound_holds")
class PriorCountedTwice(SoundBound):
    """The divergence added where it is to be taken off."""

    def _log_prob(self, vectors, condition, noise, *, samples=64):
        mean, spread = self.posterior(vectors)
        z = mean + spread * noise.normal(1)
        return normal(vectors, self.decoder(z), 0.5) - normal(z, 0.0, 1.0) + normal(z, mean, spread)


@breaks("check_log_prob_deterministic", "check_log_prob_per_image", "check_global_rng")
class BoundDrawsFromTorch(SoundBound):
    def _log_prob(self, vectors, condition, noise, *, samples=64):
        return self.weights(
            vectors, torch.randn(len(vectors), samples, 1, dtype=vectors.dtype, device=vectors.device)
        ).mean(1)


@breaks("check_log_prob_per_image")
class BoundSharesItsNoiseInTheBatch(SoundBound):
    def _log_prob(self, vectors, condition, noise, *, samples=64):
        return self.weights(vectors, noise.normal(samples, 1)[-1:]).logsumexp(1) - math.log(samples)


@breaks("check_encode_deterministic")
class EncodesASample(SoundBound):
    def _encode(self, vectors, condition, noise):
        mean, spread = self.posterior(vectors)
        fresh = torch.Generator()
        fresh.seed()
        return mean + spread * torch.randn(mean.shape, generator=fresh, dtype=torch.float32, device="cpu").to(mean)


# Binary pixels -------------------------------------------------------------------------------------------------------


class Likelihood(BaseObjective):
    def optimizers(self):
        return {"pixels": torch.optim.Adam(self.model.parameters(), lr=0.01)}

    def updates(self, batch):
        yield "pixels", -self.model._log_prob(batch.images, None, None).mean()


class SoundBinary(Model):
    """Eight pixels of 0 and 1, each a logistic regression on those before it: it keeps every promise."""

    registered = {  # noqa: RUF012
        "capabilities": frozenset({"generate", "log_prob"}), "log_prob": "exact", "space": "binary-images"
    }  # fmt: skip
    config_class = GanConfig
    objective_class = Likelihood
    log_prob_kind = "exact"

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = BinaryImages((1, 2, 4)), (8,)
        self.weight, self.bias = nn.Parameter(torch.randn(8, 8)), nn.Parameter(torch.randn(8))

    def logits(self, pixels):
        return self.bias + pixels @ self.weight.tril(-1).T

    def pixels(self, noise, temperature):
        """Probabilities and draws, both (n, 8)."""
        drawn, uniform = noise.uniform(8) * 0, noise.uniform(8)
        for i in range(8):
            chance = torch.sigmoid(self.logits(drawn) / max(temperature, 1e-3))
            drawn = torch.cat([drawn[:, :i], (uniform < chance)[:, i : i + 1].to(drawn), drawn[:, i + 1 :]], 1)
        return chance, drawn

    def _generate(self, noise, condition, temperature):
        return self.pixels(noise, temperature)[1].view(-1, *self.space.shape)

    def _log_prob(self, images, condition, noise):
        pixels = images.flatten(1)
        return nn.functional.logsigmoid((2 * pixels - 1) * self.logits(pixels)).sum(1)


@breaks("check_binary_samples")
class GivesProbabilities(SoundBinary):
    def _generate(self, noise, condition, temperature):
        return self.pixels(noise, temperature)[0].view(-1, *self.space.shape)


@breaks("check_grey_refused")
class GreyTaken(SoundBinary):
    def log_prob(self, images, *, condition=None, seed=0, batch_size=None, **options):
        return self.per_sample("_log_prob", self.check_samples(images), condition, seed, batch_size, options)


@breaks("check_missing_capabilities_refused")
class BitsOfBinaryPixels(SoundBinary):
    def bits_per_dim(self, images, **arguments):
        return -self.log_prob(images, **arguments) / self.space.dimensions / math.log(2)


@breaks("check_probabilities_sum")
class MassInBits(SoundBinary):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) / math.log(2)


@breaks("check_probabilities_sum")
class MassOfLevels(SoundBinary):
    def _log_prob(self, images, condition, noise):
        return super()._log_prob(images, condition, noise) + 8 * math.log(256)


class SoundBinaryBound(SoundBinary):
    registered = {**SoundBinary.registered, "log_prob": "lower-bound"}  # noqa: RUF012
    log_prob_kind = "lower-bound"

    def _log_prob(self, images, condition, noise):
        spread = 0 if noise is None else noise.normal().abs()
        return super()._log_prob(images, condition, noise) - 0.5 * spread


@breaks("check_probabilities_sum")
class MassBoundFromAbove(SoundBinaryBound):
    def _log_prob(self, images, condition, noise):
        exact, bound = (
            SoundBinary._log_prob(self, images, condition, noise),
            super()._log_prob(images, condition, noise),
        )
        return 2 * exact - bound


class SoundBinaryEstimate(SoundBinary):
    """With a constant that is the same for all images and estimated anew for each seed."""

    registered = {**SoundBinary.registered, "log_prob": "estimate"}  # noqa: RUF012
    log_prob_kind = "estimate"

    def _log_prob(self, images, condition, noise, *, samples=50):
        shared = (
            0
            if noise is None
            else Noise(noise.seed, stream="constant", device=images.device, dtype=images.dtype).normal()
        )
        return super()._log_prob(images, condition, noise) + shared / samples


@breaks("check_probabilities_sum")
class ConstantForgotten(SoundBinaryEstimate):
    def _log_prob(self, images, condition, noise, *, samples=50):
        return super()._log_prob(images, condition, noise, samples=samples) - 0.5


# Images as conditions ------------------------------------------------------------------------------------------------


class Pairs(BaseObjective):
    def optimizers(self):
        return {"translator": torch.optim.Adam(self.model.parameters(), lr=0.01)}

    def updates(self, batch):
        yield "translator", (self.model.drawn(batch.sources) - batch.images).square().mean()


class SoundTranslator(Translator):
    """Grey images twice as large as the RGB ones they are made from, in a tone drawn at random: it keeps every
    promise."""

    registered = {"capabilities": frozenset({"translate"}), "condition": "image"}  # noqa: RUF012
    config_class = GanConfig
    objective_class = Pairs
    deterministic = False
    enlargement = 2

    def __init__(self, config):
        super().__init__(config)
        self.space, self.condition, self.multiple = Images((1, 8, 8)), Sources(3), 2
        self.network = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 16, 1), nn.PixelShuffle(4))

    def drawn(self, sources, tone=0):
        return torch.sigmoid(4 * self.network(sources) + tone)

    def _translate_tile(self, images):
        return self.drawn(images)

    def _translate(self, images, noise, temperature):
        tone = temperature * noise.normal(1, 1, 1)
        return self._tiled(lambda part: self.drawn(part, tone), images, None)


class SoundWithoutNoise(SoundTranslator):
    deterministic = True

    def _translate(self, images, noise, temperature):
        return super()._translate(images, noise, 0.0)


@breaks("check_declared_capabilities", condition=None)
class UndeclaredSource(SoundTranslator):
    pass


@breaks("check_translate_seeded")
class SaysItDrawsNothing(SoundTranslator):
    deterministic = True


@breaks("check_source_matters")
class SourceIgnored(SoundTranslator):
    def drawn(self, sources, tone=0):
        return super().drawn(0.3 + (sources - sources.detach()), tone)


@breaks("check_source_forms")
class FilesUpsideDown(SoundTranslator):
    def check_sources(self, sources, n, *, strict=False):
        given = super().check_sources(sources, n, strict=strict)
        return given if isinstance(sources, torch.Tensor) else given.flip(2)


@breaks("check_source_sizes")
class CutToWhatTheNetworkTakes(SoundTranslator):
    def _translate(self, images, noise, temperature):
        height, width = (side - side % 2 for side in images.shape[2:])
        return super()._translate(images, noise, temperature)[:, :, : 2 * height, : 2 * width]


@breaks("check_wrong_sources_refused")
class SourcesClamped(SoundTranslator):
    def check_sources(self, sources, n, *, strict=False):
        if isinstance(sources, torch.Tensor) and sources.is_floating_point():
            sources = sources.clamp(0, 1)
        return super().check_sources(sources, n, strict=strict)


@breaks("check_translations")
class TranslatesInDoublePrecision(SoundWithoutNoise):
    def _translate(self, images, noise, temperature):
        return super()._translate(images, noise, temperature).double()


@breaks("check_translations", "check_source_sizes")
class TranslatesFromMinusOne(SoundWithoutNoise):
    def drawn(self, sources, tone=0):
        return 2 * super().drawn(sources, tone) - 1


@breaks("check_deterministic")
class GanSaysItDrawsNothing(SoundGan):
    deterministic = True


# Classes of what is there --------------------------------------------------------------------------------------------


class Reading(Adversarial):
    def updates(self, batch):
        for name, loss in super().updates(batch):
            read = self.model.reader(batch.images.flatten(1)).square().mean()
            yield name, loss + read if name == "generator" else loss


class SoundReader(SoundGan):
    """The generator with a classifier of three classes."""

    registered = {"capabilities": frozenset({"generate", "decode", "classify"})}  # noqa: RUF012
    objective_class = Reading

    def __init__(self, config):
        super().__init__(config)
        self.reader = nn.Linear(4, 3)

    def _classify(self, images, noise):
        return self.reader(images.flatten(1)).softmax(1)


@breaks("check_probabilities")
class GivesLogits(SoundReader):
    def _classify(self, images, noise):
        return self.reader(images.flatten(1))


@breaks("check_classify_per_sample")
class ReadsTheBatch(SoundReader):
    def _classify(self, images, noise):
        return super()._classify(10 * (images - images.mean(0)), noise)


# Texts as conditions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextConfig:
    vocabulary: tuple[str, ...] = ("blue", "green", "red", "round")
    words: int = 4


class Captioned(BaseObjective):
    def optimizers(self):
        return {"painter": torch.optim.Adam(self.model.parameters(), lr=0.01)}

    def updates(self, batch):
        said = self.model._embed(self.model.condition.indices([captions[0] for captions in batch.captions]))
        drawn = self.model._decode(torch.randn(len(said), 2), said)
        yield "painter", (drawn - batch.images).square().mean()


class SoundPainter(Model):
    """A generator conditioned on a text, whose words go into its embedding with weights of their places: it keeps every
    promise."""

    registered = {"capabilities": frozenset({"generate", "decode"}), "condition": "text"}  # noqa: RUF012
    config_class = TextConfig
    objective_class = Captioned

    def __init__(self, config):
        super().__init__(config)
        self.space, self.latent_shape = Images((1, 2, 2)), (2,)
        self.condition = Texts(config.vocabulary, config.words, 3)
        self.words = nn.Embedding(FIRST + len(config.vocabulary), 3)
        self.places = nn.Linear(config.words, 1)
        self.network = nn.Sequential(nn.Linear(2 + 3, 8), nn.SiLU(), nn.Linear(8, 4), nn.Sigmoid())

    def _embed(self, indices):
        return self.places(self.words(indices).mT).squeeze(2)

    def _decode(self, z, condition):
        return self.network(torch.cat([z, condition], 1)).view(-1, *self.space.shape)


@breaks("check_declared_capabilities", condition=None)
class UndeclaredText(SoundPainter):
    pass


@breaks("check_device")
class EmbedsOnTheCpu(SoundPainter):
    def _embed(self, indices):
        return super()._embed(indices) + torch.zeros(1, 3, device="cpu")


@breaks("check_texts_matter")
class TextsIgnored(SoundPainter):
    def _generate(self, noise, condition, temperature):
        return super()._generate(noise, torch.zeros_like(condition), temperature)


@breaks("check_text_forms")
class CapitalsShout(SoundPainter):
    def _read_condition(self, condition, n):
        loud = isinstance(condition, str) and condition.isupper()
        return (2 if loud else 1) * super()._read_condition(condition, n)


@breaks("check_text_forms")
class EmbeddingsMadeLength1(SoundPainter):
    def _read_condition(self, condition, n):
        given = super()._read_condition(condition, n)
        return nn.functional.normalize(given, dim=1) if isinstance(condition, torch.Tensor) else given


@breaks("check_unknown_words_warned")
class UnknownWordsSwallowed(SoundPainter):
    def _read_condition(self, condition, n):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnknownWord)
            return super()._read_condition(condition, n)


@breaks("check_unknown_words_warned")
class UnknownWordsCounted(UnknownWordsSwallowed):
    def _read_condition(self, condition, n):
        given = super()._read_condition(condition, n)
        if isinstance(condition, str) and (
            strange := set(condition.casefold().split()) - set(self.condition.vocabulary)
        ):
            warnings.warn(f"{len(strange)} strange words", UnknownWord, stacklevel=2)
        return given


@breaks("check_wrong_texts_refused")
class TextsCut(SoundPainter):
    def _read_condition(self, condition, n):
        short = " ".join(condition.split()[: self.condition.longest]) if isinstance(condition, str) else condition
        return super()._read_condition(short, n)


@breaks("check_wrong_texts_refused")
class DecodesWithoutAText(SoundPainter):
    def check_condition(self, condition, n, *, required=False):
        return super().check_condition("red" if required and condition is None else condition, n, required=required)


@pytest.fixture
def make(monkeypatch):
    """Builds a model of a class, registered as if a plugin had brought it."""

    def make(cls, **registered):
        fields = {**cls.registered, **registered}
        kind = fields.pop("log_prob", None)
        known = {"log_prob": kind and "exact"}
        entry = Architecture(cls.__name__, f"{cls.__module__}:{cls.__qualname__}", family="tests", **fields, **known)
        vars(entry)["log_prob"] = kind  # also one that registering would refuse
        known = registry()
        monkeypatch.setitem(known.architectures, entry.name, [entry])
        monkeypatch.setitem(known._things, "architectures", [*known.of("architectures"), entry])
        # Which releases could do what a model cannot, and how much memory there is, is asked for in every check.
        monkeypatch.setattr(known, "folders", {})
        monkeypatch.setattr(shortage, "memory", lambda: 10**9)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return building.create(entry, {}).eval()

    return make


class Wide(Sound):
    config_class = WideConfig


class WideOnVectors(SoundOnVectors):
    config_class = WideConfig


SOUND = [
    Sound, Wide, SoundOnVectors, WideOnVectors, SoundGan, SoundReader, SoundInvertedGan, SoundBound, SoundBinary,
    SoundBinaryBound, SoundBinaryEstimate, SoundSampler, SoundTranslator, SoundWithoutNoise, SoundPainter,
    Truncated,
]  # fmt: skip


@pytest.mark.parametrize("cls", SOUND)
def test_sound_model_passes(make, cls):
    assert {result.name: result.message for result in check_model(make(cls), report=True) if result.message} == {}


@pytest.mark.parametrize(("cls", "checks", "registered"), BROKEN)
def test_mutant_is_caught_by_the_check_that_names_it(make, cls, checks, registered, monkeypatch):
    if not {"check_compile", "check_export"} & set(checks):  # these are slow
        monkeypatch.setattr(compiled, "LARGEST", -1)
    model = make(cls, **registered)
    failed = {result.name: result.message for result in check_model(model, report=True) if result.status == "failed"}
    assert set(failed) == set(checks), failed
    for message in failed.values():  # the promise, what was seen and what to change
        assert message.count(". ") >= 2, message


@pytest.mark.parametrize(
    ("cls", "registered", "words"),
    [
        (LabelsIgnoredByNetwork, {}, "Use the argument `condition` of _decode"),
        (LabelsIgnored, {}, "Use the argument `condition` of _generate"),
        (UndeclaredCondition, {"condition": None}, "condition=None, but UndeclaredCondition has 'label'"),
        (UndeclaredCondition, {"condition": None}, "or set self.condition in __init__, as to Labels(config.classes)"),
        (AnotherKindOfDensity, {"log_prob": "estimate"}, "the attribute log_prob_kind"),
        (UndeclaredSource, {"condition": None}, "or set self.condition in __init__"),
        (UndeclaredText, {"condition": None}, "condition=None, but UndeclaredText has 'text'"),
        (TextsIgnored, {}, "Use the argument `condition` of _generate, embeddings of shape (n, text_dim)"),
        (UnknownWordsSwallowed, {}, "Of 'xyzzyplugh' nothing was said. Leave the reading of texts to Model.embed"),
    ],
)
def test_what_to_change_is_what_the_author_wrote(make, cls, registered, words):
    messages = [result.message for result in check_model(make(cls, **registered), report=True) if result.message]
    assert words in messages[0]


# No check, and one of what translates no images, which tests/test_token_plugin.py breaks.
ELSEWHERE = {"check_model", "check_wrong_counts_refused"}


def test_every_check_alone_catches_a_mutant():
    modules = [
        importlib.import_module(f"zoo.testing.{each.name}") for each in pkgutil.iter_modules(zoo.testing.__path__)
    ]
    checks = {name for module in modules for name, _ in inspect.getmembers(module, inspect.isfunction)}
    caught = {case.values[1][0] for case in BROKEN if len(case.values[1]) == 1}
    assert {name for name in checks if name.startswith("check_")} - ELSEWHERE == caught
