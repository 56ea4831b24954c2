"""How a model shows itself."""

import torch

import zoo


def model():
    return zoo.create("dcgan", image_size=8, width=2, latent_dim=4)


def test_a_line_says_what_it_is_and_can():
    line = repr(model())
    assert line.startswith("DCGAN('dcgan': ")
    assert "can decode, encode, generate" in line
    assert line.endswith("float32 on cpu)")


def test_a_table_for_notebooks_says_the_same():
    made = model().to(torch.bfloat16)
    count = sum(parameter.numel() for parameter in made.parameters())
    table = made._repr_html_()
    assert table.startswith("<table><caption>dcgan</caption>")
    assert table.count("<tr>") == table.count("</tr>")
    for words in ("decode, encode, generate", f"{count:,}", "bfloat16 on cpu"):
        assert f"{words}</td>" in table
    assert "trained on" not in table


def test_a_release_tells_its_data_and_its_first_number_and_names_are_no_html():
    made = zoo.load("flow-2d-two-moons")
    assert "trained on</th>" in made._repr_html_()
    assert "two-moons</td>" in made._repr_html_()
    assert str(made.provenance.metrics[0]["name"]) in made._repr_html_()
    object.__setattr__(made.provenance, "release", "<script>")
    assert "<script>" not in made._repr_html_()
