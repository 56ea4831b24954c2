"""The small inputs of the contract suite: what each kind of model is given, and which options are set low."""

import pytest
import torch
from small_models import small

from zoo.testing import examples


def test_costly_options_are_low_where_a_hook_declares_them_and_only_for_the_duration():
    def hook(x, *, steps=1000, beams=50, samples=100):
        pass

    assert examples.quick(hook) == {"steps": 2, "samples": 4}
    with examples.cheap({"beams": 3, "steps": 1}):
        assert examples.quick(hook) == {"steps": 1, "samples": 4, "beams": 3}
        assert examples.quick(lambda x, steps=1: None) == {}  # which is no option
    with pytest.raises(KeyError), examples.cheap({"beams": 3}):
        raise KeyError
    assert examples.quick(hook) == {"steps": 2, "samples": 4}


def test_a_result_is_as_much_larger_as_the_model_makes_it():
    srresnet = small("srresnet", image_shape=(3, 16, 16), width=4, blocks=1)()
    assert examples.sources(srresnet, 2).shape == (2, 3, 24, 24)
    assert examples.result_shape(srresnet) == (3, 96, 96)
    pix2pix = small("pix2pix", image_shape=(1, 24, 24), width=4, depth=3)()
    assert examples.result_shape(pix2pix) == (1, *examples.sources(pix2pix, 1).shape[2:])


def test_inputs_are_the_same_whenever_they_are_asked_for():
    model = small("vae", image_size=8, width=4, latent_dim=3)()
    for make in (examples.samples, examples.latents):
        assert torch.equal(make(model, 3), make(model, 3))
        assert torch.equal(make(model, 3)[:2], make(model, 2))
    assert not torch.equal(examples.samples(model, 2), examples.samples(model, 2, stream="other"))


def test_one_condition_serves_all():
    assert examples.same_condition(small("vae", image_size=8, width=4, latent_dim=3)()) is None
    cgan = small("cgan", image_size=8, width=4)()
    assert examples.same_condition(cgan) == examples.conditions(cgan, 3)[0]
    assert examples.classes(cgan) == cgan.condition.classes


def test_what_is_asked_for_is_what_a_model_can():
    assert set(examples.calls(small("dcgan", image_size=8, width=2)(), 2)) == {"decode", "encode"}
    flow = small("flow-2d", steps=2, width=8)()
    assert set(examples.results(flow, 2)) == {"generate", "decode", "encode", "log_prob"}
    assert set(examples.calls(small("pix2pix", image_shape=(1, 24, 24), width=4, depth=3)(), 1)) == {"translate"}


def test_what_differs_when_it_is_asked_for_again_is_left_to_another_check():
    flow = small("flow-2d", steps=2, width=8)()
    flow._log_prob = lambda x, condition, noise: torch.rand(len(x))
    assert set(examples.repeatable(flow)) == {"generate", "decode", "encode"}
