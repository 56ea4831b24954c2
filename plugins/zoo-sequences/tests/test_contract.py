import zoo
from zoo.testing import parametrize_with_checks

SMALL = {"length": 4, "vocabulary": "a b c d", "embedding": 5, "hidden": 6}
MODELS = [
    "rnn-lm-captions",
    "c-rnn-gan-nottingham",
    "seqgan-captions",
    "denoising-lm-captions",
    "vae-text-captions",
    "organ-melody",
    "seq2seq-english-french",
    zoo.create("rnn-lm", **SMALL),
    zoo.create("seqgan", **SMALL),
    zoo.create("rankgan", **SMALL),
    zoo.create("denoising-lm", length=4, vocabulary="a b c d", embedding=4, layers=1, heads=2),
    zoo.create("vae-text", **SMALL, latent_dim=2),
    zoo.create("c-rnn-gan", length=4, latent_dim=3, hidden=6),
    zoo.create("organ", length=4, vocabulary="60/24/0 62/12/6 64/3/0 55/24/0", embedding=5, hidden=6),
    zoo.create("seq2seq", **SMALL, source_vocabulary="e f", source_length=3, encoder=4),
]


@parametrize_with_checks(MODELS)
def test_contract(model, check):
    check(model)
