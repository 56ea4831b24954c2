"""Errors: what they derive from, what they print, and the help after a misspelling."""

import ast
import builtins
import contextlib
import inspect
import pickle
import re
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo import errors
from zoo.errors import nearest, several

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.ZooError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_a_zoo_error_with_a_docstring_and_prints_its_sentence(cls):
    assert cls.__doc__
    error = cls("a sentence that ends in what to do.")
    assert str(error) == "a sentence that ends in what to do."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.InvalidInput, ValueError),
        (errors.CapabilityError, NotImplementedError),
        (errors.UnknownName, LookupError),
        (errors.DuplicateName, LookupError),
        (errors.CardError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.WeightsNotFound, FileNotFoundError),
        (errors.Offline, FileNotFoundError),
        (errors.RepositoryNotFound, FileNotFoundError),
        (errors.RevisionNotFound, FileNotFoundError),
        (errors.AccessDenied, PermissionError),
        (errors.HubUnreachable, ConnectionError),
        (errors.HubTimeout, TimeoutError),
        (errors.DiskFull, OSError),
        (errors.UnknownArchitecture, LookupError),
        (errors.MissingExtra, ImportError),
    ],
)
def test_code_that_knows_nothing_of_zoo_catches_the_builtin(cls, builtin):
    assert issubclass(cls, builtin)


@pytest.mark.parametrize(
    "decorate", [lambda call: call, contextlib.contextmanager(lambda: iter([None]))(), torch.no_grad()]
)
def test_a_warning_is_for_the_first_who_is_not_zoo_whatever_decorates_the_function(decorate):
    space = {"__name__": "zoo.somewhere", "warnings": warnings, "outside": errors.outside}
    exec("def tell():\n    warnings.warn('so', stacklevel=outside())", space)
    with pytest.warns(UserWarning, match="so") as caught:
        decorate(space["tell"])()
    assert caught[0].filename == __file__


def test_what_is_listed_are_all_errors_and_warnings_and_nothing_else():
    made = inspect.getmembers(errors, lambda cls: inspect.isclass(cls) and cls.__module__ == errors.__name__)
    assert {name for name, _ in made} == set(errors.__all__)
    kinds = {name for name, cls in inspect.getmembers(builtins, inspect.isclass) if issubclass(cls, BaseException)}
    kinds |= set(errors.__all__)
    for path in Path(errors.__file__).parent.rglob("*.py"):
        classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
        raised = {cls.name for cls in classes if kinds & {ast.unparse(base) for base in cls.bases}}
        assert raised <= set(errors.__all__), f"{path} has errors of its own"


@pytest.mark.parametrize("warning", [errors.ShortRun, errors.UnknownWord])
def test_warnings_are_shown_and_no_errors(warning):
    assert issubclass(warning, UserWarning)
    assert warning not in CLASSES
    assert warning.__doc__


def test_what_is_wrong_with_weights_is_one_family():
    found = {cls for cls in CLASSES if issubclass(cls, errors.WeightsError)} - {errors.WeightsError}
    assert found == {
        errors.WeightsNotFound,
        errors.Offline,
        errors.RepositoryNotFound,
        errors.RevisionNotFound,
        errors.AccessDenied,
        errors.HubUnreachable,
        errors.HubTimeout,
        errors.DiskFull,
        errors.NotSafetensors,
        errors.TruncatedWeights,
        errors.ChecksumMismatch,
        errors.WeightsMismatch,
        errors.UnknownArchitecture,
    }
    nested = {(a.__name__, b.__name__) for a in found for b in found if a is not b and issubclass(a, b)}
    missing = {(name, "WeightsNotFound") for name in ("Offline", "RepositoryNotFound", "RevisionNotFound")}
    assert nested == missing | {("HubTimeout", "HubUnreachable")}


def test_nearest_suggests_the_closest_first_whatever_the_case():
    known = ["dcgan-celeba", "realnvp-mnist", "vae-fashion-mnist"]
    assert nearest("dcgan-celeb", known).startswith("Did you mean 'dcgan-celeba'")
    assert nearest("DCGAN-CelebA", known).startswith("Did you mean 'dcgan-celeba'")
    assert nearest("sneaker", ["Sneaker", "Bag"]) == "Did you mean 'Sneaker'?"
    lectures = ["vae-and-its-latent-space", "gans-and-how-they-fail", "style", "flows-from-scratch-to-glow"]
    assert nearest("vaes", lectures) == "Did you mean 'vae-and-its-latent-space'?"  # nearly a word of it
    assert nearest("flow", lectures) == "Did you mean 'flows-from-scratch-to-glow'?"


def test_several_lists_a_few_and_says_where_the_others_are():
    assert several([], "zoo list") == ""
    assert several(list("abcdef"), "zoo list") == "a, b, c, d, e, f"
    assert several(list("abcdefg"), "zoo list") == "a, b, c, d, e, and 2 more: zoo list"


def test_nearest_lists_all_when_few_and_some_when_many():
    assert nearest("xyzzy", ["b", "a"]) == "Known: a, b."
    many = [f"name-{i:02}" for i in range(40)]
    assert nearest("a_long_39", many).startswith("There are 40; nearest are name-39, ")
    assert re.fullmatch(r"There are 40; nearest are (name-\d\d, ){5}name-\d\d\.", nearest("xyzzy", many))
    assert nearest("xyzzy", []) == "None is registered."


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=8), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20))
def test_nearest_always_gives_a_sentence_about_known_names(name, known):
    sentence = nearest(name, known)
    assert sentence[-1] in ".?"
    assert any(each in sentence or repr(each) in sentence for each in known)
