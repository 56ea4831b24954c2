"""Filters beside denoising networks: they take noise off, and the best is chosen fairly."""

import runpy
import sys

import pytest
import torch

from zoo import images
from zoo.errors import MissingExtra
from zoo.metrics import filters


def halves(n, channels=1, dark=0.4, light=0.6):
    """Images of 16 × 16 whose right half is light."""
    pixels = torch.full((n, channels, 16, 16), dark)
    pixels[..., 8:] = light
    return pixels


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_takes_noise_off_images_that_it_was_not_chosen_by(channels):
    given = images.noisy(halves(4, channels), 0.1, seed=0)
    found = filters.best(images.noisy(halves(3, channels), 0.1, seed=1), halves(3, channels), 0.1)
    assert list(found) == ["nl-means", "total-variation", "wavelets"]
    for kind, filtering in found.items():
        made = filtering(given)
        assert made.shape == given.shape
        assert filters.quality(made, halves(4, channels)) > filters.quality(given, halves(4, channels)) + 5, kind


def test_the_best_of_a_kind_is_taken_after_a_line_is_laid_through_its_values(monkeypatch):
    clean, given = halves(2, dark=0.0, light=1.0), halves(2, dark=0.25, light=0.75)
    bad = lambda noisy: torch.zeros_like(noisy)  # noqa: E731
    good = lambda noisy: 0.5 * noisy + 0.1  # noqa: E731
    monkeypatch.setattr(filters, "_kinds", lambda strength: {"first": iter([good, bad]), "last": iter([bad, good])})
    for filtering in filters.best(given, clean, 0.1).values():
        torch.testing.assert_close(filtering(given), clean)
        torch.testing.assert_close(filtering(given[:1] - 0.125), clean[:1] * 0.75), "it is that line for others too"


def test_quality_is_averaged_over_images_in_decibels():
    made = torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    assert filters.quality(made, torch.zeros(2, 1, 1, 1)) == pytest.approx((20 + 40) / 2)


@pytest.mark.parametrize(("module", "named"), [("skimage", "scikit-image"), ("pywt", "PyWavelets")])
def test_what_is_missing_is_named(monkeypatch, module, named):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"need {named}\. Install it with: pip install 'generative-zoo\[train\]'"):
        runpy.run_path(filters.__file__)
