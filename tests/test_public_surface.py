"""`import zoo`: what is there, what it costs, and that its signatures are what was promised."""

import dataclasses
import doctest
import importlib
import inspect
import pydoc
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo
from zoo import errors, plugin

HEAVY = ("torch", "torchvision", "timm", "huggingface_hub", "numpy", "typer", "rich", "lightning_fabric")


@pytest.mark.parametrize(
    "use",
    [
        "",
        "zoo.list_models()",
        "zoo.list_models('*', family='gans', capability='encode', condition='label')",
        "zoo.list_architectures(); zoo.list_datasets(); print(zoo.compare('mnist'), file=sys.stderr)",
        "zoo.info('dcgan-celeba').card.metrics; zoo.info('dcgan-celeba').architecture.capabilities",
        "zoo.hookimpl; zoo.errors.UnknownName; dir(zoo)",
        "from zoo.plugin import errors, hookimpl",
        "from zoo.registry import registry; registry()",
    ],
)
def test_listing_imports_nothing_heavy(python, use):
    loaded = python(f"import sys, zoo\n{use}\nprint(*(m for m in {HEAVY} if m in sys.modules))")
    assert loaded.split() == []


@pytest.mark.parametrize("module", [zoo, plugin, errors])
def test_all_names_exist_and_nothing_else_is_shown(module):
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert dir(module) == sorted([*module.__all__, *["Model", "hookimpl"] * (module is zoo)])


def test_errors_are_not_among_the_first_things_that_a_user_sees():
    assert "ConfigError" in errors.__all__
    assert not set(errors.__all__) & set(zoo.__all__)


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (zoo, plugin, zoo.images, zoo.latent)
    for name in getattr(module, "__all__", vars(module))
    if inspect.isfunction(getattr(module, name)) and not name.startswith("_")
    if hasattr(module, "__all__") or getattr(module, name).__module__ == module.__name__
}
del PUBLIC["zoo.latent.descend"]  # what `invert` and encoders of GANs share


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_an_example_that_is_true(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {"zoo": zoo, "torch": torch, "Path": Path, "dataclass": dataclasses.dataclass, "__name__": __name__}
    (found,) = doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, globs=names)
    assert found.examples
    said = []
    doctest.DocTestRunner(verbose=False).run(found, out=said.append)
    assert said == []


def test_help_of_the_package_fits_two_screens():
    shown = pydoc.plain(pydoc.render_doc(zoo)).splitlines()
    assert len(shown) <= 100
    assert max(map(len, shown[:-4])) <= 124  # a path follows
    assert "    load(name, *, device=None, dtype=None, offline=None)" in shown
    assert inspect.signature(zoo.load).parameters["offline"].annotation == "bool | None"


def test_help_of_the_package_leaves_models_out_and_that_of_a_method_names_the_model_s_own_options():
    shown = pydoc.plain(pydoc.render_doc(zoo))
    assert "class Model" not in shown
    assert "samples: 'int' = 64" in pydoc.plain(pydoc.render_doc(zoo.create("vae").log_prob))


def test_star_import():
    names = {}
    exec("from zoo import *", names)
    assert set(zoo.__all__) <= set(names)


def test_lazy_attributes_are_the_things_themselves():
    assert zoo.Model is importlib.import_module("zoo.model").Model
    assert zoo.hookimpl is importlib.import_module("zoo.registry.plugins").hookimpl
    assert zoo.errors is errors
    assert plugin.Model is zoo.Model


def test_what_is_public_is_an_attribute_of_a_fresh_import(python):
    assert python("import zoo; print(zoo.errors.ZooError.__module__, zoo.losses.__name__)").split() == [
        "zoo.errors",
        "zoo.nn.losses",
    ]
    source = "import zoo\ntry: zoo.registry\nexcept AttributeError as error: print(error)"
    assert python(source).strip() == "module 'zoo' has no attribute 'registry'"


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = zoo.nothing
    assert not hasattr(zoo, "nothing")


