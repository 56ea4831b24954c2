"""The metric of ln Z: measured on Boltzmann machines, silent about everything else."""

from types import SimpleNamespace

import pytest
import torch
from zoo_rbm.metrics import partition
from zoo_rbm.rbm import RBM, Config

from zoo.plugin import Subject


def subject(model):
    return Subject(model=model, network=None, train=None, test=None, n=4)


def test_a_small_machine_is_known_exactly():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RBM(Config(image_size=2, hidden=3)).eval()
    (record,) = partition(subject(model))
    assert record.type == "log-partition"
    assert record.value == pytest.approx(model.log_partition()[0], rel=1e-3)
    assert record.args["standard_error"] == 0
    assert record.args["by_default"] == record.value


def test_other_models_have_no_partition_function():
    assert partition(subject(SimpleNamespace())) == []
