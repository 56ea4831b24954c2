"""`Encoder`: a release, as it is, as a transformer."""

import pickle

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import CapabilityError, InvalidInput, UnknownName
from zoo.sklearn import Encoder

NAME = "vae-fashion-mnist"


@pytest.fixture
def clothes():
    return zoo.load(NAME).generate(5, seed=0).numpy()


def test_codes_are_the_release_s_own(clothes):
    encoder = Encoder(NAME).fit(clothes)
    assert np.array_equal(encoder.transform(clothes), zoo.load(NAME).encode(torch.from_numpy(clothes)).numpy())
    assert encoder.inverse_transform(encoder.transform(clothes)).shape == (5, 1, 28, 28)
    assert encoder.get_feature_names_out()[-1] == "encoder15"
    assert -0.01 < encoder.score(clothes) < 0


def test_flat_images_and_pickles(clothes):
    flat = clothes.reshape(5, -1)
    encoder = pickle.loads(pickle.dumps(Encoder(NAME).fit(flat)))
    assert np.array_equal(encoder.transform(flat), Encoder(NAME).fit_transform(clothes))
    assert encoder.inverse_transform(encoder.transform(flat)).shape == (5, 784)


def test_what_does_not_fit(clothes):
    with pytest.raises(InvalidInput, match=r"X has 30 features; vae-fashion-mnist takes images \(1, 28, 28\)"):
        Encoder(NAME).fit(clothes.reshape(5, -1)[:, :30])
    with pytest.raises(InvalidInput, match="images / 255"):
        Encoder(NAME).fit(255 * clothes)
    with pytest.raises(CapabilityError, match="srgan-bsd200 has no encode"):
        Encoder("srgan-bsd200").fit(np.zeros((2, 3, 8, 8)))
    with pytest.raises(UnknownName, match="vae-fashion-mnist"):
        Encoder("vae-fashion-mnst").fit(clothes)
