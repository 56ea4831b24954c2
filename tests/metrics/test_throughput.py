"""Images per second, by a clock that the tests wind."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import zoo
from zoo.data.dataset import TensorDataset
from zoo.metrics.evaluate import Subject
from zoo.metrics.throughput import seconds, throughput


class Clock:
    """Stands still until it is moved on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, durations: list[float]) -> Any:
        """What takes as long as `durations` say, call after call; the last again and again."""
        left = list(durations)

        def take(seed: int) -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return take


@pytest.mark.parametrize(
    ("durations", "median"),
    [
        ([50.0, 1.0, 2.0, 9.0], 2.0),  # the first call is not counted; after three more, time is up
        ([0.0, 2.0, 2.0, 4.0, 6.0], 2.0),  # three end at 8 seconds: no fourth is begun
        ([0.0, 1.0, 1.0, 1.0, 1.0, 7.0, 9.0], 1.0),  # the fifth begins at 4 seconds and is counted: 1, 1, 1, 1, 7
        ([0.0, 1.5, 1.0, 1.1, 2.0], 1.3),  # 1.5, 1.0, 1.1, 2.0: of an even number the mean of the middle ones
    ],
)
def test_median_of_what_begins_in_five_seconds(durations: list[float], median: float) -> None:
    clock = Clock()
    assert seconds(clock.work(durations), clock) == pytest.approx(median)


def test_each_call_has_a_seed_of_its_own_and_there_are_at_most_thirty() -> None:
    clock, seeds = Clock(), []

    def work(seed: int) -> None:
        seeds.append(seed)
        clock.now += 0.01

    assert seconds(work, clock) == pytest.approx(0.01)
    assert seeds == [0, *range(30)]


@pytest.mark.parametrize(
    ("architecture", "config", "kind", "batch"),
    [
        ("dcgan", {"image_size": 8, "channels": 1, "latent_dim": 4, "width": 2}, "images", 64),
        ("cgan", {"image_size": 8, "latent_dim": 4, "width": 2, "classes": ("a", "b")}, "images", 64),
        ("flow-2d", {}, "rows", 4096),
    ],
)
def test_record_says_how_it_was_measured(
    architecture: str, config: dict[str, Any], kind: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, clock, drawn = zoo.create(architecture, **config), Clock(), []
    empty = TensorDataset("none", "test", torch.zeros(0, *model.space.shape))

    def generate(n: int, **arguments: Any) -> Any:
        def arrive() -> None:
            clock.now += 0.5  # what is drawn is there only once it is on the CPU

        drawn.append((n, arguments))
        return SimpleNamespace(cpu=arrive)

    assert len(model.generate(2, seed=0)) == 2
    monkeypatch.setattr(model, "generate", generate)
    (record,) = throughput(Subject(model, None, empty, empty, n=2), clock)
    assert (record.type, record.name) == (f"{kind}-per-second", f"{kind} per second")
    assert record.value == 2 * batch
    assert record.args == {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "batch": batch,
        "dtype": "float32",
        "seed": 0,
    }
    assert drawn[0] == (batch, {"condition": None, "seed": 0, "batch_size": batch})


def test_a_model_conditioned_on_texts_draws_those_of_the_data(speller: Any) -> None:
    said = TensorDataset("said", "test", torch.zeros(3, 1, 1, 1, dtype=torch.uint8), captions=(("red",),) * 3)
    clock = Clock()

    def tick() -> float:
        clock.now += 0.5
        return clock.now

    (record,) = throughput(Subject(speller(("red",)), None, said, said, n=3), tick)
    assert (record.type, record.args["batch"]) == ("images-per-second", 64)
