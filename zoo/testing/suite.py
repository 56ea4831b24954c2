"""The two entry points of the contract suite: `check_model`, and `parametrize_with_checks` for pytest."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

import zoo
from zoo import building, releases
from zoo.errors import ContractError, InvalidInput, ZooError, nearest
from zoo.model import Model
from zoo.testing.checks import checks_for
from zoo.testing.contract import (
    Check,
)
from zoo.testing.examples import (
    cheap,
)

__all__ = ["ContractError", "Result", "check_model", "checks_for", "parametrize_with_checks"]

LOADS = "A release can be loaded by its name."


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
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of a pytest function of arguments (model, check), called for each model and each of its checks.

    models: models, functions that make one, or names of releases, whose weights are read when their first test runs.
    Tests are called `<model>-<check>`, so that `-k` selects. expected_failures: reasons by name of check, or by
    `<model>-<check>`; these tests must fail (a strict xfail). options: as of `check_model`. A name that leads to no
    release is one failing test. Needs pytest.
    """
    import pytest

    excuses = dict(expected_failures or {})
    cases, known, claims = [], set(), [_claims(entry) for entry in models]
    _check_options(options, [outline for _, _, outline, _ in claims if outline is not None])
    for name, given, _, checks in claims:
        for check in checks:
            known |= {check.__name__, f"{name}-{check.__name__}"}
            reason = excuses.get(f"{name}-{check.__name__}", excuses.get(check.__name__))
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            cases.append(pytest.param(given, _explained(check, options), id=f"{name}-{check.__name__}", marks=marks))
    _check_excuses(excuses, known)
    load = functools.lru_cache(maxsize=1)(_load)  # tests of a model follow one another

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def loaded(*args: Any, **kwargs: Any) -> Any:
            given = kwargs["model"]
            return test(*args, **{**kwargs, "model": load(given) if isinstance(given, str) else given})

        parametrized: Callable[..., Any] = pytest.mark.parametrize(("model", "check"), cases)(loaded)
        return parametrized

    return decorate


def _claims(entry: Model | str | Callable[[], Model]) -> tuple[str, Model | str | None, Model | None, list[Check]]:
    """Of what was given to parametrize_with_checks: its name, the model or whence it is loaded, one to choose checks
    by, which has no values where it is yet to be loaded, and the checks."""
    if isinstance(entry, str):
        try:
            outline = building.outline(releases.find(entry))
        except ZooError as error:
            return entry, None, None, [_loading_failed(error)]
        return entry, entry, outline, list(checks_for(outline))
    model = entry if isinstance(entry, Model) else entry()
    name = model.provenance.release or model.provenance.architecture
    return getattr(entry, "__name__", name), model, model, list(checks_for(model))


def _load(name: str) -> Model:
    try:
        return zoo.load(name)
    except ZooError as error:
        raise ContractError(f"{LOADS} {error}") from error


def _explained(check: Check, options: Mapping[str, Any] | None) -> Check:
    """`check` with costly options set low, of a model in eval mode, whose every failure is a ContractError."""

    @functools.wraps(check)
    def explained(model: Model | None) -> None:
        try:
            # A model that was just created is in train mode, where its methods are plain functions.
            with cheap(options), model.evaluating() if model is not None else nullcontext() as evaluated:
                check(evaluated)  # type: ignore[arg-type] # None: a release that cannot be loaded
        except ContractError:
            raise
        except Exception as error:
            raise ContractError(_surprise(check, error)) from error

    return explained


def _loading_failed(error: ZooError) -> Check:
    def check_loads(model: Model) -> None:
        raise ContractError(f"{LOADS} {error}") from error

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
