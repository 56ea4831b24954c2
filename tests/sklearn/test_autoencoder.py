"""`Autoencoder`: codes and back, in a pipeline, a search, a pickle and a data frame; what it is given carelessly."""

import pickle
import random
import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import zoo
from zoo.errors import CapabilityError, ConfigError, InvalidInput
from zoo.sklearn import Autoencoder

FAST = {"steps": 3, "batch_size": 8, "random_state": 0}
TABLES = ["linear-autoencoder", "autoencoder", "sparse-autoencoder", "contractive-autoencoder"]
TRAINED = {"steps": 60, "batch_size": 20, "recipe": {"objective.learning_rate": 0.05}, "random_state": 0}
LOSS = {"contractive-autoencoder": {"objective.loss": "mse"}}  # cross-entropy is of pixels


@pytest.mark.parametrize("name", TABLES)
def test_tables(name, table):
    fitted = Autoencoder(name, latent_dim=3, recipe=LOSS.get(name), **FAST).fit(table)
    codes = fitted.transform(table)
    assert codes.shape == (40, 3)
    assert fitted.inverse_transform(codes).shape == table.shape


@pytest.mark.parametrize("name", [*TABLES, "denoising-autoencoder", "conv-autoencoder", "wae", "vae"])
def test_images(name, images):
    """Image-shaped and flat X are the same."""
    fitted = Autoencoder(name, latent_dim=3, **FAST).fit(images)
    flat = Autoencoder(name, latent_dim=3, image_shape=(1, 8, 8), **FAST).fit(images.reshape(24, -1))
    codes = fitted.transform(images)
    assert np.array_equal(codes, flat.transform(images.reshape(24, -1)))
    assert fitted.inverse_transform(codes).shape == images.shape
    assert flat.inverse_transform(codes).shape == (24, 64)


def test_it_is_what_the_training_loop_makes(table):
    """Standardised columns, the recipe as changed, and nothing else."""
    from zoo import building, registry
    from zoo.data.dataset import TensorDataset
    from zoo.training.loop import fit

    config = {"image_shape": [4], "latent_dim": 2, "components": 0}
    architecture = registry.find_architecture("linear-autoencoder")
    recipe = building.resolve(architecture).recipe.override({"steps": 3, "batch_size": 8, "seed": 0})
    data = TensorDataset("table", "train", torch.from_numpy(table))
    expected = fit(lambda: building.create(architecture, config), data, recipe).double().encode(torch.from_numpy(table))
    fitted = Autoencoder("linear-autoencoder", latent_dim=2, **FAST).fit(table)
    assert np.array_equal(fitted.transform(table), expected.numpy())


def test_score_is_minus_the_error_in_standard_deviations(table):
    fitted = Autoencoder("linear-autoencoder", latent_dim=2, **TRAINED).fit(table)
    away = (fitted.inverse_transform(fitted.transform(table)) - table) / table.std(0)
    assert fitted.score(table) == pytest.approx(-np.square(away).mean(), rel=1e-6)
    assert fitted.score(table) > -0.01  # two numbers tell all four


def test_score_of_images_is_of_pixels(images):
    fitted = Autoencoder("conv-autoencoder", latent_dim=2, **FAST).fit(images)
    away = fitted.inverse_transform(fitted.transform(images)) - images
    assert fitted.score(images) == pytest.approx(-np.square(away).mean(), rel=1e-6)


def test_a_pipeline_and_a_search_over_sizes(table):
    search = GridSearchCV(Autoencoder("linear-autoencoder", **TRAINED), {"latent_dim": np.array([1, 2])}, cv=2)
    assert search.fit(table).best_params_ == {"latent_dim": 2}
    piped = make_pipeline(Autoencoder("linear-autoencoder", latent_dim=2, **TRAINED), LinearRegression())
    assert piped.fit(table[:, :3], table[:, 3]).score(table[:, :3], table[:, 3]) > 0.9


