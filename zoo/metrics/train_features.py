"""Train the feature networks that come with the package:

    python -m zoo.metrics.train_features grey28 --data DIR --out FILE

DIR holds, for grey28, MNIST and FashionMNIST as torchvision reads them; for colour64, cifar10-jpeg/{train,test}/<class>
and celeba64 with its attributes.csv. What the shipped files reached is in networks/README.md. The generative loop does
not fit here (there is nothing to sample and two data sets share a step), so this file has its own, of one page.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.data import loading as data
from zoo.data.dataset import Dataset
from zoo.errors import DataError
from zoo.nn.classifier import ATTRIBUTES, CLOTHES, COLOUR64, DIGITS, GREY28, OBJECTS, Classifier, Design


@dataclass(frozen=True)
class Task:
    """One data set's share of a step. targets: class indices among `outputs` of the logits, or, for attributes, 0 and
    1 for each of them. batch_size: images in a step. Augmentation: `flip` mirrors half of the images, `shift` moves by
    whole pixels up to so many, `zoom` enlarges up to so many times."""

    name: str
    train: Dataset
    test: Dataset
    train_targets: Tensor
    test_targets: Tensor
    outputs: slice
    batch_size: int
    flip: bool = True
    shift: int = 0
    zoom: float = 1.0

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        if targets.is_floating_point():
            return F.binary_cross_entropy_with_logits(logits, targets)
        return F.cross_entropy(logits, targets, label_smoothing=0.1)

    def correct(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Share of right answers, one for each attribute, or one in all."""
        if targets.is_floating_point():
            return ((logits > 0) == (targets > 0.5)).float().mean(0)
        return (logits.argmax(1) == targets).float().mean(0, keepdim=True)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented images (batch_size, c, h, w) and their targets, in a new order each epoch, without end."""
        while True:
            for rows in torch.split(torch.randperm(len(self.train)), self.batch_size):
                if len(rows) == self.batch_size:
                    yield self.augment(self.train.floats(rows)), self.train_targets[rows]

    def augment(self, images: Tensor) -> Tensor:
        n, size = len(images), images.shape[-1]
        transform = torch.zeros(n, 2, 3)
        scale = self.zoom ** -torch.rand(n, 2)
        mirror = torch.where(torch.rand(n) < 0.5 * self.flip, -1.0, 1.0)
        transform[:, 0, 0], transform[:, 1, 1] = scale[:, 0] * mirror, scale[:, 1]
        # Half of the room that the zoom leaves, on either side of the centre, where the faces are; and the shift.
        transform[:, :, 2] = (1 - scale) * (torch.rand(n, 2) - 0.5)
        transform[:, :, 2] += torch.randint(-self.shift, self.shift + 1, (n, 2)) * 2 / size
        grid = F.affine_grid(transform, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def grey_tasks(root: Path) -> list[Task]:
    """MNIST and Fashion-MNIST; digits take the first ten logits, clothes the other ten, all in one softmax."""
    tasks = []
    for name, first, flip in (("mnist", 0, False), ("fashion-mnist", len(DIGITS), True)):
        train, test = (data.load(name, root, split, shape=(1, 28, 28)) for split in ("train", "test"))
        targets = [split.labels + first for split in (train, test) if split.labels is not None]
        outputs = slice(0, len(DIGITS + CLOTHES))
        tasks.append(Task(name, train, test, targets[0], targets[1], outputs, 80 if flip else 48, flip, shift=2))
    return tasks


def colour_tasks(root: Path) -> list[Task]:
    """CIFAR-10 at 32 × 32 and CelebA at 64 × 64, the last 3,000 of which are held out."""
    cifar = [data.load("image-folder", root / "cifar10-jpeg", split, shape=(3, 32, 32)) for split in ("train", "test")]
    labels = [split.labels for split in cifar if split.labels is not None and split.classes == OBJECTS]
    if len(labels) != 2:
        raise DataError(f"{root / 'cifar10-jpeg'} must hold train and test, each with folders {', '.join(OBJECTS)}.")
    faces = root / "celeba64"
    celeba = [
        data.load("image-folder", faces, split, shape=(3, 64, 64), holdout=3000, holdout_seed=None)
        for split in ("train", "test")
    ]
    with (faces / "attributes.csv").open(encoding="utf-8") as file:
        known = {row["file"]: [float(row[attribute]) for attribute in ATTRIBUTES] for row in csv.DictReader(file)}
    attributes = torch.tensor([known[name] for name in sorted(known)])
    if len(attributes) != len(celeba[0]) + len(celeba[1]):
        raise DataError(f"{faces}: attributes.csv has {len(attributes)} rows, not one for each image.")
    objects, yes_or_no = slice(0, len(OBJECTS)), slice(len(OBJECTS), None)
    kept = len(celeba[0])
    return [
        Task("cifar10", cifar[0], cifar[1], labels[0], labels[1], objects, 128, shift=4),
        # Up to 1.8 times in either direction: from the whole aligned frame to a crop of the face alone.
        Task("celeba", celeba[0], celeba[1], attributes[:kept], attributes[kept:], yes_or_no, 32, zoom=1.8),
    ]


def train(design: Design, tasks: list[Task], steps: int, learning_rate: float = 4e-3) -> Classifier:
    """AdamW (Loshchilov & Hutter 2019), learning rate warmed up over 5 % of the steps and then a cosine down to 0."""
    torch.manual_seed(0)
    network = Classifier(design).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.05)
    warmup = max(1, steps // 20)

    def factor(step: int) -> float:
        return min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    streams = [task.batches() for task in tasks]
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        losses = []
        for task, stream in zip(tasks, streams, strict=True):
            images, targets = next(stream)
            with torch.autocast("cpu", torch.bfloat16):
                features = network(images.to(memory_format=torch.channels_last))
            loss = task.loss(network.head(features.float())[:, task.outputs], targets)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item())
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            shown = ", ".join(f"{task.name} {loss:.3f}" for task, loss in zip(tasks, losses, strict=True))
            print(f"step {step + 1} of {steps}: {shown}", flush=True)
    return network.to(memory_format=torch.contiguous_format).eval()


def accuracy(network: Classifier, task: Task) -> list[float]:
    """Test accuracy in float32: one number, or one for each attribute."""
    with torch.no_grad():
        logits = [
            network.head(network(task.test.floats(rows))) for rows in torch.split(torch.arange(len(task.test)), 250)
        ]
    return [float(share) for share in task.correct(torch.cat(logits)[:, task.outputs], task.test_targets)]


DESIGNS = {"grey28": (GREY28, grey_tasks, 2400), "colour64": (COLOUR64, colour_tasks, 2000)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a feature network.")
    parser.add_argument("network", choices=DESIGNS)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write, in float16")
    parser.add_argument("--steps", type=int, help="instead of the network's own number")
    arguments = parser.parse_args()
    design, read, steps = DESIGNS[arguments.network]
    tasks = read(arguments.data)
    # What is tested is what is shipped: the weights after rounding to float16.
    network = train(design, tasks, arguments.steps or steps).half()
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, arguments.out)
    for task in tasks:
        print(task.name, "test accuracy:", ", ".join(f"{share:.4f}" for share in accuracy(network.float(), task)))


if __name__ == "__main__":
    main()
