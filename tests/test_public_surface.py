"""`import zoo`: what is there, what it costs, and that its signatures are what was promised."""

import importlib
import inspect

import pytest

import zoo
from zoo import errors

HEAVY = ("torch", "torchvision", "timm", "huggingface_hub", "numpy", "typer", "rich", "lightning_fabric")


@pytest.mark.parametrize(
    "use",
    [
        "",
        "zoo.list_models()",
        "zoo.list_models('*', family='gans', capability='encode', condition='label')",
        "zoo.info('dcgan-celeba').card.metrics; zoo.info('dcgan-celeba').architecture.capabilities",
        "zoo.hookimpl; zoo.UnknownName; dir(zoo)",
        "from zoo.registry.plugins import manager; manager()",
    ],
)
def test_listing_imports_nothing_heavy(python, use):
    loaded = python(f"import sys, zoo\n{use}\nprint(*(m for m in {HEAVY} if m in sys.modules))")
    assert loaded.split() == []


def test_all_names_exist_and_all_errors_are_among_them():
    assert zoo.__all__ == sorted(zoo.__all__)
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    raised = {name for name, cls in vars(errors).items() if inspect.isclass(cls) and issubclass(cls, Exception)}
    assert raised <= set(zoo.__all__)
    assert set(zoo.__all__) <= set(dir(zoo))


def test_star_import():
    names = {}
    exec("from zoo import *", names)
    assert names["Model"] is zoo.Model
    assert set(zoo.__all__) <= set(names)


def test_lazy_attributes_are_the_things_themselves():
    assert zoo.Model is importlib.import_module("zoo.model").Model
    assert zoo.hookimpl is importlib.import_module("zoo.registry.plugins").hookimpl
    assert zoo.UnknownName is errors.UnknownName


def test_submodules_are_attributes_without_importing_them(python):
    assert python("import zoo; print(zoo.registry.__name__, zoo.cli.__name__)").split() == ["zoo.registry", "zoo.cli"]


def test_errors_are_an_attribute_of_a_fresh_import(python):
    assert python("import zoo; print(zoo.errors.ZooError.__module__)").strip() == "zoo.errors"
    assert python("import zoo; print(zoo.errors.ZooError is zoo.ZooError)").strip() == "True"


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
        (zoo.create, "(architecture, **config)"),
        (
            zoo.list_models,
            "(pattern=None, *, family=None, capability=None, dataset=None, license=None, condition=None)",
        ),
        (zoo.info, "(name)"),
        (
            zoo.Model.generate,
            "(self, n=None, *, condition=None, seed=None, temperature=1.0, batch_size=None, **options)",
        ),
    ],
)
def test_signatures_are_as_promised(function, signature):
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(function).parameters.values()]
    assert str(inspect.Signature(bare)) == signature
    assert inspect.getdoc(function)


def test_create_builds_an_untrained_model():
    model = zoo.create("dcgan", image_size=8, width=2)
    assert model.image_shape == (3, 8, 8)
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
    with pytest.raises(zoo.ConfigError, match=message):
        zoo.create("dcgan", **fields)


def test_create_unknown_architecture():
    with pytest.raises(zoo.UnknownName, match=r"'dcgna'.*'dcgan'"):
        zoo.create("dcgna")


def test_info_of_a_release_and_of_a_folder(release):
    assert zoo.info("dcgan-celeba").architecture.name == "dcgan"
    assert zoo.info(release).card.dataset == "made-up"


def test_load_returns_a_ready_model(release):
    model = zoo.load(str(release))
    assert not model.training
    assert model.generate(2, seed=0).shape == (2, 3, 8, 8)
