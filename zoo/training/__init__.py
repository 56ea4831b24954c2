"""Training: the loop, checkpoints, logs, and the release folder that it ends with. The built-in loggers are here.

What `zoo.train` takes:

name: an architecture, trained by its own recipe on data of yours, whose shape it takes; or a release, made again by the
recipe on its card.
data: a folder of images, a .csv or .npy file, the folder of a release's data set; tar archives, Arrow or Parquet files,
or "hf:org/dataset"; or samples at hand, of which a tenth is held out: images (n, channels, height, width) of uint8 or
in [0, 1], or rows (n, features), as a tensor, an array, a data frame, a list of PIL images or paths; (samples, labels);
a Dataset of torch, torchvision or Hugging Face; {"train": …, "test": …} of such. None for data made from a seed.
out: where the release folder goes, by default nowhere. With it the model is as the release has it, its weights rounded.
settings: of the recipe, such as steps, batch_size, seed, holdout, flip.
config, objective: settings of the architecture and of its objective (`zoo info NAME --settings` lists all).
start: a release of the architecture whose weights to start from.
resume: go on from the checkpoint in `out`, one every `checkpoint_every` steps; force: write over what is there.
download: fetch the data set.
device: "auto", "cpu" or "cuda".
log: "csv", "tensorboard" or a plugin's, written into `out`.
on_log: called every `log_every` steps with the means since the last time by their names ("step", "losses/generator" …),
and the model as it then is, which can be drawn from.
progress: shown on a terminal and in notebooks.
cache: whether decoded images of a large folder are kept in a file in ZOO_HOME, or decoded for each batch.
workers: how many processes make batches ahead, which are the same ones.

It warns of images made to fit (Converted) and of labels beside rows (LeftOut).
"""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.plugins import hookimpl


@hookimpl
def zoo_register_loggers(register: Callable[..., None]) -> None:
    register("csv", "zoo.training.logs:table", summary="log.csv, a row for each line")
    register("tensorboard", "zoo.training.logs:tensorboard", summary="tensorboard/, for TensorBoard")
