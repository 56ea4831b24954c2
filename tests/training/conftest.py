"""Pictures to train on, settings with which that takes no time, and a training that is interrupted."""

import signal

import pytest
from PIL import Image

from zoo.training import release

SMALL = {
    "config.image_size": 8,
    "config.width": 2,
    "config.latent_dim": 4,
    "steps": 2,
    "batch_size": 4,
    "holdout": 0,  # of a handful of images
    "precision": "32-true",
    "objective.width": 4,
}


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    for i in range(10):
        Image.new("RGB", (12, 9), (20 * i, 255 - 20 * i, 80)).save(root / f"{i}.png")
    return root


PAINTER = {
    "config.sketch": [4, 4],
    "config.refine": [4, 4, 3],
    "config.text_dim": 4,
    "config.condition_dim": 2,
    "config.latent_dim": 3,
    "objective.match": 1,
    "objective.sketch": 1,
    "objective.width": 2,
    "steps": 3,
    "batch_size": 2,
    "precision": "32-true",
    "channels_last": False,
}


def interrupted(pictures, out, monkeypatch, step, changes=SMALL, **options):
    """`release.train`, with a SIGINT in the course of that step; 0 is before the first."""
    from zoo.training import loop

    plain, made = loop.Run.step, []

    def take(self, *arguments):
        made.append(1)
        if len(made) == step:
            signal.raise_signal(signal.SIGINT)
        return plain(self, *arguments)

    def never(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "step", take if step else never)
        with pytest.raises(KeyboardInterrupt):
            release.train("dcgan", data=pictures, out=out, changes=changes, **options)
