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
