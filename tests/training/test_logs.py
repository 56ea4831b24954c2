"""Loggers: what a line of the log becomes, and that a resumed run's takes the place of what it made before."""

import contextlib
import csv
import json
import math
import sys
from types import ModuleType

import pytest

import zoo
from zoo.errors import InvalidInput, MissingExtra, UnknownName
from zoo.training import logs, release

SMALL = {
    "steps": 4,
    "schedule": "constant",
    "batch_size": 4,
    "config.width": 2,
    "config.latent_dim": 4,
    "config.image_size": 8,
}


@pytest.fixture
def samples():
    return zoo.create("dcgan", image_size=8, width=2).eval().generate(12, seed=0)


def test_a_line_as_numbers_by_name():
    line = {"step": 3, "seconds": 0.5, "losses": {"a": 1.0, "b": None}, "kind": "logits", "coverage": {"modes": 8}}
    found = logs.flat(line)
    assert math.isnan(found.pop("losses/b"))
    assert found == {"step": 3, "seconds": 0.5, "losses/a": 1.0, "coverage/modes": 8}


def test_whoever_listens_gets_every_line_and_a_model_to_draw_from(samples):
    heard = []

    def hear(line, model):
        heard.append((line["step"], sorted(line), model.generate(1, seed=0)))

    choices = {"data": samples, "changes": SMALL, "progress": False, "accelerator": "cpu", "log_every": 2}
    model = release.trained("vae", on_log=hear, **choices)
    assert [step for step, _, _ in heard] == [2, 4]
    assert heard[0][1] == ["gradients/vae", "losses/vae", "seconds", "step"]
    assert heard[1][2].equal(model.generate(1, seed=0))
    alone = release.trained("vae", **choices)
    assert all(a.equal(b) for a, b in zip(model.state_dict().values(), alone.state_dict().values(), strict=True))


def test_a_listener_that_fails_ends_the_training(samples):
    with pytest.raises(ZeroDivisionError):
        release.trained("vae", data=samples, changes=SMALL, progress=False, on_log=lambda line, model: 1 / 0)


def test_the_table_is_that_of_the_log_also_after_the_run_is_resumed(samples, tmp_path):
    out = tmp_path / "made"
    choices = {"data": samples, "out": out, "progress": False, "accelerator": "cpu", "log_every": 1, "log": "csv"}
    release.trained("vae", changes=SMALL, **choices)
    log = out / "run" / "log.jsonl"
    log.write_text(log.read_text() + json.dumps({"step": 9, "losses": {"vae": 1.0}}) + "\n")
    release.trained("vae", changes=SMALL | {"steps": 6}, resume=True, **choices)
    with (out / "run" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [float(row["losses/vae"]) for row in rows] == [line["losses"]["vae"] for line in lines]


def test_a_line_is_appended_to_the_table_which_is_written_anew_for_a_new_number_alone(tmp_path, monkeypatch):
    seen, plain = [], logs.replacing
    monkeypatch.setattr(logs, "replacing", lambda path: seen.append(path) or plain(path))
    found = [{"step": k, "losses": {"a": k / 2}} | ({"coverage": {"modes": 8}} if k == 3 else {}) for k in range(1, 6)]
    with logs.table(tmp_path, settings={}) as write:
        for line in found:
            with (tmp_path / "log.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            write(logs.flat(line), None)
    assert len(seen) == 2
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "step,losses/a,coverage/modes",
        "1,0.5,",
        "2,1.0,",
        "3,1.5,8",
        "4,2.0,",
        "5,2.5,",
    ]


def test_a_run_begun_anew_leaves_no_table_of_the_former_one(samples, tmp_path):
    choices = {"data": samples, "out": tmp_path / "made", "changes": SMALL, "progress": False, "accelerator": "cpu"}
    release.trained("vae", log="csv", **choices)
    assert (tmp_path / "made" / "run" / "log.csv").exists()
    release.trained("vae", force=True, **choices)
    assert not (tmp_path / "made" / "run" / "log.csv").exists()


@pytest.fixture
def board(monkeypatch):
    """What a SummaryWriter is told, of a TensorBoard that need not be installed."""
    told = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            told.append(("folder", folder, purge_step))

        def add_text(self, name, text, step):
            told.append((name, text, step))

        def add_scalar(self, name, value, step):
            told.append((name, value, step))

        def flush(self):
            pass

        def close(self):
            told.append("closed")

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return told


def test_tensorboard_gets_the_numbers_and_what_was_set(board, tmp_path):
    with logs.tensorboard(tmp_path, settings={"steps": 4, "config.width": 2}) as write:
        assert board == [], "what is purged is known with the first line alone"
        write({"step": 50, "losses/vae": 0.5}, None)
        write({"step": 100, "losses/vae": 0.25}, None)
    assert board == [
        ("folder", str(tmp_path / "tensorboard"), 50),
        ("settings", "    steps: 4\n    config.width: 2", 50),
        ("losses/vae", 0.5, 50),
        ("losses/vae", 0.25, 100),
        "closed",
    ]


def test_tensorboard_that_is_missing_is_told_before_the_first_step(samples, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match="pip install tensorboard"):
        release.trained("vae", data=samples, out=tmp_path / "r", changes=SMALL, log=["tensorboard"], progress=False)


def test_a_logger_must_be_there_and_have_a_folder(samples):
    with pytest.raises(UnknownName, match=r"no logger is called 'tensorbord'\. Did you mean 'tensorboard'"):
        release.trained("vae", data=samples, log="tensorbord")
    with pytest.raises(InvalidInput, match="log='csv' writes into the folder of the run"):
        release.trained("vae", data=samples, log="csv")


def test_a_logger_of_a_plugin(samples, tmp_path, install_plugin, monkeypatch):
    """As plugins/README.md shows it for Weights & Biases, whose package stands in here."""
    told = []

    @contextlib.contextmanager
    def init(**options):
        told.append(options)
        yield type("Run", (), {"log": lambda self, line, step: told.append((step, line["losses/vae"]))})()
        told.append("finished")

    monkeypatch.setitem(sys.modules, "wandb", type(sys)("wandb"))
    sys.modules["wandb"].init = init
    install_plugin(
        "wandb",
        """
        import contextlib

        from zoo.plugin import hookimpl

        @hookimpl
        def zoo_register_loggers(register):
            register("wandb", "zoo_wandb:log", summary="Weights & Biases")

        @contextlib.contextmanager
        def log(folder, *, settings):
            import wandb

            with wandb.init(dir=folder, config=settings) as run:
                yield lambda line, model: run.log(line, step=line["step"])
        """,
    )
    out = tmp_path / "made"
    release.trained("vae", data=samples, out=out, changes=SMALL, log=["wandb"], log_every=2, progress=False)
    started, first, second, finished = told
    assert started["dir"] == out / "run"
    assert started["config"]["config.width"] == 2
    assert (started["config"]["steps"], started["config"]["architecture"]) == (4, "vae")
    assert (first[0], second[0], finished) == (2, 4, "finished")
