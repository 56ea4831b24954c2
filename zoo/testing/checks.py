"""Which promises a model has to keep: the checks, chosen by what it claims to be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zoo.model import Model
from zoo.models._translator import Translator
from zoo.testing import densities, inference, refusals, sampling, structure, texts, training, translation
from zoo.testing.contract import is_registered

Check = Callable[[Model], None]

# Quadrature is exact enough in two dimensions, a Jacobian is cheap up to some dozens, and so are sums of 2^10 terms.
INTEGRABLE, DIFFERENTIABLE, SUMMABLE = 2, 64, 10


def checks_for(model: Model) -> Iterator[Check]:
    """The checks that apply to `model`, most basic first. Each takes the model, leaves it as it was, and raises
    ContractError where a promise is broken."""
    can = model.capabilities()
    yield structure.check_names_free
    yield structure.check_declared_capabilities
    yield structure.check_config_round_trip
    yield structure.check_missing_capabilities_refused
    if "generate" in can:
        yield from _of_generate(model)
    if "decode" in can:
        yield sampling.check_decode_deterministic
        yield refusals.check_wrong_latents_refused
    if "encode" in can:
        yield from _of_encode(model)
    if "log_prob" in can:
        yield from _of_log_prob(model)
    if can & {"encode", "log_prob"}:
        yield refusals.check_wrong_images_refused
    yield refusals.check_undeclared_options_refused
    yield structure.check_eval_mode
    yield structure.check_global_rng
    yield structure.check_device
    if is_registered(model):
        yield structure.check_weights_round_trip
    if hasattr(model, "objective_class"):
        yield training.check_objective
        yield training.check_gradients


def _of_generate(model: Model) -> Iterator[Check]:
    yield sampling.check_image_shapes
    yield sampling.check_image_range
    yield sampling.check_seed_determines_samples
    if model.deterministic:
        yield sampling.check_deterministic
    else:
        yield sampling.check_seeds_differ
        yield sampling.check_temperature_matters
    if model.binary:
        yield sampling.check_binary_samples
    if model.classes:
        yield sampling.check_labels_by_name
        yield sampling.check_labels_matter
    if model.source_channels:
        yield from _of_sources(model)
    elif model.text_shape:
        if len(model.vocabulary) > 1:
            yield texts.check_texts_matter
        yield texts.check_text_forms
        yield texts.check_strange_words_told
        yield texts.check_wrong_texts_refused
    else:
        yield refusals.check_unknown_labels_refused
    yield refusals.check_wrong_arguments_refused
    yield structure.check_dtypes


def _of_sources(model: Model) -> Iterator[Check]:
    yield translation.check_source_matters
    yield translation.check_source_forms
    if isinstance(model, Translator):
        yield translation.check_source_sizes
    yield translation.check_wrong_sources_refused


def _of_encode(model: Model) -> Iterator[Check]:
    yield inference.check_latent_shape
    yield inference.check_encode_deterministic
    if model.encodes_by == "network":  # an unfinished search magnifies rounding
        yield inference.check_encode_per_image
    if model.encodes_by == "inversion" and "decode" in model.capabilities():
        yield inference.check_inversion


def _of_log_prob(model: Model) -> Iterator[Check]:
    yield inference.check_log_prob_shape
    yield inference.check_log_prob_per_image
    yield inference.check_log_prob_deterministic
    if model.eight_bit:
        yield densities.check_bits_per_dim
    if model.binary:
        yield refusals.check_grey_refused
        if model.dimensions <= SUMMABLE:
            yield densities.check_probabilities_sum
    elif model.log_prob_kind == "exact":
        yield from _of_exact_density(model)
    elif model.dimensions <= INTEGRABLE:
        yield densities.check_bound_holds


def _of_exact_density(model: Model) -> Iterator[Check]:
    if {"encode", "decode"} <= model.capabilities():
        yield inference.check_inverse
    if model.dimensions <= INTEGRABLE:
        yield densities.check_density_integrates
    elif model.dimensions <= DIFFERENTIABLE and densities.has_standard_normal_latents(model):
        yield densities.check_change_of_variables
