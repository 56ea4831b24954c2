import pytest
import torch
from zoo_sequences import _sequence as sequence
from zoo_sequences.tokens import UNKNOWN


def test_what_cannot_come_is_never_drawn():
    logits = torch.tensor([[5.0, 1.0, 1.0, -torch.inf]]).expand(3, -1)
    uniform = torch.tensor([0, 0.5, 1 - 2**-24])
    assert sequence.choose(logits, uniform, 1.0, first=True).tolist() == [1, 2, 2]
    assert sequence.choose(logits, uniform, 1.0, first=True, top_k=2).tolist() == [1, 2, 2]
    assert sequence.choose(sequence.without_unknown(logits), uniform, 1.0, first=True).tolist() == [2, 2, 2]
    assert sequence.choose(logits, uniform, 1.0).tolist() == [0, 0, 2]


@pytest.mark.parametrize("block", [1, 2, 4, 64])
def test_what_is_drawn_in_blocks_is_what_is_chosen(block, monkeypatch):
    monkeypatch.setattr(sequence, "BLOCK", block)
    logits = 3 * torch.randn(9, generator=torch.Generator().manual_seed(0))
    uniform = (torch.arange(2**16) + 0.5) / 2**16  # each as often as its chance says
    for given in (logits, logits.bfloat16()):
        counts = sequence.sampled(given.expand(2**16, -1), uniform).bincount(minlength=9)
        assert torch.allclose(counts / 2**16, given.float().softmax(0), atol=2 / 2**16)
    rows = 9 * torch.randn(500, 9, generator=torch.Generator().manual_seed(1)) + 200
    draws = torch.rand(500, generator=torch.Generator().manual_seed(2))
    for given in (rows, rows.bfloat16()):
        same = sequence.sampled(given, draws) == sequence.choose(given, draws, 1.0)
        assert same.float().mean() > 0.99


def test_where_one_begins_nothing_of_the_one_before_is_left():
    """What is drawn at the border of two may be rounded to either, never to less than nothing of the second."""
    weights = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0))
    ends = weights.cumsum(1)
    place, share = sequence._place(weights, ends[:, 0] / ends[:, 2])
    assert ((place == 0) | (place == 1)).all()
    assert share.min() == 0
    assert share.max() <= 1


def test_of_no_rows_none_are_drawn():
    assert sequence.sampled(torch.zeros(0, 5), torch.zeros(0)).shape == (0,)


@pytest.mark.parametrize("block", [2, 64])
@pytest.mark.parametrize("number", [0, 2**-24, 0.5, 1 - 2**-24, 1.0])
@pytest.mark.parametrize("first", [0, 3, 6])
def test_what_has_no_chance_is_never_drawn_in_blocks(first, number, block, monkeypatch):
    monkeypatch.setattr(sequence, "BLOCK", block)
    logits = torch.full((1, 7), -torch.inf)
    logits[:, first] = 5
    assert sequence.sampled(logits, torch.tensor([number])).tolist() == [first]
    assert sequence.sampled(logits.bfloat16(), torch.tensor([number])).tolist() == [first]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["rnn-lm", "vae-text", "seq2seq", "denoising-lm"])
def test_halves_of_numbers_do(made, name, dtype):
    small = {"length": 3, "vocabulary": "a b", "embedding": 6}
    small |= {"heads": 2} if name == "denoising-lm" else {"hidden": 6}
    small |= {"source_vocabulary": "a b", "source_length": 3} if name == "seq2seq" else {}
    half = made(name, **small).to(dtype)
    drawn = half.generate(9, seed=0) if "generate" in half.capabilities() else half.translate(["_", "a b"])
    assert half.space.contains(drawn)
    assert bool((drawn != UNKNOWN).all())
