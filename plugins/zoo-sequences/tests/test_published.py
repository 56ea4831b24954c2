import hashlib
import os
import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import numpy as np
import pytest
import torch
from zoo_sequences import oracle, published
from zoo_sequences.oracle import Oracle

import zoo
from zoo.plugin import data, errors

PLACES, TRUE_SHAPES = published.PLACES, published.SHAPES
WORDS, UNITS = 7, published.UNITS
SHAPES = ((WORDS, UNITS), *(published.GATE * 4), (UNITS, WORDS), (WORDS,))


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]


@pytest.fixture(autouse=True)
def content(arrays, monkeypatch):
    """The authors' file, were their oracle one of 7 words, with splits of 40 and 30 sentences."""
    content, places = b"before", []
    for array in arrays:
        places.append(len(content))
        content += array.tobytes() + b"between"
    for name, value in (("WORDS", WORDS), ("SHAPES", SHAPES), ("PLACES", places)):
        monkeypatch.setattr(published, name, value)
    monkeypatch.setattr(published, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(oracle, "SIZES", {"train": 40, "test": 30})
    yield content
    oracle._published.cache_clear()


@pytest.fixture
def folder(content, tmp_path):
    """One with the authors' file."""
    (tmp_path / published.FILE).write_bytes(content)
    return tmp_path


def test_the_numbers_lie_one_after_another_to_the_end_of_the_file():
    ends = [place + 4 * int(np.prod(shape)) for place, shape in zip(PLACES, TRUE_SHAPES, strict=True)]
    assert all(end < place for end, place in zip(ends, PLACES[1:], strict=False))
    assert all(before < after for before, after in pairwise(PLACES))
    assert ends[-1] == 1_334_000 - 8  # of its bytes


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


def test_it_is_found_by_its_folder_and_by_its_name(arrays, content, tmp_path):
    (tmp_path / "mine.pkl").write_bytes(content)
    (tmp_path / published.FILE).write_bytes(content)
    for root in (tmp_path, tmp_path / "mine.pkl"):
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


def test_another_file_is_refused_and_nothing_in_it_is_run(folder, tmp_path):
    (folder / published.FILE).write_bytes(pickle.dumps(Program(tmp_path / "trace")))
    with pytest.raises(errors.DataError, match=r"is not the file that .* or fetch https://raw"):
        published.weights(folder)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("spoil", ["cut", "longer", "empty", "other"])
def test_a_damaged_file_is_refused(content, folder, spoil):
    other = content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]
    spoilt = {"cut": content[:-99], "longer": content + b".", "empty": b"", "other": other}
    (folder / published.FILE).write_bytes(spoilt[spoil])
    with pytest.raises(errors.DataError, match=r"target_params_py3.pkl is not the file"):
        published.weights(folder)


def test_what_is_not_there_is_told_with_where_to_get_it(tmp_path):
    with pytest.raises(errors.DataError, match=r"has no target_params_py3.pkl. Pass --data a folder, with --download"):
        published.weights(tmp_path)
    (tmp_path / published.FILE).mkdir()
    with pytest.raises(errors.DataError, match=r"could not be read \(Is a directory\)"):
        published.weights(tmp_path)


@pytest.fixture
def server(folder, monkeypatch):
    """Serves the authors' file on loopback."""
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    monkeypatch.setattr(published, "URL", f"http://127.0.0.1:{serving.server_port}/{published.FILE}")
    yield serving
    serving.shutdown()
    serving.server_close()


def test_it_is_fetched_once(server, arrays, tmp_path):
    there = tmp_path / "new" / "folder"
    for _ in range(2):
        found = published.weights(there, download=True)
        assert torch.equal(found["words.weight"], torch.from_numpy(arrays[0]))
        server.shutdown()  # the second time nobody is asked


def test_of_what_is_fetched_and_is_another_file_nothing_stays(server, folder, tmp_path):
    (folder / published.FILE).write_bytes(b"another")
    for _ in range(2):
        with pytest.raises(errors.DataError, match="could not be fetched to"):
            published.weights(tmp_path / "new", download=True)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("answer", [b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nless", b"no answer"])
def test_what_breaks_off_is_told(server, tmp_path, monkeypatch, answer):
    monkeypatch.setattr(SimpleHTTPRequestHandler, "handle", lambda self: self.wfile.write(answer))
    with pytest.raises(errors.DataError, match="could not be fetched to"):
        published.weights(tmp_path / "new", download=True)


def test_a_server_that_is_not_there_is_told(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(errors.DataError, match="could not be fetched to"):
        published.weights(tmp_path / "new", download=True)