def test_broken_import_inside_a_submodule_is_not_hidden(python):
    source = """
        import sys, zoo
        sys.modules["torchvision"] = None
        sys.modules["torch"] = None
        try:
            zoo.latent
        except ModuleNotFoundError as error:
            print(error.name)
    """
    assert python(source).strip() == "torch"


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (zoo.load, "(name, *, device=None, dtype=None, offline=None)"),
        (zoo.create, "(architecture, *, preset=None, **config)"),
        (
            zoo.list_models,
            "(pattern=None, *, family=None, capability=None, dataset=None, license=None, condition=None)",
        ),
        (
            zoo.train,
            "(name, data=None, out=None, *, config=None, objective=None, start=None, resume=False, force=False, "
            "download=False, device='auto', log=(), log_every=50, on_log=None, checkpoint_every=1000, progress=True, "
            "cache=True, workers=0, **settings)",
        ),
        (
            zoo.evaluate,
            "(name, data=None, *, metrics=None, features=None, n=None, seed=0, again=(), download=False, device=None, "
            "progress=True, cache=True)",
        ),
        (zoo.list_architectures, "(pattern=None, *, family=None, capability=None, condition=None)"),
        (zoo.list_datasets, "(pattern=None)"),
        (zoo.compare, "(*names, by='', where=None)"),
        (zoo.info, "(name)"),
        (
            zoo.Model.generate,
            "(self, n=None, *, condition=None, seed=None, first=0, temperature=1.0, batch_size=None, keep_nan=False, "
            "**options)",
        ),
    ],
)
def test_signatures_are_as_promised(function, signature):
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(function).parameters.values()]
    assert str(inspect.Signature(bare)) == signature
    assert inspect.getdoc(function)


def test_create_builds_an_untrained_model():
    model = zoo.create("dcgan", image_size=8, width=2)
    assert model.space.shape == (3, 8, 8)
    assert model.provenance.architecture == "dcgan"
    assert model.provenance.config["image_size"] == 8
    assert model.provenance.release is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widht": 8}, "'widht'.*'width'"),
        ({"image_size": 9}, "power of two"),
        ({"width": "wide"}, "width='wide'.*whole number"),
        ({"width": 4.5}, "width=4.5"),
        ({"channels": True}, "channels=True"),
        ({"latent_dim": None}, "latent_dim=None"),
    ],
)
def test_create_refuses_a_bad_config(fields, message):
    with pytest.raises(zoo.errors.ConfigError, match=message):
        zoo.create("dcgan", **fields)


def test_create_unknown_architecture():
    with pytest.raises(zoo.errors.UnknownName, match=r"'dcgna'.*'dcgan'"):
        zoo.create("dcgna")


def test_info_of_a_release_and_of_a_folder(release):
    assert zoo.info("dcgan-celeba").architecture.name == "dcgan"
    assert zoo.info(release).card.dataset == "made-up"
    assert zoo.info(release).release.folder == release
    assert zoo.info(release).folder == release


def test_info_of_an_architecture_is_of_the_same_kind():
    found = zoo.info("planar")
    assert type(found) is type(zoo.info("dcgan-celeba"))
    assert (found.name, found.release, found.card, found.folder) == ("planar", None, None, None)
    assert "log_prob" in found.capabilities


def test_lists_of_names():
    assert {"dcgan", "wgan"} <= set(zoo.list_architectures(family="gans"))
    assert zoo.list_architectures("vae*", capability="log_prob") == ["vae"]
    assert zoo.list_datasets("*mnist") == ["fashion-mnist", "mnist"]
    assert zoo.list_datasets() == sorted(zoo.list_datasets())
    for wrong in ({"family": "ganz"}, {"condition": "labels"}, {"pattern": 3}):
        with pytest.raises(zoo.errors.InvalidInput, match=r"Did you mean|Known|expected a glob"):
            zoo.list_architectures(**wrong)
    with pytest.raises(zoo.errors.InvalidInput, match="glob"):
        zoo.list_datasets(("mnist",))


