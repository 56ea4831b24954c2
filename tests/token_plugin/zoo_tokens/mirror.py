"""Lines read backwards: what translates samples of a space that zoo does not know."""

from zoo_tokens.bigram import Bigram


class Mirror(Bigram):
    """A bigram model that translates a line into the same line read backwards."""

    deterministic = True

    def forward(self, lines):
        return lines.flip(1)

    def portrait(self, data):
        return self.space.preview(self.translate(data.images[:3], seed=0))

    def _translate(self, lines, noise, temperature):
        return self(lines)
