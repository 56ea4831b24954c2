"""Tests of a device that not every machine has: `pytest -n0 tests/device --device cuda`.

Without --device all are skipped; `--device cpu` runs what needs no GPU, so that the tests are tried themselves.
"""

import pytest
import torch


@pytest.fixture
def device(request):
    """Where to compute, in float32 proper: TF32 keeps ten bits of what is multiplied."""
    name = request.config.getoption("--device")
    if name is None:
        pytest.skip("of a device that is named: --device cuda")
    if torch.device(name).type == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield torch.device(name)


@pytest.fixture
def gpu(device):
    if device.type != "cuda":
        pytest.skip("of a GPU")
    return device