SMALL = {"steps": 2, "batch_size": 4, "progress": False, "device": "cpu", "config": {"width": 2, "latent_dim": 4}}


def test_train_returns_a_model_of_samples_at_hand():
    pixels = np.arange(20 * 64, dtype=np.uint8).reshape(20, 1, 8, 8)
    model = zoo.train("vae", pixels, **SMALL)
    assert not model.training
    assert model.space.shape == (1, 8, 8)
    found = model.provenance
    assert (found.dataset, found.training["holdout"], found.training["steps"]) == ("in-memory", 2, 2)
    assert found.config["latent_dim"] == 4
    with pytest.raises(zoo.errors.ConfigError, match=r"'bs'. Did you mean batch_size"):
        zoo.train("vae", pixels, bs=1)
    with pytest.raises(zoo.errors.DataError, match=r"zoo\.train|start=NAME"):
        zoo.train("dcgan-celeba", pixels)


def test_train_writes_a_release_that_is_the_model_it_returns(tmp_path):
    pixels = np.arange(20 * 64, dtype=np.uint8).reshape(20, 1, 8, 8)
    model = zoo.train("cgan", (pixels, np.arange(20) % 2), tmp_path / "mine", objective={"width": 4}, **SMALL)
    assert model.generate(3, seed=0).equal(zoo.load(tmp_path / "mine").generate(3, seed=0))
    assert model.provenance.release == "mine"
    assert model.condition.classes == ("0", "1")
    again = zoo.train("vae", pixels, start=None, out=None, **SMALL)
    assert again.provenance.release is None
    with pytest.raises(zoo.errors.TrainingError, match="already holds"):
        zoo.train("cgan", (pixels, np.arange(20) % 2), str(tmp_path / "mine"), **SMALL)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: zoo.train("vae"), "Pass as data that folder"),
        (lambda: zoo.evaluate("vae-mnist"), "Pass as data that folder"),
        (lambda: zoo.train("vae", torch.full((9, 1, 28, 28), torch.nan)), "NaN or infinite"),
        (lambda: zoo.train("vae", torch.zeros(9, 1, 28, 28), config=4), "config=4; expected names with values"),
        (lambda: zoo.train("vae", torch.zeros(9, 1, 28, 28), objective="x"), "objective='x'; expected names"),
        (lambda: zoo.train("vae", torch.zeros(9, 1, 28, 28), out=5), "out=5; expected a path"),
        (lambda: zoo.train("vae", torch.zeros(9, 1, 28, 28), log=5), "log=5; expected a name, or several"),
        (lambda: zoo.train(zoo.create("vae", image_size=8, width=2), torch.zeros(9, 1, 8, 8)), r"VAE\(.* is no name"),
        (lambda: zoo.evaluate("vae-mnist", metrics=5), "metrics=5; expected a name, or several"),
        (lambda: zoo.evaluate("vae-mnist", again=5), "again=5; expected a name, or several"),
        (lambda: zoo.evaluate("vae-mnist", n="x"), "n='x'; expected a whole number"),
        (lambda: zoo.evaluate("vae-mnist", seed="x"), "seed='x'; expected a whole number"),
        (lambda: zoo.evaluate("vae-mnist", features=5), "features=5; expected a string"),
        (lambda: zoo.compare(["vae-mnist", "nice-mnist"]), "came as list; expected a name, or two or more one by one"),
        (lambda: zoo.compare("mnist", by=5), "by=5; expected a string"),
        (lambda: zoo.compare("mnist", where=5), "where=5; expected names"),
        (lambda: zoo.list_architectures(family=3), "family=3; expected a string"),
        (lambda: zoo.list_models(capability=["x"]), r"capability=\['x'\]; expected a string"),
        (lambda: zoo.create("vae", preset=["x"]), r"preset=\['x'\]; expected a string"),
    ],
)
def test_what_is_no_argument_is_told_in_the_words_of_python(call, said):
    with pytest.raises(zoo.errors.ZooError, match=said) as caught:
        call()
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "config", "given", "said"),
    [
        (
            "vae",
            {"image_size": 8, "width": 2},
            torch.rand(2, 1, 8, 8),
            r"latents .* \(2, 1, 8, 8\); expected .*\(n, 16\)",
        ),
        ("vae", {"image_size": 8, "width": 2}, "a", "latents came as str"),
        ("cgan", {"image_size": 8, "width": 2, "classes": ("a", "b")}, torch.rand(2, 64), "conditioned on a label"),
        ("srresnet", {"image_shape": (3, 8, 8), "width": 2, "blocks": 1}, torch.rand(2, 16), r"images came with shape"),
        ("srresnet", {"image_shape": (3, 8, 8), "width": 2, "blocks": 1}, torch.rand(2, 1, 8, 8), r"\(n, 3, 8, 8\)"),
    ],
)
def test_what_a_model_cannot_be_called_on_is_told(name, config, given, said):
    model = zoo.create(name, **config)
    given = torch.rand(2, *model.latent_shape) if name == "cgan" else given
    with pytest.raises(zoo.errors.InvalidInput, match=said):
        model(given)


