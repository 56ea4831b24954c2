"""What of each architecture can be a graph, and what the graph's inputs and outputs are called."""

import pytest
import torch
from small_models import BUILT_IN, SMALL, small

from zoo.errors import CapabilityError, ExportError, InvalidInput
from zoo.export.graphs import METHODS, Graph, Port, traced
from zoo.model import Model
from zoo.noise import EarlierNoise, Noise

GAN = {"generate", "decode"}
AUTOENCODER = {"generate", "decode", "encode"}
TRANSLATOR = {"translate"}
DENSITY = {"generate", "decode", "encode", "log_prob"}  # of vectors; of images without the last
EXPORTS = {
    **dict.fromkeys(
        (
            *("acgan", "biggan-deep", "biggan-lite", "cgan", "cogan", "dcgan", "ebgan", "gan", "gan-int-cls", "progan"),
            *("stackgan", "stackgan-v1", "stylegan-lite", "stylegan2", "wgan", "wgan-gp"),
        ),
        GAN,
    ),
    **dict.fromkeys(
        (
            *("autoencoder", "contractive-autoencoder", "conv-autoencoder", "linear-autoencoder", "sparse-autoencoder"),
            *("vae", "vae-gan", "wae", "glow", "nice", "realnvp"),
        ),
        AUTOENCODER,
    ),
    **dict.fromkeys(("context-encoder", "cyclegan", "pix2pix", "srgan", "srresnet"), TRANSLATOR),
    **dict.fromkeys(("flow-2d", "iaf", "maf", "planar"), DENSITY),
    "denoising-autoencoder": AUTOENCODER | TRANSLATOR,
    "infogan": AUTOENCODER | {"classify"},
    "vq-vae": {"decode", "encode"},
}
# Of the small models the first, but where the second is of images with more than one scale or more than two pixels.
CHOSEN = {name: SMALL[name][1 if name in ("nice", "glow", "realnvp") else 0] for name in BUILT_IN}
VOCABULARY = ["red", "green", "blue"]


def made(name, perturbed, **config):
    return perturbed(small(name, **(config or CHOSEN[name]))())


