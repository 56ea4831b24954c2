import hashlib
import os
import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from zoo_sequences import oracle, published
from zoo_sequences.oracle import Oracle

import zoo
from zoo.plugin import data, errors

WORDS, UNITS = 7, published.UNITS
SHAPES = ((WORDS, UNITS), *(published.GATE * 4), (UNITS, WORDS), (WORDS,))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Splits of 40 and 30 sentences, of an oracle of 7 words."""
    monkeypatch.setattr(oracle, "SIZES", {"train": 40, "test": 30})
    monkeypatch.setattr(published, "WORDS", WORDS)
    monkeypatch.setattr(published, "SHAPES", SHAPES)


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]


@pytest.fixture
def folder(arrays, tmp_path):
    """One with the authors' file."""
    (tmp_path / published.FILES[0]).write_bytes(pickle.dumps(arrays, protocol=4))
    return tmp_path


def by_hand(arrays, x):
    """−ln p of each word of sentences (n, length), by the authors' equations."""
    words, wi, ui, bi, wf, uf, bf, wo, uo, bo, wc, uc, bc, out, bias = arrays
    state, cell = np.zeros((len(x), UNITS)), np.zeros((len(x), UNITS))
    token, found = np.zeros(len(x), int), []
    for place in range(x.shape[1]):
        read = words[token]
        takes, keeps, shows = (
            1 / (1 + np.exp(-(read @ w + state @ u + b))) for w, u, b in ((wi, ui, bi), (wf, uf, bf), (wo, uo, bo))
        )
        cell = keeps * cell + takes * np.tanh(read @ wc + state @ uc + bc)
        state = shows * np.tanh(cell)
        chances = np.exp(state @ out + bias)
        token = x[:, place]
        found.append(-np.log(chances[range(len(x)), token] / chances.sum(1)))
    return np.stack(found, 1)


def test_its_sentences_are_as_likely_as_the_authors_equations_say(arrays, folder):
    author = Oracle(WORDS)
    author.load_state_dict(published.weights(folder))
    x = author.draw(20, 6, 0)
    assert np.allclose(author.nats(x).numpy(), by_hand(arrays, x.numpy()), atol=1e-4)


@pytest.mark.parametrize("name", published.FILES)
def test_it_is_found_by_its_folder_and_by_its_name(arrays, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(pickle.dumps(arrays, protocol=4))
    for root in (tmp_path, file):
        assert torch.equal(published.weights(root)["out.bias"], torch.from_numpy(arrays[-1]))


def test_what_is_trained_on_it_is_judged_by_it(arrays, folder, tmp_path):
    small = {"config.length": 5, "config.words": WORDS, "config.hidden": 6, "config.embedding": 4, "steps": 2}
    zoo.train("rnn-lm", folder, out=tmp_path / "mine", progress=False, dataset="seqgan-oracle", batch_size=8, **small)
    (record,) = zoo.evaluate(str(tmp_path / "mine"), folder, metrics=["oracle-nats"])
    held_out = data.load("seqgan-oracle", folder, "test", shape=(5,), model=zoo.load(str(tmp_path / "mine")))
    assert held_out.images.shape == (30, 5)
    assert record.args["floor"] == pytest.approx(by_hand(arrays, (held_out.images - 2).numpy()).mean(), abs=1e-3)


def test_fewer_words_than_it_has_will_not_do(folder):
    with pytest.raises(errors.DataError, match=r"has 7 words. Set config.words=7"):
        data.load("seqgan-oracle", folder, "train", shape=(5,), model=zoo.create("rnn-lm", length=5, words=6))


class Program:
    """What runs a program when it is read."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_nothing_in_it_is_run(folder, tmp_path):
    (folder / published.FILES[0]).write_bytes(pickle.dumps([Program(tmp_path / "trace")], protocol=4))
    with pytest.raises(errors.DataError, match=r"asks for .*mkdir, which is no array"):
        published.weights(folder)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("spoil", ["cut", "text", "empty", "other"])
def test_a_damaged_file_is_told_with_what_to_do(arrays, folder, spoil):
    file = folder / published.FILES[0]
    whole = file.read_bytes()
    other = pickle.dumps([*arrays[:-1], arrays[0]], protocol=4)
    file.write_bytes({"cut": whole[:-99], "text": b"<html>not found", "empty": b"", "other": other}[spoil])
    with pytest.raises(errors.DataError, match=r"target_params_py3.pkl (holds no|has arrays).*or fetch https://raw"):
        published.weights(folder)


def test_what_is_not_there_is_told_with_where_to_get_it(tmp_path):
    with pytest.raises(errors.DataError, match=r"has no target_params_py3.pkl. Pass --data a folder, with --download"):
        published.weights(tmp_path)


@pytest.fixture
def server(folder, monkeypatch):
    """Serves the authors' file on loopback."""
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    monkeypatch.setattr(published, "URL", f"http://127.0.0.1:{serving.server_port}/{published.FILES[0]}")
    monkeypatch.setattr(published, "MD5", hashlib.md5((folder / published.FILES[0]).read_bytes()).hexdigest())
    yield serving
    serving.shutdown()
    serving.server_close()


def test_it_is_fetched_once(server, arrays, tmp_path):
    there = tmp_path / "new"
    for _ in range(2):
        found = published.weights(there, download=True)
        assert torch.equal(found["words.weight"], torch.from_numpy(arrays[0]))
        server.shutdown()  # the second time nobody is asked


def test_what_is_fetched_and_is_another_file_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MD5", "0" * 32)
    with pytest.raises(errors.DataError, match="could not be fetched into"):
        published.weights(tmp_path / "new", download=True)


def test_a_server_that_is_not_there_is_told(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(errors.DataError, match="could not be fetched into"):
        published.weights(tmp_path / "new", download=True)
