from zoo.testing import parametrize_with_checks

# A bound on the probability of 8-bit levels begins with rounding to them.
LEVELS = "log_prob rounds pixels to the 8-bit levels whose probability it bounds, which has no gradient"


@parametrize_with_checks(["ddpm-fashion-mnist"], expected_failures={"check_gradients_to_inputs": LEVELS})
def test_contract(model, check):
    check(model)
