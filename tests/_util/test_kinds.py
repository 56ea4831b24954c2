import numpy as np
import pytest

from zoo._util import kinds
from zoo.errors import InvalidInput


def test_what_is_of_the_kind_or_nothing_passes():
    kinds.check(kinds.TEXT, name="dcgan", other=None)
    kinds.check(kinds.MAPPING, config={"width": 32})
    kinds.check(kinds.SEVERAL, models="dcgan", others=["dcgan", "wgan"], set={"dcgan"}, each=iter(["dcgan"]))
    kinds.check(kinds.WHOLE, n=3, seed=np.int64(3))


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (kinds.TEXT, 4, "name=4; expected a string."),
        (kinds.MAPPING, [1], r"name=\[1\]; expected names with values"),
        (kinds.WHOLE, True, "name=True; expected a whole number"),
        (kinds.WHOLE, np.float64(3), "expected a whole number"),
        (kinds.PATH, 1.5, "name=1.5; expected a path."),
    ],
)
def test_the_first_that_is_not_is_named_with_what_it_should_be(kind, value, told):
    with pytest.raises(InvalidInput, match=told):
        kinds.check(kind, before=None, name=value, after=value)


def test_what_is_long_is_shown_in_short():
    with pytest.raises(InvalidInput) as caught:
        kinds.check(kinds.TEXT, name=list(range(10_000)))
    assert len(str(caught.value)) < 100