def test_evaluate_on_the_samples_that_it_was_trained_on(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(40, 2))
    zoo.train("flow-2d", rows, tmp_path / "mine", steps=2, batch_size=4, progress=False, device="cpu")
    (record,) = zoo.evaluate(tmp_path / "mine", rows, metrics="energy", progress=False)
    assert (record.type, record.args["n_generated"]) == ("energy-distance", 4)
    numbers = {"n": np.int64(4), "seed": np.int32(0)}
    assert zoo.evaluate(tmp_path / "mine", rows, metrics={"energy"}, progress=False, **numbers) == [record]
    with pytest.warns(zoo.errors.OtherData, match="in-memory is split into"):
        zoo.evaluate(tmp_path / "mine", rows[:30], metrics=["energy"], progress=False)
    with pytest.raises(zoo.errors.DataError, match="handed over in Python"):
        zoo.evaluate(tmp_path / "mine", progress=False)


def test_other_images_at_hand_are_told_of(tmp_path):
    pixels = np.arange(40 * 64, dtype=np.uint8).reshape(40, 1, 8, 8)
    zoo.train("vae", pixels, tmp_path / "mine", **SMALL)
    given = {"metrics": ["reconstruction"], "progress": False}
    zoo.evaluate(tmp_path / "mine", pixels / 255, **given)
    with pytest.warns(zoo.errors.OtherData, match="in-memory is split into 36 and 4 others"):
        zoo.evaluate(tmp_path / "mine", 255 - pixels, **given)
    with pytest.raises(zoo.errors.OtherData):  # as the filters of these tests have it
        zoo.evaluate(tmp_path / "mine", pixels[:30], **given)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("ignore", zoo.errors.OtherData)
        zoo.evaluate(tmp_path / "mine", pixels[:30], **given)
    assert told == []


def test_each_sample_of_a_data_set_is_asked_for_once(tmp_path):
    class Asked(list):
        count = 0

        def __getitem__(self, row):
            self.count += 1
            return super().__getitem__(row)

    rows = Asked(np.random.default_rng(0).normal(size=(40, 2)))
    zoo.train("flow-2d", rows, tmp_path / "mine", steps=2, batch_size=4, progress=False, device="cpu")
    assert rows.count == 40
    zoo.evaluate(tmp_path / "mine", rows, metrics=["energy"], progress=False)
    assert rows.count == 80


def test_load_returns_a_ready_model(release):
    model = zoo.load(str(release))
    assert not model.training
    assert model.generate(2, seed=0).shape == (2, 3, 8, 8)