def test_a_pickle_gives_the_same_codes_and_holds_no_module(table):
    fitted = Autoencoder(latent_dim=2, **FAST).fit(table)
    content = pickle.dumps(fitted)
    assert b"torch" not in content
    again = pickle.loads(content)
    assert np.array_equal(again.transform(table), fitted.transform(table))
    assert again.model_.provenance.architecture == "autoencoder"
    assert np.array_equal(again.inverse_transform([[0.5, 1.0]]), fitted.inverse_transform([[0.5, 1.0]]))
    assert not hasattr(clone(fitted), "model_")


def test_the_precision_is_that_of_the_samples(table):
    fitted = Autoencoder(latent_dim=2, **FAST).fit(table)
    wide, narrow = fitted.transform(table), fitted.transform(table.astype(np.float32))
    assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
    assert not np.array_equal(wide.astype(np.float32), narrow)
    assert np.allclose(wide, narrow, atol=1e-3)
    assert fitted.model_.dtype == torch.float32


def test_names_and_data_frames(table):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table, columns=list("abcd"), index=range(5, 45))
    fitted = Autoencoder("linear-autoencoder", latent_dim=2, **FAST).set_output(transform="pandas").fit(frame)
    assert list(fitted.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    codes = fitted.transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    assert list(codes.index) == list(frame.index)
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(frame[list("dcba")])


def test_a_seed_decides_and_no_global_generator_moves(table):
    np.random.seed(3)
    random.seed(3)
    torch.manual_seed(3)
    before = np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist()
    first, second, other = (Autoencoder(latent_dim=2, **FAST | {"random_state": seed}).fit(table) for seed in (1, 1, 2))
    fresh = Autoencoder(latent_dim=2, steps=1).fit(table)
    assert (np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist()) == before
    assert np.array_equal(first.transform(table), second.transform(table))
    assert not np.array_equal(first.transform(table), other.transform(table))
    again = Autoencoder(latent_dim=2, steps=1).fit(table)
    assert not np.array_equal(fresh.transform(table), again.transform(table))
    drawn = [Autoencoder(latent_dim=2, **FAST | {"random_state": np.random.RandomState(5)}).fit(table) for _ in "12"]
    assert np.array_equal(drawn[0].transform(table), drawn[1].transform(table))


def test_threads_do_not_share_a_generator(table):
    """Trainings at once, as of a search by threads, give what each gives alone."""
    expected = [Autoencoder(latent_dim=2, **FAST | {"steps": 10, "random_state": i}).fit(table) for i in range(2)]
    at_once = [Autoencoder(latent_dim=2, **FAST | {"steps": 10, "random_state": i}) for i in range(2)]
    threads = [threading.Thread(target=each.fit, args=(table,)) for each in at_once]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, at_once, strict=True):
        assert np.array_equal(one.transform(table), other.transform(table))


def test_a_warm_start_goes_on_from_the_weights(table):
    fitted = Autoencoder("linear-autoencoder", latent_dim=2, **TRAINED).fit(table)
    score = fitted.score(table)
    fitted.set_params(warm_start=True, steps=1, recipe={"objective.learning_rate": 1e-6}).fit(table)
    assert fitted.score(table) == pytest.approx(score, rel=0.01)
    with pytest.raises(ConfigError, match="training goes on with the linear-autoencoder"):
        fitted.set_params(latent_dim=1).fit(table)
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.set_params(latent_dim=2).fit(table[:, :3])


def test_a_warm_start_takes_flat_images_as_partial_fit_does(images):
    shaped, flat = (Autoencoder("conv-autoencoder", latent_dim=2, warm_start=True, **FAST) for _ in range(2))
    shaped.fit(images).fit(images)
    flat.fit(images).fit(images.reshape(24, -1))
    codes = shaped.transform(images)
    assert np.array_equal(flat.transform(images), codes)
    assert flat.inverse_transform(codes).shape == (24, 64)  # the form of X in the last fit
    assert shaped.inverse_transform(codes).shape == images.shape


