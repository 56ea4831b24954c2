"""Several processes compute the chunks of a call, and all get what one process computes."""

import contextlib
import json
import os
import runpy
import sys

import pytest
import torch
from launching import forked
from PIL import Image

import zoo
from tests.cli.conftest import write
from zoo.errors import InvalidInput
from zoo.model import sharing
from zoo.models.autoencoders.vae import VAE

SCRIPT = """
import contextlib, io, os, sys
from pathlib import Path

import torch

import zoo
from zoo import cli
from zoo.errors import InvalidInput
from zoo.metrics import evaluate
from zoo.model import sharing
from zoo.spaces import Images

torch.set_num_threads(1)
Images.chunk = evaluate.CHUNK = 3
out, vae, gan, flow, pictures = sys.argv[1:]
rank = os.environ.get("RANK", "0")
vae, gan, flow = map(zoo.load, (vae, gan, flow))
seen = []
plain = type(vae)._decode
type(vae)._decode = lambda self, z, *given: seen.append(len(z)) or plain(self, z, *given)


def strange(number):
    if number == 1:
        raise InvalidInput("the second is strange.")
    return torch.zeros(1)


with sharing.shared():
    found = {"generate": vae.generate(10, seed=5), "first": vae.generate(4, seed=5, first=6)}
    found["decoded"] = torch.tensor(sum(seen))
    for folder in (Path(f"{out}.kept"), Path(out).parent / "kept"):  # of these processes, and of all that there were
        folder.mkdir(exist_ok=True)
        with sharing.kept(folder):
            found[f"kept {folder.suffix}"] = vae.generate(7, seed=6)
    x = found["generate"].mul(255).round() / 255
    found |= {"encode": vae.encode(x), "bound": vae.log_prob(x, seed=2), "bits": vae.bits_per_dim(x, seed=2)}
    found |= {"search": gan.encode(x[:5], steps=2, batch_size=2), "exact": flow.log_prob(x)}
    with sharing.alone():
        found["alone"] = torch.tensor(float(rank))
    try:
        list(sharing.computed(strange, range(4)))
    except InvalidInput as error:
        found["error"] = torch.tensor([len(str(error))])
    z = found["encode"][:2].clone().requires_grad_()
    vae.decode(z).sum().backward()
    found["gradient"] = z.grad
torch.save(found, f"{out}.{rank}.pt")
told = io.StringIO()
with contextlib.redirect_stdout(told):
    status = cli.main(["evaluate", sys.argv[2], "--data", pictures, "--json", "--quiet"])
assert status == 0
Path(f"{out}.{rank}.json").write_text(told.getvalue())
"""


def test_processes_share_chunks_and_all_get_what_one_computes(tmp_path, monkeypatch):
    for name, architecture in (("vae", "vae"), ("gan", "dcgan")):
        write(tmp_path / name, architecture, {"image_size": 8, "channels": 1, "latent_dim": 4, "width": 2})
    config = {"image_shape": (1, 8, 8), "widths": (4,), "checkerboard": 2, "channelwise": 2, "blocks": 1}
    write(tmp_path / "flow", "realnvp", config)
    pictures = tmp_path / "pictures"
    for part, count in (("train", 9), ("val", 7)):
        (pictures / part).mkdir(parents=True)
        for place in range(count):
            Image.new("L", (8, 8), 30 * place + 5).save(pictures / part / f"{place}.png")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    given = [*(tmp_path / name for name in ("vae", "gan", "flow")), pictures]
    _run_here(script, [tmp_path / "one", *given], monkeypatch)
    one, told = torch.load(tmp_path / "one.0.pt"), json.loads((tmp_path / "one.0.json").read_text())
    assert len(told) > 3
    for world in (2, 3):
        forked(script, tmp_path / f"several{world}", *given, world=world)
        counts = []
        for rank in range(world):
            found = torch.load(tmp_path / f"several{world}.{rank}.pt")
            counts.append(int(found.pop("decoded")))
            assert found.pop("alone") == rank
            assert len(list((tmp_path / f"several{world}.kept").iterdir())) == 3  # chunks, each written once
            for name, value in found.items():
                assert torch.equal(value, one[name]), name
        assert sum(counts) == one["decoded"] == 14
        assert max(counts) < 14
        texts = [(tmp_path / f"several{world}.{rank}.json").read_text() for rank in range(world)]
        assert texts[1:] == [""] * (world - 1)
        for mine, other in zip(told, json.loads(texts[0]), strict=True):
            assert other == {**mine, "value": pytest.approx(mine["value"], abs=1e-6)}


