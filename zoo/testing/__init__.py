"""The contract suite: what every model of the zoo promises, as small functions for built-ins and strangers alike.

Two front doors lead to the same list of checks, chosen by what a model claims to be able to do:

    from zoo.testing import check_model, parametrize_with_checks

    check_model(zoo.create("my-model"))                # raises ContractError at the first broken promise

    @parametrize_with_checks(["my-model-mnist"])       # in a pytest file: one test for each promise
    def test_contract(model, check):
        check(model)

A failure that is known is declared where the suite is called, by check and with a reason, and must fail indeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

import zoo
from zoo.errors import InvalidInput, ZooError, nearest
from zoo.model import Model
from zoo.testing.checks import Check, checks_for
from zoo.testing.contract import ContractError

__all__ = ["ContractError", "Result", "check_model", "checks_for", "parametrize_with_checks"]


@dataclass(frozen=True)
class Result:
    """The outcome of one check. `message` is empty when it passed."""

    name: str
    status: Literal["passed", "failed", "expected"]
    message: str = ""


def check_model(
    model: Model, *, expected_failures: Mapping[str, str] | None = None, report: bool = False
) -> list[Result]:
    """Run every check that applies to `model` and return their results, in order.

    expected_failures: reasons by name of check; these must fail, and have status "expected". Raises ContractError at
    the first unexpected failure or unexpected pass; with `report` such a check has status "failed" instead, and all
    are run. Raises InvalidInput when an expected failure names no check of this model, or the model is not in float32.
    """
    if model.dtype != torch.float32:
        raise InvalidInput(f"the model is in {model.dtype}; tolerances are those of float32. Pass model.float().")
    excuses = dict(expected_failures or {})
    checks = list(checks_for(model))
    _check_excuses(excuses, {check.__name__ for check in checks})
    results = []
    for check in checks:
        result, cause = _run(check, model, excuses.get(check.__name__))
        if result.status == "failed" and not report:
            raise ContractError(f"{result.name}: {result.message}") from cause
        results.append(result)
    return results


def parametrize_with_checks(
    models: Iterable[Model | str | Callable[[], Model]], *, expected_failures: Mapping[str, str] | None = None
) -> Any:
    """A pytest decorator that calls a test of arguments (model, check) for each model and each of its checks.

    models: models, functions that make one, or names of releases. Tests are called `<model>-<check>`, so that `-k`
    selects. expected_failures: reasons by name of check, or by `<model>-<check>`; these tests must fail (a strict
    xfail). A name that cannot be loaded is one failing test. Needs pytest.
    """
    import pytest

    excuses = dict(expected_failures or {})
    cases, known = [], set()
    for name, model, checks in map(_claims, models):
        for check in checks:
            known |= {check.__name__, f"{name}-{check.__name__}"}
            reason = excuses.get(f"{name}-{check.__name__}", excuses.get(check.__name__))
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            cases.append(pytest.param(model, check, id=f"{name}-{check.__name__}", marks=marks))
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


def _loading_failed(error: ZooError) -> Check:
    def check_loads(model: Model) -> None:
        raise error

    return check_loads


def _run(check: Check, model: Model, excuse: str | None) -> tuple[Result, Exception | None]:
    name = check.__name__
    try:
        check(model)
    except Exception as error:
        if excuse:
            return Result(name, "expected", excuse), error
        said = str(error) if isinstance(error, ContractError) else f"{type(error).__name__} came up: {error}"
        return Result(name, "failed", said), error
    if excuse:
        message = f"it was expected to fail ({excuse}), but passes. Remove it from expected_failures."
        return Result(name, "failed", message), None
    return Result(name, "passed"), None


def _check_excuses(excuses: Mapping[str, str], known: set[str]) -> None:
    for name, reason in excuses.items():
        if name not in known:
            raise InvalidInput(f"expected_failures names {name!r}, which is no check here. {nearest(name, known)}")
        if not reason:
            raise InvalidInput(f"expected_failures of {name!r} has no reason. Say why it fails.")
