"""How X becomes samples, seeds, and models in pickles: the parts that all estimators share."""

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import InvalidInput, WeightsError
from zoo.sklearn._estimator import errors, flattened, packed, sampled, seed_of, tensor, unpacked


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return zoo.create("autoencoder", image_shape=(1, 2, 3), hidden=(4,), latent_dim=2, components=0).eval()


def test_images_are_laid_flat_in_order_of_channels_rows_and_columns():
    X = np.arange(24.0).reshape(2, 1, 3, 4)
    for each in (X, list(X), tuple(torch.from_numpy(X)), X.tolist()):
        flat, shape = flattened(each)
        assert shape == (1, 3, 4)
        assert np.asarray(flat).tolist() == [list(range(12)), list(range(12, 24))]


@pytest.mark.parametrize("X", [np.zeros((2, 3)), [[1, 2]], np.zeros((0, 1, 3, 4)), np.zeros(3), [], "words"])
def test_what_is_no_batch_of_images_is_left_to_scikit_learn(X):
    flat, shape = flattened(X)
    assert flat is X
    assert shape == ()


def test_images_without_channels_are_refused():
    with pytest.raises(InvalidInput, match=r"X came with shape \(5, 3, 4\); expected \(n, features\) or"):
        flattened(np.zeros((5, 3, 4)))


def test_rows_take_the_shape_of_the_space_whichever_way_they_came(model):
    rows = np.arange(6.0)[None] / 5
    for shape in ((6,), (1, 2, 3)):
        assert sampled(rows, shape, model).tolist() == [[[[0, 0.2, 0.4], [0.6, 0.8, 1.0]]]]
    with pytest.raises(InvalidInput, match=r"X has 5 features; .* 6 numbers"):
        sampled(rows[:, :5], (5,), model)
    with pytest.raises(InvalidInput):
        sampled(rows, (1, 3, 2), model)


@pytest.mark.parametrize("change", [lambda x: x, lambda x: x[::2, ::-1], lambda x: x.astype(">f4"), lambda x: x.T])
def test_arrays_of_any_order_and_no_writing_become_tensors(change):
    rows = change(np.arange(24.0).reshape(4, 6))
    rows.flags.writeable = False
    made = tensor(rows)
    assert made.tolist() == rows.tolist()
    made += 1  # which the array must not see
    assert rows.tolist() != made.tolist()


def test_an_error_is_the_mean_over_the_pixels_of_each(model):
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 2, 3)
    model.reconstruct = lambda x: torch.full_like(x, 0.25)
    assert errors(model, x).tolist() == [0.0625, 0.5625]


def test_errors_of_vectors_are_in_standard_deviations():
    model = zoo.create("linear-autoencoder", image_shape=(2,), latent_dim=1, components=0).eval()
    model.standard.fit(torch.tensor([[-100.0, -1.0], [100.0, 1.0]]))
    scale = model.standard.scale.flatten()
    model.reconstruct = lambda x: x + scale * torch.tensor([3.0, 4.0])
    assert errors(model, torch.zeros(1, 2)).item() == pytest.approx((9 + 16) / 2, rel=1e-5)


def test_seeds():
    assert (seed_of(7), seed_of(np.int64(2**32 - 1))) == (7, 2**32 - 1)
    one, other = (seed_of(np.random.RandomState(5)) for _ in range(2))
    assert one == other == int(np.random.RandomState(5).randint(2**32, dtype=np.uint64))
    generator = np.random.default_rng(5)
    assert [seed_of(generator), seed_of(generator)] == np.random.default_rng(5).integers(2**32, size=2).tolist()
    assert seed_of(None) != seed_of(None)
    with pytest.raises(InvalidInput, match=r"random_state=4294967296; expected a whole number below 2\*\*32\."):
        seed_of(2**32)


def test_a_model_in_bytes_is_the_same_when_it_is_read(model):
    content = packed(model)
    again = unpacked(content)
    x = torch.rand(3, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.encode(x), again.encode(x))
    assert not again.training
    with pytest.raises(WeightsError):
        unpacked(content[:-1])
