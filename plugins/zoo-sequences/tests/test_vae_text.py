import pytest
import torch
from zoo_sequences.vae_text import kl

import zoo
from zoo.plugin import Batch, errors

SMALL = {"length": 3, "vocabulary": "a b", "embedding": 5, "hidden": 6, "latent_dim": 1}


def exact(model, sentences):
    """ln p(x) by quadrature over the one number of z."""
    grid = torch.linspace(-7, 7, 400)
    prior = torch.distributions.Normal(0, 1).log_prob(grid)
    with torch.no_grad():
        rows = []
        for z, weight in zip(grid, prior, strict=True):
            logits = model.words.logits(model.features(z.expand(len(sentences), 1), sentences))
            logits[:, 0, 0] = -torch.inf
            chosen = logits.log_softmax(2).gather(2, sentences[:, :, None])[:, :, 0]
            seen = torch.cat([torch.ones(len(sentences), 1), (sentences[:, :-1] != 0).float()], 1)
            rows.append(torch.where(seen.bool(), chosen, 0).sum(1) + weight)
        return torch.stack(rows).double().logsumexp(0) + (grid[1] - grid[0]).double().log()


def test_the_bound_lies_below_and_comes_near(made, every):
    model = made("vae-text", **SMALL)
    sentences = every(model.space)
    truth = exact(model, sentences)
    assert truth.exp().sum().item() == pytest.approx(1, abs=1e-4)
    bounds = [torch.stack([model.log_prob(sentences, seed=s, samples=k) for s in range(20)]).mean(0) for k in (1, 100)]
    assert bool((bounds[0] <= truth + 0.2).all())  # but for the noise of 20 draws
    assert bounds[0].mean() < bounds[1].mean() < truth.mean() + 0.01
    assert torch.allclose(bounds[1].double(), truth, atol=0.15)
    with pytest.raises(errors.InvalidInput, match="samples"):
        model.log_prob(sentences, samples=0)


def test_the_divergence_is_that_of_normal_distributions():
    mean, spread = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, 2.0]])
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, spread), normal(0, 1)).sum(1)
    assert torch.allclose(kl(mean, spread), expected)


def test_the_weight_of_the_divergence_rises(made):
    model = made("vae-text", **SMALL)
    objective = model.objective_class.create(model, annealing=10)
    weights = []
    for objective.step in (0, 5, 10, 99):
        weights.append(objective.weight)
    assert weights == [0, 0.5, 1, 1]


def test_what_is_hidden_from_the_decoder_is_still_to_be_predicted(made, monkeypatch):
    model = made("vae-text", **SMALL).train()
    objective, shown = model.objective_class.create(model, word_dropout=1.0, annealing=0), []
    usual = model.features
    monkeypatch.setattr(model, "features", lambda z, x: shown.append(x) or usual(z, x))
    x = model.space.coerce(["a b", "b"])
    with torch.random.fork_rng():
        ((_, loss),) = objective.updates(Batch(x))
    assert shown[0].tolist() == [[1, 1, 0], [1, 0, 0]]
    assert loss.item() == pytest.approx(
        (objective.observed["nats"] + objective.observed["kl"] * 2 / 5).item(), rel=1e-5
    )


def test_padding_changes_nothing(made):
    model, longer = made("vae-text", **SMALL), made("vae-text", **{**SMALL, "length": 7})
    longer.load_state_dict(model.state_dict())
    for what in ("encode", "log_prob"):
        assert torch.allclose(getattr(model, what)(["a", "b a"]), getattr(longer, what)(["a", "b a"]), atol=1e-5)


def test_what_is_decoded_is_read_word_by_word(made):
    model = made("vae-text", **SMALL, seed=1)
    z = torch.linspace(-3, 3, 9)[:, None]
    sentences = model.decode(z)
    logits = model.words.logits(model.features(z, sentences))
    logits[:, :, 1], logits[:, 0, 0] = -torch.inf, -torch.inf
    seen = torch.cat([torch.ones(9, 1, dtype=torch.bool), sentences[:, :-1] != 0], 1)
    assert torch.equal(logits.argmax(2)[seen], sentences[seen])


def test_training_learns_codes_of_sentences_where_the_weight_rises(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(f"the {a} sees the {b}." for a in ("cat", "dog") for b in ("cat", "dog", "man")) + "\n")
    known, found = lines.read_text().splitlines(), []
    for annealing in (1000, 0):
        small = {"config.length": 8, "config.embedding": 12, "config.hidden": 24, "config.latent_dim": 4}
        small |= {"batch_size": 6, "objective.learning_rate": 0.02, "objective.annealing": annealing}
        small |= {"steps": 250, "objective.word_dropout": 0.8}
        model = zoo.train("vae-text", str(lines), progress=False, **small)
        with torch.no_grad():
            nats = kl(*model.posterior(model.space.coerce(known))).mean().item()
        found.append((nats, len(set(model.space.lines(model.decode(model.encode(known))))) / len(known)))
    assert found[0][0] > 1  # ln 6 = 1.79 tell the sentences apart
    assert found[0][1] > 0.5
    assert found[1][0] < 0.1, "with the whole weight from the beginning the codes collapse"
    assert found[1][1] < 0.5
