"""The two entry points of the contract suite, and with them every built-in architecture and every release."""

from typing import ClassVar

import pytest
import torch
from small_models import BUILT_IN, MODELS, SMALL, small

import zoo
from zoo import building
from zoo.errors import InvalidInput, WeightsNotFound
from zoo.models.flows.flow_2d import Flow2D
from zoo.models.gans.dcgan import DCGAN
from zoo.releases.cards import WEIGHTS
from zoo.spaces import Vectors
from zoo.testing import ContractError, check_model, checks_for, gradients, parametrize_with_checks, structure


class Stray(DCGAN):
    """A sound model that no name leads to."""


def stray():
    return Stray(Stray.config_class(image_size=8, width=2)).eval()


class Sweeping(Stray):
    """Notes what its costly option is called with."""

    seen: ClassVar[set[int]] = set()

    def _generate(self, noise, condition, temperature, *, sweeps=1000):
        self.seen.add(sweeps)
        return super()._generate(noise, condition, temperature)


def sweeping():
    return Sweeping(Stray.config_class(image_size=8, width=2)).eval()


# Checks of code, which is the same for all weights of an architecture.
OF_THE_CLASS = {
    "check_chunks",
    "check_compile",
    "check_config_round_trip",
    "check_decode_deterministic",
    "check_defaults",
    "check_device",
    "check_dtypes",
    "check_encode_deterministic",
    "check_encode_per_image",
    "check_eval_mode",
    "check_export",
    "check_global_rng",
    "check_gradients",
    "check_gradients_to_inputs",
    "check_gradients_to_parameters",
    "check_image_shapes",
    "check_latent_shape",
    "check_log_prob_per_image",
    "check_missing_capabilities_refused",
    "check_objective",
    "check_sample_ranges",
    "check_seed_determines_samples",
    "check_undeclared_options_refused",
    "check_unknown_labels_refused",
    "check_wrong_arguments_refused",
    "check_wrong_latents_refused",
    "check_wrong_samples_refused",
    "check_wrong_sources_refused",
    "check_wrong_texts_refused",
}
NOT_REGISTERED = {"check_declared_capabilities": "it is made up for this test"}


@parametrize_with_checks(MODELS)
def test_built_in_architecture(model, check):
    check(model)


