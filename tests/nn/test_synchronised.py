"""Batch norm over processes: as of one that has the whole batch."""

import copy
import runpy
import sys

import pytest
import torch
from launching import forked
from torch import nn

from zoo.errors import TrainingError
from zoo.models.flows.maf import BatchNorm
from zoo.models.gans.biggan_deep import Norm
from zoo.nn.synchronised import synchronise

SCRIPT = """
import dataclasses, os, sys
from pathlib import Path

import torch
from torch import distributed, nn

import zoo
from zoo.data.dataset import TensorDataset
from zoo.models.flows.maf import BatchNorm
from zoo.models.gans.biggan_deep import Norm
from zoo.nn.synchronised import synchronise
from zoo.objective import Objective
from zoo.recipe import Recipe
from zoo.spaces import Images
from zoo.training import loop

torch.set_num_threads(1)
rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
pixels = torch.randint(0, 256, (16, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Normed(zoo.Model):
    space, latent_shape = Images((1, 4, 4)), (1,)

    class objective_class(Objective):
        def optimizers(self):
            return {"normed": torch.optim.SGD(self.model.parameters(), lr=0.1)}

        def updates(self, batch):
            yield "normed", (self.model.layers(batch.images) - batch.images.square()).square().mean()

    def __init__(self):
        super().__init__(dataclasses.make_dataclass("Config", [], frozen=True)())
        self.layers = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 1, 1))

    def generate(self, n, **_):
        return torch.zeros(n, *self.space.shape)


for sync in (True, False):
    recipe = Recipe(steps=4, batch_size=8, sync_batch_norm=sync)
    model = loop.fit(Normed, TensorDataset("made up", "train", pixels), recipe, accelerator="cpu")
    torch.save(model.state_dict(), f"{sys.argv[1]}.{rank}.{sync}.pt")

found = {}
for name, kind, shape in (
    ("2d", lambda: nn.BatchNorm2d(3), (6, 3, 2, 2)),
    ("1d", lambda: nn.BatchNorm1d(3), (6, 3)),
    ("3d", lambda: nn.BatchNorm3d(3), (6, 3, 2, 2, 2)),
    ("untracked", lambda: nn.BatchNorm2d(3, track_running_stats=False), (6, 3, 2, 2)),
    ("cumulative", lambda: nn.BatchNorm2d(3, momentum=None), (6, 3, 2, 2)),
    ("maf", lambda: BatchNorm(3), (6, 3)),
    ("biggan", lambda: Norm(3, 2), (6, 3, 2, 2)),
):
    layer = nn.ModuleList([kind()]).train()
    if world > 1:
        synchronise(layer)
    whole = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    x = whole[rank::world].clone().requires_grad_()
    made = layer[0](x, 1.0) if name == "biggan" else layer[0](x)
    made = made[0] if name == "maf" else made
    (gradient,) = torch.autograd.grad(made.pow(3).sum(), x, create_graph=True)
    (again,) = torch.autograd.grad(gradient.square().sum(), x)
    found[name] = {"made": made.detach(), "gradient": gradient.detach(), "again": again, **layer.state_dict()}
torch.save(found, f"{sys.argv[1]}.{rank}.pt")
"""


def test_processes_norm_and_train_as_one_does(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "one")])
    threads = torch.get_num_threads()
    runpy.run_path(str(script))
    torch.set_num_threads(threads)
    forked(script, tmp_path / "two", world=2)
    one = torch.load(tmp_path / "one.0.pt")
    two = [torch.load(tmp_path / f"two.{rank}.pt") for rank in range(2)]
    for name, expected in one.items():
        for key, value in expected.items():
            for rank, found in enumerate(two):
                mine = value[rank::2] if key in ("made", "gradient", "again") else value
                torch.testing.assert_close(found[name][key], mine, rtol=1e-4, atol=1e-5, msg=f"{name} {key}")
    for sync in (True, False):
        alone = torch.load(tmp_path / f"one.0.{sync}.pt")
        shares = [torch.load(tmp_path / f"two.{rank}.{sync}.pt") for rank in range(2)]
        alike = [
            torch.allclose(alone[key], share[key], rtol=1e-4, atol=1e-5)
            for share in shares
            for key in alone
            if key != "layers.0.bias"  # which a norm takes away again
        ]
        assert all(alike) == sync


def test_a_batch_norm_that_cannot_look_at_all_is_refused():
    class Own(nn.BatchNorm2d):
        pass

    for each in (Own(3), nn.LazyBatchNorm2d()):
        with pytest.raises(TrainingError, match=f"has a {type(each).__name__}; expected BatchNorm1d, BatchNorm2d, B"):
            synchronise(nn.Sequential(each))
    own = Own(3)
    own.synchronised = False
    synchronise(twice := nn.Sequential(own, nn.BatchNorm1d(2)))
    synchronise(twice)
    assert own.synchronised


@pytest.mark.parametrize("make", [lambda: nn.BatchNorm2d(3), lambda: BatchNorm(3), lambda: Norm(3, 1)])
def test_in_eval_mode_and_in_files_all_is_as_it_was(make):
    plain = nn.ModuleList([make()])
    other = copy.deepcopy(plain)
    synchronise(other)
    assert other.state_dict().keys() == plain.state_dict().keys()
    assert isinstance(other[0], type(plain[0]))
    x = torch.rand(2, 3, 4, 4) if not isinstance(plain[0], BatchNorm) else torch.rand(2, 3)
    given = (x, 1.0) if isinstance(plain[0], Norm) else (x,)
    torch.testing.assert_close(other.eval()[0](*given), plain.eval()[0](*given), rtol=0, atol=0)