def test_partial_fit_goes_on_where_it_was(table):
    parts = table[:20], table[20:]
    whole = Autoencoder("linear-autoencoder", latent_dim=2, **FAST)
    for part in parts:
        whole.partial_fit(part)
    pickled = pickle.loads(pickle.dumps(Autoencoder("linear-autoencoder", latent_dim=2, **FAST).partial_fit(parts[0])))
    pickled.partial_fit(parts[1])
    assert np.array_equal(pickled.transform(table), whole.transform(table))
    assert np.allclose(whole.model_.standard.location, parts[0].mean(0))
    with pytest.raises(ValueError, match="X has 3 features"):
        whole.partial_fit(table[:, :3])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 4}, "batch_size=8, as it began; batch_size=4 came"),
        ({"recipe": {"objective.learning_rate": 0.5}}, r"objective=.*0\.05.*came"),
        ({"accelerator": "cuda"}, "accelerator='auto', as it began"),
        ({"random_state": 1}, "random_state=0, as it began"),
        ({"recipe": {"nothing": 1}}, "nothing"),
    ],
)
def test_partial_fit_goes_on_as_it_began(changed, message, table):
    begun = {**TRAINED, "batch_size": 8}
    model = Autoencoder("linear-autoencoder", latent_dim=2, **begun).partial_fit(table)
    codes = model.transform(table)
    with pytest.raises(ConfigError, match=message):
        model.set_params(**changed).partial_fit(table)
    assert np.array_equal(model.transform(table), codes)
    model.set_params(**begun, accelerator="auto").set_params(steps=1).partial_fit(table)  # steps do not count


def test_partial_fit_knows_a_generator_again(table):
    drawn, kept = np.random.RandomState(0), np.random.RandomState(0)
    kept.randint(2**32, dtype=np.uint64)
    model = Autoencoder("linear-autoencoder", latent_dim=2, **FAST | {"random_state": drawn}).partial_fit(table)
    pickle.loads(pickle.dumps(model)).partial_fit(table)
    model.partial_fit(table)
    assert drawn.randint(100) == kept.randint(100)  # drawn from once
    with pytest.raises(ConfigError, match="random_state"):
        model.set_params(random_state=np.random.RandomState(0)).partial_fit(table)


def test_partial_fit_takes_flat_images_as_transform_does(images):
    shaped, flat = (Autoencoder("conv-autoencoder", latent_dim=2, **FAST).partial_fit(images) for _ in range(2))
    shaped.partial_fit(images)
    assert np.array_equal(flat.partial_fit(images.reshape(24, -1)).transform(images), shaped.transform(images))


def test_partial_fit_learns_and_goes_on_from_a_fit(table):
    fitted = Autoencoder("linear-autoencoder", latent_dim=2, **TRAINED).fit(table)
    standard, before = fitted.model_.standard, fitted.score(table)
    fitted.partial_fit(table[:30] + 1)
    assert fitted.score(table) > before - 0.1
    assert torch.equal(fitted.model_.standard.location, standard.location)
    fresh = Autoencoder("linear-autoencoder", latent_dim=2, **TRAINED)
    for _ in range(15):
        fresh.partial_fit(table)
    assert fresh.score(table) > -0.1


def test_a_mixture_is_fitted_when_it_is_asked_for(table):
    assert Autoencoder(latent_dim=2, **FAST).fit(table).model_.mixture is None
    fitted = Autoencoder(latent_dim=2, config={"components": 1}, **FAST).fit(table)
    assert not torch.equal(fitted.model_.mixture.means, torch.zeros(1, 2))
    assert fitted.model_.generate(3, seed=0).shape == (3, 4)


def test_partial_fit_refuses_a_mixture_that_it_would_not_fit(table):
    model = Autoencoder(latent_dim=2, config={"components": 1}, **FAST)
    with pytest.raises(ConfigError, match=r"components=1, and partial_fit fits no density.*zoo\.latent\.fit"):
        model.partial_fit(table)
    with pytest.raises(ConfigError, match="partial_fit fits no density"):
        model.fit(table).partial_fit(table)
    model.set_params(config={"components": 0}).fit(table).partial_fit(table)


