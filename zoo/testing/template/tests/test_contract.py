import zoo
from zoo.testing import parametrize_with_checks


@parametrize_with_checks([zoo.create("my-model")])  # and, once it is trained, "my-model-mnist"
def test_contract(model, check):
    check(model)
