"""The contract suite: what every model of the zoo promises, as small functions for built-ins and third parties alike.

Two functions lead to the same list of checks, chosen by what a model claims to be able to do:

    from zoo.testing import check_model, parametrize_with_checks

    check_model(zoo.create("my-model"))                # raises ContractError at the first broken promise

    @parametrize_with_checks(["my-model-mnist"])       # in a pytest file: one test for each promise
    def test_contract(model, check):
        check(model)

A failure that is known is declared where the suite is called, by check and with a reason, and must fail indeed; so are
low values of options that cost time, if they have other names than `steps` and `samples`, which are set low anyway.

Importing the package imports no torch: the template of a plugin is here as well (`zoo.testing.scaffold`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.testing.suite import ContractError, Result, check_model, checks_for, parametrize_with_checks

__all__ = ["ContractError", "Result", "check_model", "checks_for", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zoo.testing import suite

    return getattr(suite, name)
