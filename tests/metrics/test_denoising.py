"""Denoising on models that do nothing, or know the image."""

import math

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset, floats
from zoo.metrics import denoising
from zoo.metrics.evaluate import Subject


@pytest.fixture
def subject(judge):
    images = torch.full((8, 1, 16, 16), 128, dtype=torch.uint8)
    images[:, :, :, 8:] = 100
    data = TensorDataset("grey", "test", images)
    torch.manual_seed(0)
    model = zoo.create("denoising-autoencoder", image_shape=(1, 16, 16), latent_dim=4).eval()
    return Subject(model, judge, data, data, n=8)


def test_a_model_that_does_nothing_has_the_psnr_of_the_noise(subject, monkeypatch):
    monkeypatch.setattr(subject.model, "translate", lambda images, **_: images)
    records = denoising.denoising(subject)
    assert [record.type for record in records] == [f"psnr-denoised-{s}" for s in (0.1, 0.25, 0.5)]
    for record in records:
        assert record.value == pytest.approx(record.args["noisy"])
        assert record.args["network"] == record.value  # of the images that are filtered, here all
    # Noise of 0.1 around ½ is hardly ever clamped: −20 log₁₀ 0.1.
    assert records[0].value == pytest.approx(20, abs=0.3)
    assert records[0].args["noise"] == 0.1


def test_filters_of_a_flat_image_gain_what_they_average(subject, monkeypatch):
    """A mean of nine values has a ninth of the variance, 9.5 dB less; a median of them 1.6 dB more than that."""
    monkeypatch.setattr(subject.model, "translate", lambda images, **_: images)
    weak = denoising.denoising(subject)[0].args
    assert weak["wiener"] > weak["noisy"] + 4
    assert weak["median"] == pytest.approx(weak["noisy"] + 20 * math.log10(3) - 1.6, abs=1.5)


def test_a_model_that_knows_the_image_is_perfect(subject, monkeypatch):
    monkeypatch.setattr(subject.model, "translate", lambda images, **_: floats(subject.held_out))
    assert [record.value for record in denoising.denoising(subject)] == [120.0] * 3


def test_a_translator_is_not_measured(judge):
    data = TensorDataset("colour", "test", torch.zeros(4, 3, 24, 24, dtype=torch.uint8))
    model = zoo.create("cyclegan", image_shape=(3, 24, 24), width=2, blocks=1)
    assert denoising.denoising(Subject(model, judge, data, data, n=4)) == []


def test_filters_are_measured_on_images_that_are_spread_over_all():
    assert denoising._spread(torch.arange(2500), 1000).tolist() == list(range(0, 2500, 3))
    assert denoising._spread(torch.arange(7), 1000).tolist() == list(range(7))
