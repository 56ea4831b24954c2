from zoo.testing import parametrize_with_checks


# log_prob is of 8-bit levels, which the first term looks up, and that has no gradient.
LEVELS = "log_prob is the bound on the probability of 8-bit levels, whose term of the first step is a sum over levels"


@parametrize_with_checks(["ddpm-fashion-mnist"], expected_failures={"check_gradients_to_inputs": LEVELS})
def test_contract(model, check):
    check(model)
