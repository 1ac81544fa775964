"""What `sam deploy` and `sam deploy --config-env prod` ask for."""

from __future__ import annotations

import tomllib

import pytest

from tests.support.template import ROOT, Stack, declared

CONFIGURATION = tomllib.loads((ROOT / "samconfig.toml").read_text())


def _overrides(environment: str) -> dict[str, str]:
    pairs = CONFIGURATION[environment]["deploy"]["parameters"]["parameter_overrides"]
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_a_configuration_sets_parameters_that_the_template_has_to_values_that_it_allows(
    environment: str,
) -> None:
    parameters = declared()["Parameters"]
    for name, value in _overrides(environment).items():
        allowed = parameters[name].get("AllowedValues", [value])
        assert value in {str(item) for item in allowed}, name
    assert Stack(_overrides(environment)).resources


def test_dev_and_prod_are_two_stacks() -> None:
    names = {
        CONFIGURATION[environment]["global"]["parameters"]["stack_name"]
        for environment in ("default", "prod")
    }
    assert len(names) == 2


def test_in_prod_one_container_is_always_warm_for_a_call() -> None:
    stack = Stack(_overrides("prod"))
    for function in ("LookupFunction", "RouteCallFunction"):
        alias = stack.properties(stack.alias(function))
        assert str(alias["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"]) == "1"


def test_dev_keeps_nothing_warm() -> None:
    stack = Stack(_overrides("default"))
    assert "ProvisionedConcurrencyConfig" not in stack.properties(stack.alias("LookupFunction"))