def test_lists_and_tensors_of_images(images):
    fitted = Autoencoder("conv-autoencoder", latent_dim=2, **FAST).fit(images)
    codes = fitted.transform(images)
    for X in (list(images), images.tolist(), torch.from_numpy(images), list(torch.from_numpy(images))):
        assert np.array_equal(fitted.transform(X), codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, 0], r"X came with shape \(24, 8, 8\).*X\[:, None\]"),
        (lambda x: (255 * x).astype(np.uint8), r"images / 255"),
        (lambda x: x.transpose(0, 2, 3, 1), r"sides of at least 8"),
        (lambda x: x[:, :, :7], r"sides of at least 8"),
        (lambda x: x[:1], "1 sample"),
        (lambda x: np.full_like(x, np.nan), "NaN"),
        (lambda x: x.reshape(24, -1), r"conv-autoencoder cannot be fitted to a table, n_features=64.*image_shape="),
    ],
)
def test_images_that_do_not_fit(images, change, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder("conv-autoencoder", **FAST).fit(change(images))


def test_other_images_than_were_fitted(images):
    fitted = Autoencoder("conv-autoencoder", latent_dim=2, **FAST).fit(images)
    with pytest.raises(InvalidInput, match="channels first"):
        fitted.transform(images.transpose(0, 2, 3, 1))
    with pytest.raises(InvalidInput, match="images / 255"):
        fitted.transform(255 * images)
    with pytest.raises(InvalidInput, match=r"Z has 3 columns.*2 numbers"):
        fitted.inverse_transform(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"architecture": "vae"}, InvalidInput, "vae cannot be fitted to a table, n_features=4"),
        ({"architecture": "maf"}, CapabilityError, r"maf is a bijection.*Autoencoder takes autoencoder, .*wae"),
        ({"architecture": "dcgan"}, CapabilityError, "dcgan has no encoder"),
        ({"architecture": "acgan"}, CapabilityError, "conditioned on a label"),
        ({"architecture": "autoencodr"}, zoo.errors.UnknownName, "Did you mean 'autoencoder'"),
        ({"latent_dim": "2"}, InvalidInput, "latent_dim='2'"),
        ({"latent_dim": 0}, ConfigError, "latent_dim=0"),
        ({"steps": 0}, InvalidInput, "steps=0"),
        ({"batch_size": 2.5}, InvalidInput, r"batch_size=2\.5"),
        ({"random_state": -1}, InvalidInput, "random_state=-1"),
        ({"random_state": 2**32}, InvalidInput, "random_state=4294967296"),
        ({"config": {"hiden": [3]}}, ConfigError, "'hiden'.*'hidden'"),
        ({"config": "hidden"}, InvalidInput, "config='hidden'; expected a dict"),
        ({"recipe": {"objective.lr": 1}}, ConfigError, "'lr'.*learning_rate"),
        ({"recipe": {"steps": 9}}, ConfigError, "recipe has steps"),
        ({"image_shape": 4}, InvalidInput, "image_shape=4; expected"),
        ({"image_shape": (1, 3, 3)}, InvalidInput, r"X has 4 features, and image_shape=\(1, 3, 3\)"),
    ],
)
def test_parameters_that_do_not_fit(table, parameters, error, message):
    """They are kept as they are given, and told when they are used."""
    estimator = Autoencoder(**FAST | parameters)
    with pytest.raises(error, match=message):
        estimator.fit(table)


def test_values_of_numpy_serve(table):
    config = {"hidden": np.array([5]), "latent_dim": np.int64(2)}
    fitted = Autoencoder(config=config, recipe={"clip": np.float64(1)}, **FAST | {"steps": np.int64(2)}).fit(table)
    assert fitted.model_.config.hidden == (5,)
