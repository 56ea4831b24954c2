"""One step: its noise, and gradients averaged over processes."""

import gc
import weakref

import pytest
import torch
from lightning_fabric import Fabric
from small_models import TRAINED, run_of
from torch import nn

import zoo
from zoo.data.dataset import TensorDataset
from zoo.errors import TrainingError
from zoo.objective import Objective
from zoo.recipe import Recipe
from zoo.testing.training import _batch
from zoo.training.loop import launch
from zoo.training.run import Run, _average_gradients, _step_seed

# What the generator computed for its discriminator's update, and is trained by afterwards.
KEEPING = {"pix2pix", "context-encoder", "srgan", "vae-gan"}


def test_each_seed_step_and_process_has_noise_of_its_own():
    torch.manual_seed(0)
    seeds = {_step_seed(seed, step, rank) for seed in range(4) for step in range(50) for rank in range(4)}
    assert len(seeds) == 4 * 50 * 4
    assert max(seeds) < 2**32  # the CPU engine ignores higher bits
    draws = {torch.randn(1, generator=torch.Generator().manual_seed(seed)).item() for seed in seeds}
    assert len(draws) > 790


def test_a_parameter_that_no_process_has_a_gradient_for_keeps_none():
    """Of three the second process has a gradient for the second alone; zeros for the third would be a step to Adam."""
    parameters = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
    parameters[0].grad = torch.tensor([2.0, 4.0])

    class Two:
        world_size = 2

        def all_reduce(self, tensor, reduce_op):
            if reduce_op == "sum":
                return tensor + torch.tensor([0.0, 1.0, 0.0])
            return (tensor + torch.tensor([0.0, 0.0, 6.0, 8.0])) / 2

    _average_gradients(Two(), parameters)
    assert [None if p.grad is None else p.grad.tolist() for p in parameters] == [[1, 2], [3, 4], None]


class Squares(Objective):
    """Two networks; the second one's loss looks at the first as it is after its update."""

    def __init__(self, model):
        super().__init__(model)
        self.first, self.second = nn.Linear(3, 1), nn.Linear(3, 1)

    def optimizers(self):
        nets = {"first": self.first, "second": self.second}
        return {name: torch.optim.SGD(net.parameters(), lr=0.1) for name, net in nets.items()}

    def updates(self, batch):
        yield "first", (self.first(batch.images) - 1).square().mean()
        yield "second", (self.second(batch.images) - self.first(batch.images).detach()).square().mean()


def stepped(accumulate):
    torch.manual_seed(0)
    objective, rows = Squares(nn.Identity()), torch.randn(8, 3)
    recipe = Recipe(batch_size=8, accumulate=accumulate)
    run = Run(Fabric(accelerator="cpu"), recipe, nn.Identity(), objective, objective.optimizers(), None, {})
    found = [run.step(number, TensorDataset("rows", "train", rows)) for number in range(2)]
    return [p.detach() for p in objective.parameters()], [loss for step in found for _, loss in step.losses]


def test_a_batch_in_parts_makes_the_step_of_the_whole():
    whole, parts = stepped(1), stepped(4)
    for a, b in zip([*whole[0], *whole[1]], [*parts[0], *parts[1]], strict=True):
        torch.testing.assert_close(a, b)
    assert len(whole[1]) == len(parts[1]) == 4  # losses: two networks, two steps


def test_what_is_observed_is_the_mean_of_the_parts():
    class Seen(Squares):
        def updates(self, batch):
            self.observe(largest=batch.images.max())
            yield from super().updates(batch)

    rows, outputs = torch.arange(8.0)[:, None].expand(8, 3), {}
    for accumulate in (1, 2):
        objective = Seen(nn.Identity())
        recipe = Recipe(batch_size=8, accumulate=accumulate)
        run = Run(Fabric(accelerator="cpu"), recipe, nn.Identity(), objective, objective.optimizers(), None, {})
        outputs[accumulate] = run.step(0, TensorDataset("rows", "train", rows)).outputs["largest"].item()
    assert outputs[1] == 7
    assert outputs[2] < 7  # the batch is shuffled: one part has 7, the other less, unless it is told of the last alone


def test_parts_that_would_update_different_networks_are_refused():
    class Torn(Squares):
        def updates(self, batch):
            yield ("first" if batch.images.max() > 6 else "second"), self.first(batch.images).square().mean()

    objective, rows = Torn(nn.Identity()), torch.arange(8.0)[:, None].expand(8, 3)
    recipe = Recipe(batch_size=8, accumulate=2)
    run = Run(Fabric(accelerator="cpu"), recipe, nn.Identity(), objective, objective.optimizers(), None, {})
    with pytest.raises(TrainingError, match="parts of one batch would update first and second"):
        run.step(0, TensorDataset("rows", "train", rows))


def test_parts_of_a_batch_are_of_one_size_and_more_than_a_sample():
    for wrong in (3, 8):
        with pytest.raises(TrainingError, match=f"accumulate={wrong} parts of 8 samples"):
            launch(Recipe(batch_size=8, accumulate=wrong), "cpu")


def test_no_step_waits_for_the_device(monkeypatch):
    """Whatever brings a number to Python waits for all that the device was told before. Adam counts its steps on the
    CPU whatever the device is, and reads that."""
    counters = set[int]()
    waits = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "numpy"):
        plain = getattr(torch.Tensor, name)

        def told(self, *arguments, plain=plain, name=name):
            if id(self) not in counters:
                waits.append((name, tuple(self.shape)))
            return plain(self, *arguments)

        monkeypatch.setattr(torch.Tensor, name, told)
    model = zoo.create("dcgan", image_size=8, width=2, latent_dim=4)
    recipe = Recipe(batch_size=4, ema=0.9, clip=1.0, objective={"width": 2})
    objective = model.objective_class.create(model, **recipe.objective)
    run = Run(Fabric(accelerator="cpu"), recipe, model, objective, objective.optimizers(), None, {})
    data = TensorDataset("noise", "train", torch.zeros(8, 3, 8, 8, dtype=torch.uint8))
    run.step(0, data)
    counters |= {id(state["step"]) for each in run.optimizers.values() for state in each.state.values()}
    waits.clear()
    run.step(1, data)
    assert waits == []


class Kept:
    """A tensor that autograd saves for the way back."""

    def __init__(self, tensor):
        self.tensor = tensor


def kept_between_updates(model):
    """The most tensors that are kept, after the gradients of an update, for those of a later one."""
    alive, most = weakref.WeakSet(), 0

    def pack(tensor):
        kept = Kept(tensor.detach() if tensor.is_leaf else tensor)
        alive.add(kept)
        return kept

    run, batch = run_of(model), _batch(model, 0)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        for name, loss in run.objective.updates(batch):
            run.fabric.backward(loss, [p for group in run.optimizers[name].param_groups for p in group["params"]])
            del loss
            gc.collect()
            most = max(most, len(alive))
            run.optimizers[name].step()
    return most


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
def test_few_objectives_keep_a_graph_from_one_update_to_the_next(make):
    """Under accumulate all parts' are kept, so that less memory is saved, which cards/scale.md says of these."""
    model = make()
    keeps = kept_between_updates(model) > 1
    assert keeps == (model.provenance.architecture.removeprefix("zoo:") in KEEPING)
