"""The loop: update order, exact resume, clipping, moving average, two processes."""

import dataclasses
import importlib.util
import json
import logging.handlers
import math
import runpy
import signal
import sys
import warnings

import pytest
import torch
from launching import launched
from PIL import Image
from torch import nn

import zoo
from zoo.conditions import Labels, Texts
from zoo.data.dataset import Dataset, TensorDataset
from zoo.errors import ConfigError, DataError, Interrupted, InvalidInput, ShortRun, TrainingError
from zoo.model import Model
from zoo.objective import Batch, Objective
from zoo.recipe import Recipe
from zoo.spaces import Images
from zoo.training import lock, loop
from zoo.training.progress import Progress


@pytest.fixture
def faces():
    pixels = torch.randint(0, 256, (24, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return TensorDataset("noise", "train", pixels)


def tiny():
    return zoo.create("dcgan", image_size=8, width=2, latent_dim=4)


GAN = Recipe(steps=6, batch_size=8, ema=0.9, flip=True, clip=1.0, schedule="cosine", objective={"width": 4})


@pytest.mark.parametrize("recipe", [GAN, GAN.override({"precision": "bf16-mixed", "channels_last": True})])
def test_six_steps_equal_three_and_resumed_three_bit_for_bit(tmp_path, faces, recipe):
    whole = loop.fit(tiny, faces, recipe, tmp_path / "whole", accelerator="cpu")
    loop.fit(tiny, faces, recipe, tmp_path / "halves", accelerator="cpu", until=3)
    halves = loop.fit(tiny, faces, recipe, tmp_path / "halves", accelerator="cpu", resume=True)
    for (name, a), b in zip(whole.state_dict().items(), halves.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    # Not only the released average: networks and optimizers too.
    assert (tmp_path / "whole/checkpoint.safetensors").read_bytes() == (
        tmp_path / "halves/checkpoint.safetensors"
    ).read_bytes()


def test_batches_made_ahead_change_nothing_and_a_run_is_resumed_with_or_without_them(tmp_path, faces):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    loop.fit(tiny, faces, GAN, whole, accelerator="cpu")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loop.fit(tiny, faces, GAN, halves, accelerator="cpu", until=3, workers=2)
    loop.fit(tiny, faces, GAN, halves, accelerator="cpu", resume=True)
    assert (whole / "checkpoint.safetensors").read_bytes() == (halves / "checkpoint.safetensors").read_bytes()


LONGER = GAN.override({"schedule": "constant", "warmup": 4})


def test_a_run_at_a_constant_rate_that_is_made_longer_equals_one_begun_so_bit_for_bit(tmp_path, faces):
    short = LONGER.override({"steps": 3})
    whole = loop.fit(tiny, faces, LONGER, tmp_path / "whole", accelerator="cpu")
    loop.fit(tiny, faces, short, tmp_path / "longer", accelerator="cpu")
    # With as many steps as it has there is nothing to do, and nothing is done.
    before = (tmp_path / "longer/checkpoint.safetensors").read_bytes()
    third = loop.fit(tiny, faces, short, tmp_path / "longer", accelerator="cpu", resume=True)
    assert (tmp_path / "longer/checkpoint.safetensors").read_bytes() == before
    longer = loop.fit(tiny, faces, LONGER, tmp_path / "longer", accelerator="cpu", resume=True)
    for (name, a), b in zip(whole.state_dict().items(), longer.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(third.generator[0].weight, longer.generator[0].weight)
    assert (tmp_path / "whole/checkpoint.safetensors").read_bytes() == (
        tmp_path / "longer/checkpoint.safetensors"
    ).read_bytes()
    lines = [json.loads(line)["step"] for line in (tmp_path / "longer/log.jsonl").read_text().splitlines()]
    assert lines == [3, 6]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_run_whose_rate_falls_to_0_at_its_end_is_not_made_longer(tmp_path, faces, schedule):
    recipe = GAN.override({"schedule": schedule, "steps": 2})
    loop.fit(tiny, faces, recipe, tmp_path, accelerator="cpu", until=1)
    with pytest.raises(TrainingError, match=r"other settings \(steps\)"):
        loop.fit(tiny, faces, recipe.override({"steps": 3}), tmp_path, accelerator="cpu", resume=True)


@pytest.mark.parametrize("change", [{"schedule": "linear"}, {"schedule": "linear", "steps": 9}, {"warmup": 3}])
def test_a_run_at_a_constant_rate_has_no_other_schedule_later(tmp_path, faces, change):
    loop.fit(tiny, faces, LONGER, tmp_path, accelerator="cpu", until=1)
    with pytest.raises(TrainingError, match=r"other settings \(.*(schedule|warmup)"):
        loop.fit(tiny, faces, LONGER.override(change), tmp_path, accelerator="cpu", resume=True)


def test_a_checkpoint_beyond_the_last_step_is_refused_and_left_alone(tmp_path, faces):
    loop.fit(tiny, faces, LONGER.override({"steps": 3}), tmp_path, accelerator="cpu")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert set(before) == {"checkpoint.safetensors", "log.jsonl"}
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors is already at step 3, beyond steps=2\. Resume"):
        loop.fit(tiny, faces, LONGER.override({"steps": 2}), tmp_path, accelerator="cpu", resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_seed_changes_the_run_and_the_global_generators_are_left_alone(tmp_path, faces, monkeypatch):
    for module in (torch.cuda, torch.mps, torch.xpu):  # which no training on the CPU may seed
        monkeypatch.delattr(module, "manual_seed")
        monkeypatch.delattr(module, "manual_seed_all", raising=False)
    before = torch.get_rng_state()
    a = loop.fit(tiny, faces, GAN, tmp_path / "a", accelerator="cpu")
    b = loop.fit(tiny, faces, GAN.override({"seed": 1}), tmp_path / "b", accelerator="cpu")
    assert not torch.equal(a.generator[0].weight, b.generator[0].weight)
    assert torch.equal(before, torch.get_rng_state())


def test_log_samples_and_checkpoint_are_written(tmp_path, faces):
    loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", log_every=2)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    for line in lines:
        assert set(line["losses"]) == set(line["gradients"]) == {"discriminator", "generator"}
        assert min(line["gradients"].values()) > 0
        assert line["kind"] == "probability"
        assert 0 < line["outputs"]["fake"] < 1
        assert 0 < line["outputs"]["real"] < 1
    assert ["coverage" in line for line in lines] == [False, False, True]
    assert set(lines[-1]["coverage"]) >= {"coarse_coverage", "coarse_precision", "spread", "contrast"}
    assert (tmp_path / "samples/000006.png").stat().st_size > 0


def test_what_is_watched_changes_nothing(tmp_path, faces):
    watched, alone = tmp_path / "watched", tmp_path / "alone"
    loop.fit(tiny, faces, GAN, watched, accelerator="cpu", log_every=1, sample_every=1)
    loop.fit(tiny, faces, GAN, alone, accelerator="cpu")
    assert (watched / "checkpoint.safetensors").read_bytes() == (alone / "checkpoint.safetensors").read_bytes()
    assert sum('"coverage"' in line for line in (watched / "log.jsonl").read_text().splitlines()) == 6


def test_the_field_of_a_gan_of_the_plane_is_drawn_and_changes_nothing(tmp_path):
    points = TensorDataset("noise", "train", torch.randn(24, 2, generator=torch.Generator().manual_seed(0)))
    recipe = Recipe(steps=4, batch_size=8, objective={"hidden": (4,)})
    make = lambda: zoo.create("gan", image_shape=(2,), latent_dim=2, hidden=(4,))  # noqa: E731
    watched = loop.fit(make, points, recipe, tmp_path, accelerator="cpu", sample_every=2)
    assert sorted(path.name for path in (tmp_path / "fields").iterdir()) == ["000002.png", "000004.png"]
    alone = loop.fit(make, points, recipe, accelerator="cpu")
    assert all(torch.equal(a, b) for a, b in zip(watched.parameters(), alone.parameters(), strict=True))
    loop.fit(make, points, recipe.override({"steps": 1}), tmp_path, accelerator="cpu")  # anew
    assert [path.name for path in (tmp_path / "fields").iterdir()] == ["000001.png"]


def test_a_sample_gets_a_line_of_its_own(tmp_path, faces):
    loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", log_every=4, sample_every=3)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], "coverage" in line) for line in lines] == [(3, True), (4, False), (6, True)]


def test_the_checkpoint_survives_a_picture_that_cannot_be_saved(tmp_path, faces, monkeypatch):
    monkeypatch.setattr(loop, "snapshot", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu")
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_objective_arguments_of_the_wrong_type(tmp_path, faces):
    with pytest.raises(ConfigError, match=r"does not fit.*objective\.NAME"):
        loop.fit(tiny, faces, GAN.override({"objective.learning_rate": "fast"}), tmp_path, accelerator="cpu")


def test_fabric_makes_no_remark_on_what_the_recipe_says():
    log, said = logging.getLogger("lightning_fabric"), logging.handlers.BufferingHandler(99)
    log.addHandler(said)
    try:
        level = log.level
        loop.launch(GAN.override({"precision": "bf16-mixed"}), "cpu")
        assert said.buffer == []
        assert log.level == level
        loop.Fabric(accelerator="cpu", precision="bf16-mixed")
        assert "bfloat16" in said.buffer[0].getMessage(), "there is nothing to be silenced any more"
    finally:
        log.removeHandler(said)


def test_an_accelerator_that_is_not_there(tmp_path, faces):
    there = {"cuda": torch.cuda.is_available(), "tpu": importlib.util.find_spec("torch_xla") is not None}
    for name in (name for name, is_there in there.items() if not is_there):
        with pytest.raises(TrainingError, match=f"'{name}' cannot be used here"):
            loop.fit(tiny, faces, GAN, tmp_path, accelerator=name)


@dataclasses.dataclass(frozen=True)
class Nothing:
    """A config without fields."""


@dataclasses.dataclass(frozen=True)
class Scaled:
    scale: float = 1.0


class Recorder(Model):
    """A model of one number w; its objective records what the loop does between two yields."""

    space, latent_shape = Images((3, 8, 8)), (1,)

    class objective_class(Objective):  # noqa: N801 - the loop calls it by this name
        options_class = Scaled

        def __init__(self, model, options):
            super().__init__(model, options)
            self.other = nn.Parameter(torch.zeros(1))

        def optimizers(self):
            return {
                "model": torch.optim.SGD(self.model.parameters(), lr=1.0),
                "other": torch.optim.SGD([self.other], lr=1.0),
            }

        def updates(self, batch):
            w = self.model.w
            before = w.item()
            yield "model", self.options.scale * w.sum() + 5 * self.other.sum()
            self.model.seen.append((before, w.item()))
            yield "other", (w * self.other).sum()

    def __init__(self):
        super().__init__(Nothing())
        self.w = nn.Parameter(torch.zeros(1))
        self.seen = []

    def generate(self, n, **_):
        return torch.zeros(n, *self.space.shape)


def test_next_loss_sees_the_updated_network_and_only_the_named_one_moves(tmp_path, faces):
    model = loop.fit(Recorder, faces, Recipe(steps=2, batch_size=8), tmp_path, accelerator="cpu")
    # Gradient descent on w with slope 1 and rate 1: 0 → −1 → −2; the first loss's 5·other never moves `other`.
    assert model.seen == [(0.0, -1.0), (-1.0, -2.0)]


def test_an_objective_knows_its_step_whether_the_run_was_interrupted_or_not(tmp_path, faces, monkeypatch):
    seen, plain = [], Recorder.objective_class.updates
    monkeypatch.setattr(
        Recorder.objective_class, "updates", lambda self, batch: seen.append(self.step) or plain(self, batch)
    )
    recipe = Recipe(steps=5, batch_size=8)
    loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu", until=3)
    loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu", resume=True)
    assert seen == [0, 1, 2, 3, 4]


def test_an_objective_gets_the_captions_of_its_images(tmp_path, faces, monkeypatch):
    seen, plain = [], Recorder.objective_class.updates
    monkeypatch.setattr(
        Recorder.objective_class, "updates", lambda self, batch: seen.append(batch) or plain(self, batch)
    )
    said = dataclasses.replace(faces, captions=tuple((f"{face.sum()}",) for face in faces.images))
    loop.fit(Recorder, said, Recipe(steps=2, batch_size=8, channels_last=True), tmp_path, accelerator="cpu")
    assert len(seen) == 2
    for batch in seen:
        assert batch.captions == tuple((f"{round(face.sum().item() * 255)}",) for face in batch.images)


def test_a_model_that_learns_from_texts_needs_captions(tmp_path, faces):
    class Told(Recorder):
        def __init__(self):
            super().__init__()
            self.condition = Texts(("red",), longest=1, dim=1)

    with pytest.raises(DataError, match=r"noise has no captions, which \w+ learns from"):
        loop.fit(Told, faces, Recipe(steps=1, batch_size=8), tmp_path, accelerator="cpu")
    assert list(tmp_path.iterdir()) == []


def test_clipping_bounds_the_step(tmp_path, faces):
    recipe = Recipe(steps=1, batch_size=8, clip=0.5, objective={"scale": 100.0})
    model = loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu")
    assert model.w.item() == pytest.approx(-0.5, rel=1e-4)
    # The log has the norm before: 100 · dw, and of `other` its factor, w.
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["gradients"] == {"model": 100.0, "other": 0.5}
    assert not {"outputs", "kind", "coverage"} & set(line)


@pytest.mark.parametrize(("checkpoint_every", "kept"), [(2, ["2", "4"]), (3, ["3"]), (1000, [])])
def test_a_checkpoint_is_written_every_so_many_steps_and_at_the_last(
    tmp_path, faces, monkeypatch, checkpoint_every, kept
):
    written, save = [], loop.checkpoint.save

    def saving(path, step, *rest):
        written.append(step)
        save(path, step, *rest)

    monkeypatch.setattr(loop.checkpoint, "save", saving)
    recipe = Recipe(steps=5, batch_size=8)
    loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu", checkpoint_every=checkpoint_every)
    assert written == [*map(int, kept), 5]


def test_a_run_that_breaks_off_goes_on_from_its_last_periodic_checkpoint(tmp_path, faces, monkeypatch):
    class Breaking(TensorDataset):
        def batch(self, step, size, **options):
            if step == 4:
                raise OSError("gone")
            return super().batch(step, size, **options)

    recipe = Recipe(steps=6, batch_size=8)
    with pytest.raises(OSError, match="gone"):
        loop.fit(
            Recorder,
            Breaking("noise", "train", faces.images),
            recipe,
            tmp_path,
            accelerator="cpu",
            checkpoint_every=3,
        )
    model = loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu", resume=True)
    assert [before for before, _ in model.seen] == [-3.0, -4.0, -5.0]


def test_without_a_folder_nothing_is_written_or_shown_and_the_weights_are_the_same(
    tmp_path, faces, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    recipe = GAN.override({"steps": 2})
    alone = loop.fit(tiny, faces, recipe, accelerator="cpu")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")
    kept = loop.fit(tiny, faces, recipe, tmp_path / "run", accelerator="cpu")
    assert all(map(torch.equal, alone.state_dict().values(), kept.state_dict().values()))
    with pytest.raises(TrainingError, match="without a folder has no checkpoint"):
        loop.fit(tiny, faces, recipe, accelerator="cpu", resume=True)


class OnTheFly(Dataset):
    """Batches of noise that are made when they are asked for."""

    name, split = "noise", "train"

    def __len__(self):
        return 10**12

    def batch(self, step, size, *, seed, flip, rank=0, world=1):
        generator = torch.Generator().manual_seed(seed + step)
        return Batch(torch.rand(size, 3, 8, 8, generator=generator)[rank::world])


def test_data_may_be_made_batch_by_batch(tmp_path):
    recipe = GAN.override({"steps": 2, "flip": False})
    model = loop.fit(tiny, OnTheFly(), recipe, accelerator="cpu")
    other = loop.fit(tiny, OnTheFly(), recipe.override({"seed": 1}), accelerator="cpu")
    assert not torch.equal(model.generator[0].weight, other.generator[0].weight)
    # Pictures of the model's own samples need no rows of the data either.
    loop.fit(Recorder, OnTheFly(), Recipe(steps=1, batch_size=8), tmp_path, accelerator="cpu")
    assert (tmp_path / "samples/000001.png").exists()


def test_labels_that_are_not_known_are_refused_where_they_are_learned_from(tmp_path, faces, monkeypatch):
    class Labelled(Recorder):
        def __init__(self):
            super().__init__()
            self.condition = Labels(("a", "b"))

    labels = torch.tensor([0, 1, -1] * 8)
    some = dataclasses.replace(faces, labels=labels, classes=("a", "b"))
    recipe = Recipe(steps=1, batch_size=8)
    with pytest.raises(DataError, match=r"8 of 24 samples of noise have no label, and \w+ learns from labels"):
        loop.fit(Labelled, some, recipe, accelerator="cpu")
    loop.fit(Recorder, some, recipe, accelerator="cpu")
    monkeypatch.setattr(Recorder.objective_class, "takes_unlabelled", True)
    loop.fit(Labelled, some, recipe, accelerator="cpu")


class Failing(Recorder):
    """Whose loss is NaN at the fourth step."""

    class objective_class(Recorder.objective_class):  # noqa: N801
        def updates(self, batch):
            for name, loss in super().updates(batch):
                yield name, loss * float("nan") if self.step == 3 else loss


@pytest.mark.parametrize(("log_every", "checkpoint_every"), [(50, 2), (5, 4), (4, 1000), (50, 3)])
def test_no_checkpoint_is_written_after_a_loss_that_is_not_finite(tmp_path, faces, log_every, checkpoint_every):
    recipe = Recipe(steps=9, batch_size=8)
    with pytest.raises(TrainingError, match=r"the model loss is nan at step 4\."):
        loop.fit(
            Failing,
            faces,
            recipe,
            tmp_path,
            accelerator="cpu",
            log_every=log_every,
            checkpoint_every=checkpoint_every,
        )
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [4]
    path = tmp_path / "checkpoint.safetensors"
    assert path.exists() == (checkpoint_every < 4)
    if path.exists():  # it is sound
        model = loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu", resume=True)
        assert model.seen[0][0] == -(3 // checkpoint_every * checkpoint_every)


def test_an_error_that_a_loss_brought_about_is_said_to_come_from_it(tmp_path, faces, monkeypatch):
    def updates(self, batch):
        if self.step == 2:
            raise ValueError("probabilities must be finite")
        yield "model", self.model.w.sum() * (float("inf") if self.step == 1 else 1)

    monkeypatch.setattr(Recorder.objective_class, "updates", updates)
    with pytest.raises(TrainingError, match=r"the model loss is -?inf at step 2\."):
        loop.fit(Recorder, faces, Recipe(steps=9, batch_size=8), tmp_path, accelerator="cpu")


def test_a_loss_of_one_process_stops_all():
    class Other:
        world_size, device = 2, torch.device("cpu")

        def all_reduce(self, tensor, reduce_op):
            return tensor + 1

    with pytest.raises(TrainingError, match="a loss of another process is not finite"):
        loop.check_losses(Other(), Progress(None, 0, 1), zoo.create("dcgan", image_size=8, width=2), 1)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, faces):
    recipe = Recipe(steps=1, batch_size=8, objective={"scale": math.inf})  # times 0
    with pytest.raises(TrainingError, match=r"model loss is nan at step 1.*clip"):
        loop.fit(Recorder, faces, recipe, tmp_path, accelerator="cpu")
    assert json.loads((tmp_path / "log.jsonl").read_text())["losses"] == {"model": None}


def test_moving_average_follows_the_weights(tmp_path, faces):
    model = loop.fit(Recorder, faces, Recipe(steps=3, batch_size=8, ema=0.5), tmp_path, accelerator="cpu")
    # w is −1, −2, −3; the average starts at the first update's value and has decay min(0.5, 1 − (1+k)^(−2/3)).
    decays = [0.0, min(0.5, 1 - 2 ** (-2 / 3)), min(0.5, 1 - 3 ** (-2 / 3))]
    average = 0.0
    for decay, w in zip(decays, (-1.0, -2.0, -3.0), strict=True):
        average = decay * average + (1 - decay) * w
    assert model.w.item() == pytest.approx(average, rel=1e-5)


def test_until_0_takes_no_step(tmp_path, faces):
    loop.fit(Recorder, faces, Recipe(steps=3, batch_size=8), tmp_path, accelerator="cpu", until=0)
    assert not (tmp_path / "checkpoint.safetensors").exists()
    assert not (tmp_path / "log.jsonl").read_text()


def test_unknown_objective_argument(tmp_path, faces):
    with pytest.raises(ConfigError, match="momentum"):
        loop.fit(tiny, faces, GAN.override({"objective.momentum": 1}), tmp_path, accelerator="cpu")
    with pytest.raises(ConfigError, match=r"no option 'smothing'. Did you mean 'smoothing'"):  # an option of its base
        loop.fit(tiny, faces, GAN.override({"objective.smothing": 0.1}), tmp_path, accelerator="cpu")


def test_a_run_goes_on_however_its_weights_are_to_be_stored(tmp_path, faces):
    loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", until=3)
    loop.fit(tiny, faces, GAN.override({"storage": "int8"}), tmp_path, accelerator="cpu", resume=True)


def test_nothing_to_resume_from(tmp_path, faces):
    with pytest.raises(TrainingError, match="no checkpoint"):
        loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", resume=True)


def test_resume_refuses_another_recipe(tmp_path, faces):
    loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", until=1)
    with pytest.raises(TrainingError, match="batch_size"):
        loop.fit(tiny, faces, GAN.override({"batch_size": 4}), tmp_path, accelerator="cpu", resume=True)


def test_truncated_checkpoint_is_refused(tmp_path, faces):
    loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", until=1)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", resume=True)


def test_every_parameter_of_each_network_gets_a_gradient(faces):
    objective = tiny().objective_class.create(tiny(), width=4)
    for name, loss in objective.updates(faces.batch(0, 8, seed=0, flip=False)):
        parameters = dict(objective.named_parameters())
        prefix = "discriminator" if name == "discriminator" else "model"
        mine = {key: p for key, p in parameters.items() if key.startswith(prefix)}
        gradients = torch.autograd.grad(loss, list(mine.values()), retain_graph=True)
        for key, gradient in zip(mine, gradients, strict=True):
            assert gradient.abs().sum() > 0, key


TWO_PROCESSES = """
import atexit
import contextlib
import dataclasses
import os
import sys
from pathlib import Path

import torch

import zoo
from zoo.training import lock, loop
from zoo.data.dataset import TensorDataset
from zoo.objective import Objective
from zoo.recipe import Recipe
from zoo.spaces import Images

torch.set_num_threads(1)
pixels = torch.randint(0, 256, (16, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@dataclasses.dataclass(frozen=True)
class Nothing:
    pass


class Mean(zoo.Model):
    space, latent_shape = Images((1, 2, 2)), (1,)

    class objective_class(Objective):
        def optimizers(self):
            return {"mean": torch.optim.SGD(self.model.parameters(), lr=0.5)}

        def updates(self, batch):
            self.model.seen.add(len(batch.images))
            yield "mean", (self.model.w - batch.images).square().mean()

    def __init__(self):
        super().__init__(Nothing())
        self.w = torch.nn.Parameter(torch.rand(1, 2, 2))
        self.seen = set()

    def generate(self, n, **_):
        return torch.zeros(n, *self.space.shape)


def at_end():
    "After what was registered later: whether the processes are a group still."
    Path(sys.argv[1], "group" + os.environ["RANK"]).write_text(str(torch.distributed.is_initialized()))


if "RANK" in os.environ:
    atexit.register(at_end)
data = TensorDataset("noise", "train", pixels)
model = loop.fit(Mean, data, Recipe(steps=5, batch_size=4), Path(sys.argv[1]), accelerator="cpu")
Path(sys.argv[1], "w" + os.environ.get("RANK", "")).write_text(repr(model.w.flatten().tolist() + list(model.seen)))
"""


@pytest.mark.parametrize("nodes", [1, 2])
def test_two_processes_train_what_one_does(tmp_path, monkeypatch, nodes):
    """Each takes half of the batch; with averaged gradients both end with the weights of a single process."""
    script = tmp_path / "script.py"
    script.write_text(TWO_PROCESSES)
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "one")])
    runpy.run_path(str(script))
    launched(script, tmp_path / "two", nodes=nodes)
    one = torch.tensor(json.loads((tmp_path / "one/w").read_text()))
    first = torch.tensor(json.loads((tmp_path / "two/w0").read_text()))
    second = torch.tensor(json.loads((tmp_path / "two/w1").read_text()))
    # The last number is how many images of a batch each process saw.
    assert (one[-1], first[-1], second[-1]) == (4, 2, 2)
    one, first, second = one[:-1], first[:-1], second[:-1]
    assert torch.equal(first, second)
    torch.testing.assert_close(first, one, rtol=0, atol=1e-6)
    assert len((tmp_path / "two/log.jsonl").read_text().splitlines()) == 1
    assert [(tmp_path / f"two/group{rank}").read_text() for rank in range(2)] == ["False", "False"]


KILLED = """
import os, signal, sys
from zoo.training import loop

plain = loop.Run.step

def step(self, number, data):
    if (number, os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == (7, "1", "0"):
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ["RANK"] == "0":
        print(number, file=open(sys.argv[2] + ".steps", "a"))
    return plain(self, number, data)

loop.Run.step = step
from zoo.training import release
changes = {"config.image_size": 8, "config.width": 2, "config.latent_dim": 4, "steps": 10, "batch_size": 4,
           "holdout": 0, "precision": "32-true", "objective.width": 4}
choices = {"checkpoint_every": 3, "accelerator": "cpu", "progress": False}
release.train("dcgan", data=sys.argv[1], out=sys.argv[2], changes=changes, **choices)
"""


def test_a_worker_that_is_killed_costs_the_steps_since_the_last_checkpoint(tmp_path):
    for place in range(8):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (30 * place, 9, 200)).save(tmp_path / "pictures" / f"{place}.png")
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    out = tmp_path / "mine"
    launched(script, tmp_path / "pictures", out, restarts=1)
    steps = list(map(int, (tmp_path / "mine.steps").read_text().split()))
    again = steps.index(6, 7)  # the checkpoint is that of six steps
    assert (steps[:7], steps[again:]) == (list(range(7)), [6, 7, 8, 9])
    assert zoo.load(out).generate(1, seed=0).shape == (1, 3, 8, 8)


@pytest.mark.parametrize(("steps", "warned"), [(4, True), (5, False)])
def test_a_run_that_ends_before_the_last_phase_says_so(tmp_path, faces, steps, warned):
    def growing():
        return zoo.create("progan", widths=(2, 2), latent_dim=2)

    recipe = Recipe(steps=steps, batch_size=4, objective={"stay": 2, "fade": 2})  # phases begin at 0, 2 and 4
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.fit(growing, faces, recipe, tmp_path, accelerator="cpu", until=1)
    told = [each for each in caught if issubclass(each.category, ShortRun)]
    assert [str(each.message) for each in told] == [
        f"steps={steps}, but the last phase of this training begins at step 4. Set more steps, or shorten the "
        "phases before it by options of the objective."
    ] * warned
    assert all(each.filename == __file__ for each in told)


# Interrupted and killed -----------------------------------------------------------------------------------------------

OFTEN = {"accelerator": "cpu", "log_every": 3, "sample_every": 4, "checkpoint_every": 2}


def left(folder):
    """All that a run leaves, its log but for the seconds; pictures and checkpoint as bytes."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl"}
    return [{key: value for key, value in line.items() if key != "seconds"} for line in log], files


@pytest.fixture
def at_step(monkeypatch):
    """`at_step(3, act)`: have `act` called in the course of the third step that is made from now on."""

    def plan(number, act):
        plain, made = loop.Run.step, []

        def step(self, *arguments):
            made.append(1)
            if len(made) == number:
                act()
            return plain(self, *arguments)

        monkeypatch.setattr(loop.Run, "step", step)

    return plan


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run that nobody disturbs leaves."""
    pixels = torch.randint(0, 256, (24, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("undisturbed")
    loop.fit(tiny, TensorDataset("noise", "train", pixels), GAN, folder, **OFTEN)
    return left(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_after_a_checkpoint_and_resumed_it_is_as_if_there_had_been_none(
    tmp_path, faces, at_step, monkeypatch, undisturbed, number
):
    former = signal.signal(number, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            at_step(5, lambda: signal.raise_signal(number))
            with pytest.raises(Interrupted, match=rf"Step 5 of 6 is saved in {tmp_path}; .*--resume") as caught:
                loop.fit(tiny, faces, GAN, tmp_path, **OFTEN)
            patch.undo()
    finally:
        signal.signal(number, former)
    assert caught.value.number == number
    assert _saved_at(tmp_path) == 5
    assert not (tmp_path / lock.NAME).exists()
    loop.fit(tiny, faces, GAN, tmp_path, resume=True, **OFTEN)
    assert left(tmp_path) == undisturbed


def _saved_at(folder):
    """The step of the checkpoint in a run's folder."""
    told = loop.checkpoint.read_tensors(folder / "checkpoint.safetensors")[0]["zoo-checkpoint"]
    return json.loads(told.partition(" ")[2])["step"]


def test_a_second_signal_ends_it_at_once(tmp_path, faces, at_step):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    at_step(5, twice)
    with pytest.raises(Interrupted):
        loop.fit(tiny, faces, GAN, tmp_path, **OFTEN)
    assert _saved_at(tmp_path) == 4


def test_without_a_folder_a_signal_is_no_affair_of_the_loop(faces, at_step):
    at_step(1, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as caught:
        loop.fit(tiny, faces, GAN, accelerator="cpu")
    assert not isinstance(caught.value, Interrupted)


def test_a_signal_during_the_last_picture_is_not_lost(tmp_path, faces, monkeypatch):
    plain = loop.snapshot
    monkeypatch.setattr(loop, "snapshot", lambda *given: signal.raise_signal(signal.SIGINT) or plain(*given))
    with pytest.raises(Interrupted, match="Step 6 of 6 is saved"):
        loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu")


def test_processes_stop_after_the_same_step():
    class Other:
        world_size, device = 2, torch.device("cpu")

        def __init__(self, count):
            self.count = count

        def all_reduce(self, tensor, reduce_op):
            return tensor + self.count

    asked = loop.signals.Asked()
    assert not loop._in_any(Other(0), asked.number is not None)
    assert loop._in_any(Other(1), asked.number is not None)
    asked.number = 2
    assert loop._in_any(Other(0), asked.number is not None)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", [2, 4, 6])
@pytest.mark.parametrize("saved", [False, True])
def test_killed_just_before_or_after_a_checkpoint_nothing_is_lost(
    tmp_path, faces, monkeypatch, undisturbed, step, saved
):
    plain = loop.checkpoint.save

    def save(path, number, *rest):
        if saved or number != step:
            plain(path, number, *rest)
        if number == step:
            for half in ("checkpoint.safetensors", "log.csv", "samples/000004.png"):  # which was being written
                (half := tmp_path / half).parent.mkdir(exist_ok=True)
                half.with_name(f".{half.name}.0123456789abcdef").write_bytes(b"half")
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop.checkpoint, "save", save)
        with pytest.raises(Killed):
            loop.fit(tiny, faces, GAN, tmp_path, **OFTEN)
    begun = (tmp_path / "checkpoint.safetensors").exists()
    assert begun == (saved or step > 2)
    loop.fit(tiny, faces, GAN, tmp_path, resume=begun, **OFTEN)
    assert left(tmp_path) == undisturbed


def test_a_run_begun_anew_leaves_nothing_of_the_one_before(tmp_path, faces, monkeypatch, undisturbed):
    loop.fit(tiny, faces, GAN.override({"steps": 9}), tmp_path, **OFTEN)
    assert (tmp_path / "samples/000008.png").exists()
    (tmp_path / "samples/mine.png").touch()
    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "step", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            loop.fit(tiny, faces, GAN, tmp_path, **OFTEN)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["log.jsonl", "mine.png"]
    (tmp_path / "samples/mine.png").unlink()
    loop.fit(tiny, faces, GAN, tmp_path, **OFTEN)
    assert left(tmp_path) == undisturbed


def test_other_data_are_not_gone_on_with(tmp_path, faces):
    loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", until=1)
    pixels = faces.images.clone()
    pixels[3, 1, 2, 5] += 1
    recoloured, fewer = (dataclasses.replace(faces, images=images) for images in (pixels, faces.images[:20]))
    for others, told in ((recoloured, "24 samples then, now as many others"), (fewer, "24 samples then, now 20")):
        with pytest.raises(TrainingError, match=f"a run on other data: {told}"):
            loop.fit(tiny, others, GAN, tmp_path, accelerator="cpu", resume=True)
    moved = dataclasses.replace(faces, name="elsewhere")
    loop.fit(tiny, moved, GAN, tmp_path, accelerator="cpu", resume=True, until=2)


def test_two_runs_into_one_folder(tmp_path, faces):
    with lock.holding(tmp_path), pytest.raises(TrainingError, match=r"process \d+ on .* is training into"):
        loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu")


@pytest.mark.parametrize("name", ["log_every", "sample_every", "checkpoint_every"])
def test_every_0_steps_is_refused(tmp_path, faces, name):
    with pytest.raises(InvalidInput, match=f"{name}=0"):
        loop.fit(tiny, faces, GAN, tmp_path, accelerator="cpu", **{name: 0})