@pytest.mark.parametrize("of_the_class", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", [name for name in zoo.list_models() if (zoo.info(name).folder / WEIGHTS).is_file()])
def test_release(name, of_the_class):
    """What depends on its weights; all else is proven of small models of its architecture, above, and for long here."""
    model = zoo.load(name)
    checks = {check.__name__: check for check in checks_for(model)}
    assert checks.keys() & OF_THE_CLASS > {"check_objective", "check_device"}
    for check in checks.keys() & OF_THE_CLASS if of_the_class else checks.keys() - OF_THE_CLASS:
        checks[check](model)


def test_what_is_left_to_small_models_is_checked_of_them():
    seen = set()
    for make in MODELS:
        model = make()
        names = {check.__name__ for check in checks_for(model)}
        known = model.log_prob_kind == "exact" or model.condition.name == "text"  # see models/test_export.py
        assert {"check_compile", "check_export"} <= names or known, make.__name__
        seen |= names
    assert seen >= OF_THE_CLASS


@parametrize_with_checks([stray], expected_failures=NOT_REGISTERED)
def test_known_failure_is_declared_at_the_call(model, check):
    check(model)


def test_every_built_in_architecture_is_among_the_small_ones():
    assert set(BUILT_IN) <= set(SMALL)


def test_check_model_lists_each_check_once():
    model = small("dcgan", image_size=8, width=2)()
    results = check_model(model)
    assert [result.name for result in results] == [check.__name__ for check in checks_for(model)]
    assert {(result.status, result.message) for result in results} == {("passed", "")}


def test_check_model_leaves_the_model_as_it_was():
    model = small("cgan", image_size=8, width=4)().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    check_model(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_first_failure_raises_and_a_report_goes_on():
    with pytest.raises(ContractError, match=r"check_declared_capabilities: .*Stray is not registered"):
        check_model(stray())
    results = check_model(stray(), report=True)
    assert [result.name for result in results if result.status == "failed"] == ["check_declared_capabilities"]
    assert len(results) > 10


def test_expected_failure_is_reported_with_its_reason():
    results = check_model(stray(), expected_failures=NOT_REGISTERED)
    expected = [(result.name, result.message) for result in results if result.status == "expected"]
    assert expected == list(NOT_REGISTERED.items())


def test_excuse_that_is_not_needed_fails():
    excuses = {**NOT_REGISTERED, "check_image_range": "it was wrong once"}
    with pytest.raises(ContractError, match=r"check_image_range: .*it was wrong once.*passes"):
        check_model(stray(), expected_failures=excuses)


def test_error_of_the_model_is_a_failure_that_keeps_its_cause():
    model = small("dcgan", image_size=8, width=2)()
    model.generator = torch.nn.Identity()
    with pytest.raises(ContractError) as caught:
        check_model(model)
    assert "came up" in str(caught.value)
    assert "Look at" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_the_error_of_a_model_is_explained_in_a_pytest_file_too():
    model = small("dcgan", image_size=8, width=2)()
    model.generator = torch.nn.Identity()
    made = cases(parametrize_with_checks([model]))
    broken, check = made["dcgan-check_image_shapes"].values
    with pytest.raises(ContractError, match=r"came up: .*Look at .*\.py, line \d+, in"):
        check(broken)


@pytest.mark.parametrize("excuses", [{"check_image_rang": "misspelt"}, {"check_image_range": ""}])
def test_excuse_must_name_a_check_and_a_reason(excuses):
    with pytest.raises(InvalidInput, match="check_image_rang"):
        check_model(stray(), expected_failures=excuses)
    with pytest.raises(InvalidInput, match="check_image_rang"):
        parametrize_with_checks([stray], expected_failures=excuses)


@pytest.mark.parametrize("options", [{"sweeps": 3}, {}])
def test_costly_options_are_set_where_the_suite_is_called(options, monkeypatch):
    monkeypatch.setattr(Sweeping, "seen", set())
    check_model(sweeping(), expected_failures=NOT_REGISTERED, options=options)
    assert Sweeping.seen == {options.get("sweeps", 1000)}
    Sweeping.seen.clear()
    made = cases(parametrize_with_checks([sweeping], options=options))
    model, check = made["sweeping-check_image_range"].values
    check(model)
    assert Sweeping.seen == {options.get("sweeps", 1000)}


def test_option_that_no_hook_declares_is_refused():
    for call in (check_model, lambda model, **arguments: parametrize_with_checks([model], **arguments)):
        with pytest.raises(InvalidInput, match=r"'sweps', which no hook declares.*sweeps"):
            call(sweeping(), options={"sweps": 3})


def cases(decorator):
    @decorator
    def test(model, check):
        check(model)

    (mark,) = test.pytestmark
    return {case.id: case for case in mark.args[1]}


def test_half_precision_is_refused():
    with pytest.raises(InvalidInput, match=r"torch\.bfloat16.*model\.float\(\)"):
        check_model(small("dcgan", image_size=8, width=2)().bfloat16())


def test_cases_are_named_after_model_and_check_and_excuses_are_strict():
    made = cases(parametrize_with_checks([stray], expected_failures={"stray-check_image_range": "why not"}))
    assert list(made) == [f"stray-{check.__name__}" for check in checks_for(stray())]
    marked = {name: case.marks for name, case in made.items() if case.marks}
    assert list(marked) == ["stray-check_image_range"]
    assert marked["stray-check_image_range"][0].kwargs == {"reason": "why not", "strict": True}


def test_a_model_itself_may_be_given():
    made = cases(parametrize_with_checks([small("dcgan", image_size=8, width=2)()]))
    assert "dcgan-check_image_range" in made


def test_no_models_make_no_cases():
    assert cases(parametrize_with_checks([])) == {}


def test_name_that_does_not_load_is_one_failing_case():
    made = cases(parametrize_with_checks(["./nowhere"]))
    assert list(made) == ["./nowhere-check_loads"]
    model, check = made["./nowhere-check_loads"].values
    with pytest.raises(ContractError, match=r"can be loaded by its name\. nowhere is not a folder") as caught:
        check(model)
    assert isinstance(caught.value.__cause__, WeightsNotFound)


def test_a_release_is_loaded_by_its_first_test_and_no_earlier(release, monkeypatch):
    loaded, seen = [], []
    monkeypatch.setattr(zoo, "load", lambda name: loaded.append(name) or building.read(release / WEIGHTS))
    decorator = parametrize_with_checks([str(release)])

    @decorator
    def test(model, check):
        seen.append(model)

    made = cases(decorator)
    assert loaded == []
    assert list(made) == [f"{release}-{check.__name__}" for check in checks_for(building.read(release / WEIGHTS))]
    for case in list(made.values())[:3]:
        name, check = case.values
        test(model=name, check=check)
    assert loaded == [str(release)]
    assert seen == [seen[0]] * 3
    assert seen[0].device.type == "cpu"


def test_a_release_without_its_weights_fails_when_it_is_tested(release):
    (release / WEIGHTS).unlink()

    @parametrize_with_checks([str(release)])
    def test(model, check):
        check(model)

    with pytest.raises(ContractError, match=r"can be loaded by its name\. .*model\.safetensors"):
        test(model=str(release), check=None)


def test_the_columns_of_a_table_may_be_of_any_size():
    def salaries():
        model = small("flow-2d", steps=2, width=8)()
        model.bijection.layers[0].shift.data.fill_(-3e5)
        model.bijection.layers[0].log_scale.data.fill_(-10)
        return model

    assert {result.status for result in check_model(salaries())} == {"passed"}


def test_a_model_of_somebody_s_table_keeps_the_contract():
    """Its columns are float64 and have names, which its card knows and its config does not."""

    def of_a_table():
        model = small("flow-2d", steps=2, width=8)()
        model.standard.fit(170 + 8 * torch.randn(50, 2, dtype=torch.float64))
        model.space = model.space.with_data({"columns": ["height", "weight"]})
        return model

    assert of_a_table().generate(1, seed=0).dtype == torch.float64
    assert {result.status for result in check_model(of_a_table())} == {"passed"}


def test_how_pictures_were_made_to_fit_is_no_matter_of_the_config():
    model = stray()
    model.space = model.space.with_data({"fit": "pad"})
    structure.check_config_round_trip(model)


class Counts(Vectors):
    """A space of whole numbers."""

    def example(self, n, noise):
        return (6 * noise.uniform(*self.shape)).long()


def test_what_takes_a_continuum_is_not_asked_of_whole_numbers():
    flow = Flow2D(Flow2D.config_class(steps=1, width=4)).eval()
    assert "check_inverse" in {check.__name__ for check in checks_for(flow)}
    assert "decode" in gradients._methods(flow)
    flow.space = Counts(flow.space.shape)
    assert "check_inverse" not in {check.__name__ for check in checks_for(flow)}
    assert gradients._methods(flow) == []
