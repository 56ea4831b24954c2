"""Checkpoints of other repositories with what their own code computes, converted."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from zoo_convert.converting import convert

FIXTURES = Path(__file__).parent / "fixtures"
CLOSE = 1e-5  # largest difference that is tolerated, of numbers of about 1; as a share of larger ones


def reference(name, layout=None, **given):
    """The converted checkpoint of a layout's fixture and the tensors of its code; guessed as it is named, unless the
    fixture is one of another `layout`."""
    files = sorted((FIXTURES / name).glob("*.pth"))
    if layout:
        return convert(files, layout, given), load_file(FIXTURES / name / "expected.safetensors")
    layout = name.partition("+")[0]
    named, guessed = convert(files, layout, given), convert(files, None, given)
    assert named.fit.layout.name == guessed.fit.layout.name == layout
    for one, other in zip(named.model.state_dict().values(), guessed.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    return named, load_file(FIXTURES / name / "expected.safetensors")


def difference(got, expected):
    """The largest difference, as a share of 1 or of the largest number, and that it is small."""
    assert got.shape == expected.shape
    largest = ((got - expected).abs().max() / expected.abs().max().clamp_min(1)).item()
    assert largest <= CLOSE, f"{largest:.3g} apart"
    return largest