def _run_here(script, words, monkeypatch):
    threads = torch.get_num_threads()
    with monkeypatch.context() as patch, contextlib.ExitStack() as after:
        after.callback(torch.set_num_threads, threads)
        for module, name in (("zoo.spaces.Images", "chunk"), ("zoo.metrics.evaluate", "CHUNK")):
            patch.setattr(f"{module}.{name}", 3)
        patch.setattr(sys, "argv", [str(script), *map(str, words)])
        patch.setattr(VAE, "_decode", VAE._decode)
        runpy.run_path(str(script))


def test_one_process_shares_with_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with sharing.shared():
        assert not torch.distributed.is_initialized()
        assert torch.cat(list(sharing.computed(lambda k: torch.tensor([k]), range(3)))).tolist() == [0, 1, 2]


def square(log, number, fails_at=None):
    if number == fails_at:
        raise KeyboardInterrupt
    log.append(number)
    return torch.tensor([number * number])


def test_what_is_kept_is_not_computed_again_by_the_same_calls(tmp_path):
    def calls(log, fails_at=None):
        with sharing.kept(tmp_path):
            one = list(sharing.computed(lambda k: square(log, k), range(3)))
            two = list(sharing.computed(lambda k: square(log, k, fails_at), range(10, 13)))
        return torch.cat(one + two).tolist()

    first, again, last = [], [], []
    with pytest.raises(KeyboardInterrupt):
        calls(first, fails_at=12)
    assert first == [0, 1, 2, 10, 11]
    (tmp_path / ".000001-000000002.safetensors.0123456789abcdef").write_bytes(b"half")
    os.utime(tmp_path / ".000001-000000002.safetensors.0123456789abcdef", (0, 0))
    assert calls(again) == [0, 1, 4, 100, 121, 144]
    assert again == [12]
    assert calls(last) == [0, 1, 4, 100, 121, 144]
    assert not last
    assert len(list(tmp_path.iterdir())) == 6  # and nothing that was half written
    for place, spoilt in enumerate((b"", b"not one", (tmp_path / "000001-000000000.safetensors").read_bytes()[:-3])):
        (tmp_path / f"000000-{place:09d}.safetensors").write_bytes(spoilt)
    assert calls(last) == [0, 1, 4, 100, 121, 144]
    assert last == [0, 1, 2]


def test_nothing_is_kept_of_calls_within_a_chunk_nor_of_errors_nor_afterwards(tmp_path):
    def outer(number):
        return torch.cat(list(sharing.computed(lambda k: torch.tensor([k]), range(number))))

    def strange(number):
        raise InvalidInput("it is strange.")

    with sharing.kept(tmp_path):
        assert torch.cat(list(sharing.computed(outer, [2, 3]))).tolist() == [0, 1, 0, 1, 2]
        with pytest.raises(InvalidInput, match="strange"):
            list(sharing.computed(strange, range(2)))
    assert outer(2).tolist() == [0, 1]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_model_gives_what_was_kept_of_it_chunk_by_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.spaces.Images.chunk", 3)
    model = zoo.create("vae", image_size=8, channels=1, latent_dim=4, width=2).eval()
    usual = model.generate(7, seed=1)
    with sharing.kept(tmp_path):
        assert torch.equal(model.generate(7, seed=1), usual)
    monkeypatch.setattr(VAE, "_decode", None)
    with sharing.kept(tmp_path):
        assert torch.equal(model.generate(7, seed=1), usual)
