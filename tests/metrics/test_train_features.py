import pytest
import torch

from zoo.data.dataset import TensorDataset
from zoo.metrics.train_features import Task, accuracy, train
from zoo.nn.classifier import Design

SIZE = 8


def task(*, binary: bool = False, flip: bool = False, shift: int = 0, zoom: float = 1.0) -> Task:
    """Bright above or below: a class of two, or a yes to one of two attributes."""
    labels = torch.arange(64) % 2
    pixels = torch.full((64, 1, SIZE, SIZE), 30, dtype=torch.uint8)
    pixels[labels == 0, :, : SIZE // 2] = 220
    pixels[labels == 1, :, SIZE // 2 :] = 220
    targets = torch.stack([labels, 1 - labels], 1).float() if binary else labels
    outputs = slice(2, 4) if binary else slice(0, 2)
    data = TensorDataset("halves", "train", pixels, labels)
    return Task("halves", data, data, targets, targets, outputs, 16, flip, shift, zoom)


def test_learns_classes_and_attributes_at_once() -> None:
    tasks = [task(flip=True, shift=1), task(binary=True)]
    network = train(Design("tiny", 1, (8, 8), (16, 16), ("up", "down", "below", "above")), tasks, steps=40)
    assert accuracy(network, tasks[0]) == [1.0]
    assert accuracy(network, tasks[1]) == [1.0, 1.0]
    assert not network.training


def test_augmentation_off_is_the_identity() -> None:
    images = torch.rand(5, 1, SIZE, SIZE)
    torch.testing.assert_close(task().augment(images), images)


def test_flip_mirrors_left_to_right() -> None:
    images = torch.rand(64, 1, SIZE, SIZE)
    flipped = task(flip=True).augment(images)
    mirrored = [torch.allclose(new, old.flip(2), atol=1e-5) for new, old in zip(flipped, images, strict=True)]
    same = [torch.allclose(new, old, atol=1e-5) for new, old in zip(flipped, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 10 < sum(mirrored) < 54


def test_shift_moves_by_whole_pixels() -> None:
    images = torch.rand(32, 1, SIZE, SIZE)
    inner = slice(2, -2)
    moves = set()
    for new, old in zip(task(shift=2).augment(images), images, strict=True):
        fits = [
            (x, y)
            for x in range(-2, 3)
            for y in range(-2, 3)
            if torch.allclose(new[:, inner, inner], old.roll((y, x), (1, 2))[:, inner, inner], atol=1e-5)
        ]
        assert len(fits) == 1
        moves.add(fits[0])
    assert len(moves) > 10


@pytest.mark.parametrize(("axis", "other"), [(2, 3), (3, 2)])
def test_zoom_enlarges_and_never_leaves_the_image(axis: int, other: int) -> None:
    ramp = torch.linspace(0, 1, SIZE).expand(200, 1, SIZE, SIZE).transpose(3, axis)
    zoomed = task(zoom=2.0).augment(ramp.contiguous())
    span = (zoomed.amax(axis) - zoomed.amin(axis)).flatten(1).mean(1)
    assert span.min() > 0.45
    assert span.max() <= 1
    assert span.std() > 0.1
