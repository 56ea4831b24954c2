"""Models of sentences outside of Python: word after word is one step of a graph, compared with the model as it is
written, and its ports say what numbers stand for."""

import pytest
import torch

import zoo

VOCABULARY = "the a cat dog sees ￭."
SIZES = {"length": 4, "vocabulary": VOCABULARY, "embedding": 4}
MODELS = {
    "rnn-lm": ("generate", {"hidden": 6}),
    "vae-text": ("decode", {"hidden": 6, "latent_dim": 3}),
    "denoising-lm": ("translate", {"heads": 2, "layers": 1}),
    "seq2seq": ("translate", {"hidden": 6, "encoder": 3, "source_length": 3, "source_vocabulary": VOCABULARY}),
}


@pytest.mark.skipif(not hasattr(torch.compiler, "is_exporting"), reason="this torch does not say that it exports")
@pytest.mark.parametrize("name", MODELS)
def test_a_program_writes_what_the_model_writes(name, made, tmp_path):
    method, sizes = MODELS[name]
    model = made(name, **SIZES, **sizes)
    program = zoo.export.write(model, tmp_path / "model.pt2", method)
    assert program.output.shape == ("batch", 4)
    assert program.output.about["written"] == ["", "_", "the", "a", "cat", "dog", "sees", "￭."]
    assert program.output.about["range"] == [0, 7]
    if method == "translate":
        assert program.inputs[0].about["indices"] == {"end": 0, "unknown": 1, "first": 2}


def test_of_a_graph_the_temperature_may_be_0(made, tmp_path):
    model, path = made("rnn-lm", **SIZES, hidden=6), tmp_path / "model.pt2"
    written = zoo.export.write(model, path, "generate")
    program = torch.export.load(path).module()
    given = {port.name: torch.rand(5, *port.shape[1:]) for port in written.inputs if port.kind == "noise"}
    with torch.no_grad():
        made_of_it = program({**given, "temperature": torch.zeros(())})
    assert torch.equal(made_of_it, model.generate(5, seed=0, temperature=0.0))
