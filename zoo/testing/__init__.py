"""The contract suite: what every model of the zoo promises, as small functions for built-ins and strangers alike.

Two front doors lead to the same list of checks, chosen by what a model claims to be able to do:

    from zoo.testing import check_model, parametrize_with_checks

    check_model(zoo.create("my-model"))                # raises ContractError at the first broken promise

    @parametrize_with_checks(["my-model-mnist"])       # in a pytest file: one test for each promise
    def test_contract(model, check):
        check(model)

A failure that is known is declared where the suite is called, by check and with a reason, and must fail indeed; so are
low values of options that cost time, if they have other names than `steps` and `samples`, which are set low anyway.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

import zoo
from zoo.errors import InvalidInput, ZooError, nearest
from zoo.model import Model
from zoo.testing.checks import Check, checks_for
from zoo.testing.contract import ContractError, cheap

__all__ = ["ContractError", "Result", "check_model", "checks_for", "parametrize_with_checks"]


@dataclass(frozen=True)
class Result:
    """The outcome of one check. `message` is empty when it passed."""

    name: str
    status: Literal["passed", "failed", "expected"]
    message: str = ""


def check_model(
    model: Model,
    *,
    expected_failures: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    report: bool = False,
) -> list[Result]:
    """Run every check that applies to `model` and return their results, in order.

    expected_failures: reasons by name of check; these must fail, and have status "expected". options: cheap values of
    costly options, such as {"sweeps": 5}, for hooks that declare them. Raises ContractError at the first unexpected
    failure or unexpected pass; with `report` such a check has status "failed" instead, and all are run. Raises
    InvalidInput when an expected failure names no check of this model, or `options` no option of it, or the model is
    not in float32.
    """
    if model.dtype != torch.float32:
        raise InvalidInput(f"the model is in {model.dtype}; tolerances are those of float32. Pass model.float().")
    excuses = dict(expected_failures or {})
    checks = list(checks_for(model))
    _check_excuses(excuses, {check.__name__ for check in checks})
    _check_options(options, [model])
    results = []
    for check in checks:
        result, cause = _run(_explained(check, options), model, excuses.get(check.__name__))
        if result.status == "failed" and not report:
            raise ContractError(f"{result.name}: {result.message}") from cause
        results.append(result)
    return results


def parametrize_with_checks(
    models: Iterable[Model | str | Callable[[], Model]],
    *,
    expected_failures: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """A pytest decorator that calls a test of arguments (model, check) for each model and each of its checks.

    models: models, functions that make one, or names of releases. Tests are called `<model>-<check>`, so that `-k`
    selects. expected_failures: reasons by name of check, or by `<model>-<check>`; these tests must fail (a strict
    xfail). options: as of `check_model`. A name that cannot be loaded is one failing test. Needs pytest.
    """
    import pytest

    excuses = dict(expected_failures or {})
    cases, known, claims = [], set(), [_claims(entry) for entry in models]
    _check_options(options, [model for _, model, _ in claims if model is not None])
    for name, model, checks in claims:
        for check in checks:
            known |= {check.__name__, f"{name}-{check.__name__}"}
            reason = excuses.get(f"{name}-{check.__name__}", excuses.get(check.__name__))
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            cases.append(pytest.param(model, _explained(check, options), id=f"{name}-{check.__name__}", marks=marks))
    _check_excuses(excuses, known)
    return pytest.mark.parametrize(("model", "check"), cases)


def _claims(entry: Model | str | Callable[[], Model]) -> tuple[str, Model | None, list[Check]]:
    """Name, model and checks of what was given to parametrize_with_checks."""
    if isinstance(entry, str):
        try:
            model = zoo.load(entry)
        except ZooError as error:
            return entry, None, [_loading_failed(error)]
        return entry, model, list(checks_for(model))
    if isinstance(entry, Model):
        return entry.provenance.release or entry.provenance.architecture, entry, list(checks_for(entry))
    model = entry()
    return getattr(entry, "__name__", model.provenance.architecture), model, list(checks_for(model))


def _explained(check: Check, options: Mapping[str, Any] | None) -> Check:
    """`check` with costly options set low, whose every failure is a ContractError."""

    @functools.wraps(check)
    def explained(model: Model) -> None:
        try:
            with cheap(options):
                check(model)
        except ContractError:
            raise
        except Exception as error:
            raise ContractError(_surprise(check, error)) from error

    return explained


def _loading_failed(error: ZooError) -> Check:
    def check_loads(model: Model) -> None:
        """A release can be loaded by its name."""
        raise ContractError(f"A release can be loaded by its name. {error}") from error

    return check_loads


def _run(check: Check, model: Model, excuse: str | None) -> tuple[Result, Exception | None]:
    name = check.__name__
    try:
        check(model)
    except ContractError as error:
        return (Result(name, "expected", excuse) if excuse else Result(name, "failed", str(error))), error
    if excuse:
        message = f"it was expected to fail ({excuse}), but passes. Remove it from expected_failures."
        return Result(name, "failed", message), None
    return Result(name, "passed"), None


def _surprise(check: Check, error: Exception) -> str:
    """What to say of an error that a check did not expect, naming the line of the model's code that led to it."""
    ours = (str(Path(zoo.__file__).parent), str(Path(torch.__file__).parent))
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(ours)] or frames
    promise, said = " ".join((check.__doc__ or "").split()), str(error).rstrip(". ")
    where = f"{Path(theirs[-1].filename).name}, line {theirs[-1].lineno}, in {theirs[-1].name}"
    return f"{promise} {type(error).__name__} came up: {said}. Look at {where}."


def _check_options(options: Mapping[str, Any] | None, models: Iterable[Model]) -> None:
    known = {option for model in models for method in model.capabilities() for option in model.options(method)}
    for name in options or {}:
        if name not in known:
            raise InvalidInput(f"options names {name!r}, which no hook declares. {nearest(name, known)}")


def _check_excuses(excuses: Mapping[str, str], known: set[str]) -> None:
    for name, reason in excuses.items():
        if name not in known:
            raise InvalidInput(f"expected_failures names {name!r}, which is no check here. {nearest(name, known)}")
        if not reason:
            raise InvalidInput(f"expected_failures of {name!r} has no reason. Say why it fails.")
