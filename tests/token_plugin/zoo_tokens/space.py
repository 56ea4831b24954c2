"""The space of sequences of tokens: whole numbers (n, length), letters in files, a line for each."""

import dataclasses
from typing import ClassVar

import torch
from PIL import Image, ImageDraw

from zoo.plugin import Space, errors


@dataclasses.dataclass(frozen=True)
class Tokens(Space):
    alphabet: str = "abc"

    name = "tokens"
    noun = "line"
    suffixes: ClassVar = (".txt",)
    scattered = False
    categorical = True
    spoken = True

    def check(self, samples):
        if not isinstance(samples, torch.Tensor) or samples.dtype != torch.int64:
            raise errors.InvalidInput(f"tokens came as {getattr(samples, 'dtype', type(samples))}; expected int64.")
        if samples.shape[1:] != self.shape or not len(samples):
            raise errors.InvalidInput(f"tokens came with shape {tuple(samples.shape)}; expected (n, {self.shape[0]}).")
        if not self.contains(samples):
            raise errors.InvalidInput(f"tokens are 0 … {len(self.alphabet) - 1}.")
        return samples

    def contains(self, samples):
        return bool(((samples >= 0) & (samples < len(self.alphabet))).all())

    def read(self, paths):
        names, rows = [], []
        for path in paths:
            for number, line in enumerate(path.read_text().split(), 1):
                if len(line) != self.shape[0] or set(line) - set(self.alphabet):
                    raise errors.DataError(
                        f"{path}:{number} is {line!r}; expected {self.shape[0]} letters of {self.alphabet}."
                    )
                names.append(f"{path}:{number}")
                rows.append([self.alphabet.index(letter) for letter in line])
        if not rows:
            raise errors.DataError("there are no lines. Name other files.")
        return names, torch.tensor(rows)

    def lines(self, samples):
        return ["".join(self.alphabet[token] for token in row) for row in samples.tolist()]

    def write(self, samples, path, *, columns=None):
        if path.suffix not in self.suffixes:
            raise errors.InvalidInput(f"{path} is no .txt.")
        path.write_text("\n".join(self.lines(samples)) + "\n")
        return f"{path} ({len(samples)} lines)"

    def preview(self, samples, *, columns=None):
        picture = Image.new("L", (8 * self.shape[0] + 8, 12 * len(samples) + 8), 255)
        ImageDraw.Draw(picture).multiline_text((4, 4), "\n".join(self.lines(samples)), fill=0)
        return picture

    def example(self, n, noise):
        return (len(self.alphabet) * noise.uniform(*self.shape)).long()

    def opposite(self, samples):
        return (samples + 1) % len(self.alphabet)