def test_the_table_is_of_every_architecture():
    assert sorted(EXPORTS) == sorted(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_an_architecture_exports(name, perturbed):
    """A program made with three samples gives for one and for five what torch gives."""
    model = made(name, perturbed).fuse()
    for method in sorted(model.capabilities() & set(METHODS)):
        if method not in EXPORTS[name]:
            with pytest.raises(ExportError, match=rf"^{method} of {name} [^\n]*\.$"):
                program_of(model, method)
            continue
        if method == "decode" and "generate" in EXPORTS[name] and type(model)._generate is Model._generate:
            Graph(model, method, {})  # the whole of which the program of generate holds
            continue
        graph, program = program_of(model, method)
        for n in (1, 5):
            given, expected = graph.run(graph.example(n, n), n, n)
            assert [port.name for port in graph.inputs] == list(given)
            with torch.no_grad():
                torch.testing.assert_close(program(given), expected, rtol=1e-4, atol=1e-4)
    assert EXPORTS[name] <= model.capabilities()


def program_of(model, method):
    graph = Graph(model, method, {})
    return graph, traced(graph, graph.run(graph.example(3, 0), 0, 3)[0]).module()


def ports(model, method, **options):
    graph = Graph(model, method, options)
    graph.run(graph.example(3, 0), 0, 3)
    return [port.to_dict() for port in graph.inputs], graph.output


def test_inputs_of_a_conditional_gan(perturbed):
    model = made("cgan", perturbed, image_size=8, width=4, latent_dim=5, classes=("cat", "dog"))
    inputs, output = ports(model, "generate")
    normal = {"name": "noise", "kind": "noise", "dtype": "float32", "shape": ["batch", 5], "distribution": "normal"}
    labels = {"name": "condition", "kind": "condition", "dtype": "int64", "shape": ["batch"], "condition": "label"}
    warmth = {"name": "temperature", "kind": "option", "dtype": "float32", "shape": [], "range": [0, None]}
    assert inputs == [
        normal,
        {**labels, "range": [0, 1], "classes": ["cat", "dog"]},
        {**warmth, "default": 1.0},
    ]
    about = {"space": "images", "range": [0.0, 1.0]}
    assert output == Port("images", "image", "float32", ("batch", 1, 8, 8), about)
    latents, _ = ports(model, "decode")
    assert [(port["name"], port["kind"]) for port in latents] == [("latents", "latent"), ("condition", "condition")]


def test_texts_are_indices_of_words(perturbed):
    (noise, texts, _), _ = ports(made("stackgan", perturbed), "generate")
    assert noise["kind"] == "noise"
    assert (texts["shape"], texts["dtype"], texts["range"]) == (["batch", 5], "int64", [0, 4])
    assert (texts["vocabulary"], texts["indices"]) == (VOCABULARY, {"end": 0, "unknown": 1, "first": 2})


def test_every_draw_is_an_input_of_its_own(perturbed):
    inputs, _ = ports(made("infogan", perturbed), "generate")
    drawn = {port["name"]: (port["distribution"], port.get("range")) for port in inputs if port["kind"] == "noise"}
    assert drawn == {
        "noise_1": ("integers", [0, 9]),
        "noise_2": ("uniform", [0, 1]),
        "noise_3": ("normal", None),
    }


def test_noise_of_a_seed_is_that_of_the_model(perturbed):
    model = made("dcgan", perturbed)
    for kind in (Noise, EarlierNoise):
        model.noise_class = kind
        given, _ = Graph(model, "generate", {}).run({}, 3, 2)
        assert torch.equal(given["noise"], kind(3, 0, 2).normal(*model.latent_shape))


def test_of_a_translator_the_size_is_open(perturbed):
    model = made("srresnet", perturbed)
    (sources,), output = ports(model, "translate")
    assert (sources["name"], sources["kind"], sources["shape"]) == ("sources", "image", ["batch", 3, "height", "width"])
    assert (sources["multiple"], sources["smallest"]) == (1, 1)
    assert output.shape == ("batch", 3, "4*height", "4*width")


def test_options_are_fixed(perturbed):
    model = made("cyclegan", perturbed)
    first, second = (Graph(model, "translate", {"to": domain}) for domain in model.domains)
    given = first.example(2, 0)
    assert not torch.equal(first.run(given, 0, 2)[1], second.run(given, 0, 2)[1])
    with pytest.raises(InvalidInput, match="unknown option 'too'"):
        Graph(model, "translate", {"too": "b"})


def test_what_is_refused(perturbed):
    dcgan = made("dcgan", perturbed)
    with pytest.raises(ExportError, match=r"^encode of dcgan is a search by optimisation and no graph\."):
        Graph(dcgan, "encode", {})
    with pytest.raises(
        ExportError, match=r"^log_prob of vae cannot be exported: only exact densities can, and not of images"
    ):
        Graph(made("vae", perturbed), "log_prob", {})
    maf = made("maf", perturbed, image_shape=(1, 9, 9), hidden=(8,))
    with pytest.raises(ExportError, match=r"^decode of maf finds 81 numbers one after another.* Export encode\.$"):
        Graph(maf, "decode", {})
    assert Graph(maf, "encode", {})
    iaf = made("iaf", perturbed, image_shape=(1, 9, 9), hidden=(8,))
    with pytest.raises(ExportError, match=r"^encode of iaf finds 81 numbers one after another.* Export decode\.$"):
        Graph(iaf, "encode", {})
    assert Graph(iaf, "generate", {})
    with pytest.raises(CapabilityError, match="dcgan has no translate"):
        Graph(dcgan, "translate", {})
    with pytest.raises(ExportError, match=r"^dcgan is in torch\.float64 on cpu\. Load it in float32"):
        Graph(dcgan.double(), "decode", {})


def test_what_draws_noise_too_often_is_refused(perturbed):
    """As a Gibbs chain does, with a step for each draw."""
    graph = Graph(made("dcgan", perturbed), "generate", {})

    def drawing(times):
        graph.hook = lambda model, noise, condition, temperature: sum(noise.uniform(1) for _ in range(times))
        return graph.run({}, 0, 2)

    with pytest.raises(ExportError, match=r"^generate of dcgan draws noise 65 times, .* Export another method.*\.$"):
        drawing(65)
    assert len([name for name in drawing(64)[0] if name.startswith("noise")]) == 64


def test_what_decides_by_its_numbers_is_refused_in_our_words_alone(perturbed, capfd):
    """As a search does that ends when it is near enough; of what torch has traced until then nothing is printed."""
    graph = Graph(made("dcgan", perturbed), "decode", {})
    graph.hook = lambda model, z, condition: z if (z > 0).any() else -z
    with pytest.raises(ExportError) as told:
        traced(graph, graph.run(graph.example(3, 0), 0, 3)[0])
    assert str(told.value) == (
        "decode of dcgan cannot be exported: what it does next depends on numbers that it has computed, and a graph "
        "does the same for all."
    )
    assert capfd.readouterr() == ("", "")
