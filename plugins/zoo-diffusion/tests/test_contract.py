from zoo.testing import parametrize_with_checks


@parametrize_with_checks(["ddpm-fashion-mnist"])
def test_contract(model, check):
    check(model)
