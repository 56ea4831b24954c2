"""Export files: ONNX and programs, run again and compared, and nothing written where they differ."""

import json
import sys

import pytest
import torch
from small_models import small

import zoo
from zoo import export, golden
from zoo.errors import ExportError, InvalidInput, MissingExtra, Widened
from zoo.export import onnx_files
from zoo.export.graphs import Graph, traced
from zoo.releases import files, find

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

# A method of each family, with operators of its own: transposed convolutions and word embeddings, modulated ones,
# couplings and a fused inverse, float64 columns, instance norms and open sides, the bicubic enlargement.
WRITTEN = {
    "cgan": ("generate", {"image_size": 8, "width": 4}),
    "stylegan2": ("generate", {"widths": (4, 4), "latent_dim": 4, "mapping_layers": 2}),
    "stylegan-lite": ("generate", {"widths": (4, 4), "latent_dim": 4, "mapping_layers": 2}),
    "glow": ("decode", {"image_shape": (1, 4, 4), "levels": 2, "steps": 1, "width": 8}),
    "maf": ("log_prob", {"layers": 2, "hidden": (8, 8)}),
    "cyclegan": ("translate", {"image_shape": (3, 24, 24), "width": 2, "blocks": 1}),
    "srresnet": ("translate", {"image_shape": (3, 16, 16), "width": 4, "blocks": 1}),
}
QUICK = ("cgan", "maf")  # the others by -m long: the exporter takes seconds for them


@pytest.fixture(scope="module", autouse=True)
def one_registry():
    """The exporter looks all operators up anew for every file, which takes most of its time."""
    from torch.onnx._internal.exporter import _registration

    made = _registration.ONNXRegistry.from_torchlib()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_registration.ONNXRegistry, "from_torchlib", lambda *args, **keywords: made)
        yield


@pytest.fixture
def dcgan(perturbed):
    return perturbed(small("dcgan", image_size=8, width=8)())


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in WRITTEN]
)
def test_onnx(name, perturbed, tmp_path):
    method, config = WRITTEN[name]
    model, path = perturbed(small(name, **config)(), 0.05), tmp_path / "model.onnx"
    made = export.write(model, path, method, dtype="float32")
    assert (made.method, made.dtype, made.size) == (method, "float32", path.stat().st_size)
    assert list(made.differences) == ["n = 1", "n = 5"]
    absolute, relative = golden.TOLERANCE[method]
    assert max(made.differences.values()) <= absolute + 20 * max(relative, absolute)
    about = json.loads(metadata(path)["zoo"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for told, found in (
        *zip(about["inputs"], session.get_inputs(), strict=True),
        *zip(about["outputs"], session.get_outputs(), strict=True),
    ):
        assert (told["name"], told["shape"]) == (found.name, found.shape)


def test_another_program_draws_the_same_images_of_the_same_noise(dcgan, tmp_path):
    export.write(dcgan, tmp_path / "model.onnx", dtype="float32")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    noise = zoo.latent.Noise(7, 0, 4).normal(*dcgan.latent_shape)
    warm = torch.tensor(0.5)
    (images,) = session.run(["images"], {"noise": noise.numpy(), "temperature": warm.numpy()})
    expected = dcgan.generate(4, seed=7, temperature=0.5)
    torch.testing.assert_close(torch.from_numpy(images), expected, rtol=0, atol=1e-5)


def test_a_release_with_its_golden_file_and_its_metadata(release, tmp_path):
    model, path = zoo.load(release), golden.write(zoo.load(release), tmp_path / "golden.safetensors")
    made = export.write(model, tmp_path / "model.onnx", "decode", golden=path, license="mit")
    assert list(made.differences) == ["golden", "n = 1", "n = 5"]
    about = metadata(tmp_path / "model.onnx")
    assert (about["name"], about["sha256"], about["license"]) == (model.name, model.provenance.sha256, "mit")
    assert (about["architecture"], about["space"], about["dtype"]) == ("dcgan", "images (3, 8, 8)", "float16")
    # Nothing of the machine that it was written on.
    content = (tmp_path / "model.onnx").read_bytes()
    assert str(onnx_files.__file__).rpartition("/")[0].encode() not in content
    assert b".py" not in content


def test_golden_inputs_of_which_another_result_is_noted(release, tmp_path):
    model, path = zoo.load(release), golden.write(zoo.load(release), tmp_path / "golden.safetensors")
    with torch.no_grad():
        next(model.generator.parameters()).add_(1.0)
    with pytest.raises(ExportError, match=r"differs from torch by up to .* \(golden\); nothing was written"):
        export.write(model, tmp_path / "model.pt2", golden=path)
    assert not (tmp_path / "model.pt2").exists()


def test_float16_takes_half_the_room(dcgan, tmp_path):
    sizes = {
        dtype: export.write(dcgan, tmp_path / f"{dtype}.onnx", "decode", dtype=dtype).size
        for dtype in ("float16", "float32")
    }
    numbers = sum(parameter.numel() for parameter in dcgan.parameters())
    assert sizes["float32"] > 4 * numbers
    assert sizes["float32"] - sizes["float16"] > 1.7 * numbers


def test_weights_that_float16_would_spoil_stay_float32(dcgan, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.export.writing.HALF_LEVEL", 1e-9)
    with pytest.warns(Widened, match=r"decode of dcgan with float16 weights is .* so that they are stored as float32"):
        assert export.write(dcgan, tmp_path / "model.onnx", "decode").dtype == "float32"
    assert metadata(tmp_path / "model.onnx")["dtype"] == "float32"
    with pytest.raises(ExportError, match=r"nothing was written\. Pass dtype=float32"):
        export.write(dcgan, tmp_path / "other.onnx", "decode", dtype="float16")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    "spoil", [lambda result: result + 0.01, lambda result: result[:1], lambda result: result * torch.nan]
)
def test_nothing_is_written_where_the_runtime_gives_something_else(dcgan, tmp_path, monkeypatch, spoil):
    run = onnx_files.Session.__call__
    monkeypatch.setattr(onnx_files.Session, "__call__", lambda self, given: spoil(run(self, given)))
    with pytest.raises(ExportError, match="decode of dcgan as exported"):
        export.write(dcgan, tmp_path / "model.onnx", "decode")
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_torch(dcgan, tmp_path):
    made = export.write(dcgan, tmp_path / "model.pt2", license="mit")
    assert (made.method, made.dtype, max(made.differences.values()) < 1e-5) == ("generate", "float32", True)
    extra = {"zoo.json": ""}
    with (tmp_path / "model.pt2").open("rb") as file:
        program = torch.export.load(file, extra_files=extra).module()
    about = json.loads(extra["zoo.json"])
    assert (about["license"], [port["name"] for port in about["zoo"]["inputs"]]) == ("mit", ["noise", "temperature"])
    noise = zoo.latent.Noise(7, 0, 2).normal(*dcgan.latent_shape)
    with torch.no_grad():
        images = program({"noise": noise, "temperature": torch.tensor(1.0)})
    torch.testing.assert_close(images, dcgan.generate(2, seed=7))


def test_a_program_with_weights_of_no_numbers(perturbed, tmp_path):
    """The first column of an autoregressive layer depends on nothing."""
    made = export.write(perturbed(small("iaf")(), 0.05), tmp_path / "model.pt2", "generate")
    assert max(made.differences.values()) < 1e-5


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("Guard failed: given['sources'].size()[3] // 64 != 1", ExportError, r"cannot be a program: .* as ONNX"),
        (
            "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory",
            RuntimeError,
            "allocate memory",
        ),
    ],
)
def test_a_program_that_takes_only_what_it_was_made_of_is_refused(dcgan, tmp_path, monkeypatch, said, kind, words):
    def module(_):
        def fails(given):
            raise RuntimeError(said)

        return fails

    monkeypatch.setattr(torch.export.ExportedProgram, "module", module)
    with pytest.raises(kind, match=words) as caught:
        export.write(dcgan, tmp_path / "model.pt2")
    assert "Guard" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_program_for_which_there_is_no_room_is_an_error_and_not_the_end(dcgan, tmp_path, little_room):
    """torch's writer, given the file itself, ends the process."""
    path = tmp_path / "model.pt2"
    path.write_bytes(b"former")
    with little_room(2000), pytest.raises(OSError, match=r"model\.pt2"):
        export.write(dcgan, path, "decode")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"former"]


def test_what_is_asked_for_wrongly(dcgan, tmp_path):
    with pytest.raises(InvalidInput, match=r"^'gan-mnist' is no model\. Load it first: zoo\.load\('gan-mnist'\)\.$"):
        export.write("gan-mnist", tmp_path / "a.onnx")
    with pytest.raises(InvalidInput, match=r"ends in '\.pth'; expected a name such as model\.onnx"):
        export.write(dcgan, tmp_path / "model.pth")
    with pytest.raises(InvalidInput, match="dtype='int8'; expected float16, float32"):
        export.write(dcgan, tmp_path / "model.onnx", dtype="int8")
    with pytest.raises(InvalidInput, match="dtype='float16'; expected float32, the only one of programs"):
        export.write(dcgan, tmp_path / "model.pt2", dtype="float16")


@pytest.mark.parametrize(("version", "enough"), [("2.4.1", False), ("2.5.0+cpu", True), ("2.10.0", True)])
def test_torch_is_as_new_as_onnx_files_need(monkeypatch, version, enough):
    monkeypatch.setattr(torch, "__version__", torch.torch_version.TorchVersion(version))
    if enough:
        onnx_files.check_extra()
    else:
        with pytest.raises(MissingExtra, match=r"need torch 2\.5, this is 2\.4\.1\. Install it with: pip install"):
            onnx_files.check_extra()


def test_without_the_extra(dcgan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"ONNX files need onnxruntime\. Install it with: pip install 'generative"):
        export.write(dcgan, tmp_path / "model.onnx")


@pytest.mark.long
@pytest.mark.parametrize("name", zoo.list_models())
def test_every_release(name, tmp_path):
    """Each method that can be exported is, with the golden inputs, in the default type."""
    release = find(name)
    model, path = zoo.load(name), files.optional_file(release, "golden.safetensors")
    for method in sorted(model.capabilities() & set(export.METHODS)):
        if method == "log_prob" and model.space.name != "vectors":
            continue
        if method == "encode" and model.encodes_by == "optimisation":
            continue
        made = export.write(model, tmp_path / f"{method}.onnx", method, golden=path)
        assert made.size == (tmp_path / f"{method}.onnx").stat().st_size


def test_what_onnx_has_no_operator_for_is_named(dcgan):
    graph = Graph(dcgan, "decode", {})
    graph.hook = lambda model, z, condition: torch.searchsorted(torch.linspace(0, 1, 4), z).float()
    program = traced(graph, graph.run(graph.example(3, 0), 0, 3)[0])
    with pytest.raises(ExportError) as told:
        onnx_files.converted(graph, program)
    assert str(told.value) == (
        "decode of dcgan cannot be exported: ONNX has no operator for searchsorted; export a program of torch, "
        "NAME.pt2."
    )


def test_what_a_graph_within_a_node_takes_is_used():
    within = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "weight"], ["y"])], "step", [], [])
    loop = onnx.helper.make_node("Scan", ["rows"], ["last"], body=within, num_scan_inputs=1)
    graph = onnx.helper.make_graph([loop], "all", [], [onnx.helper.make_empty_tensor_value_info("last")])
    assert onnx_files._used(graph) == {"rows", "last", "x", "weight"}
    graph.node[0].attribute[0].g.node[0].doc_string = "/home/somebody"
    onnx_files._clean(graph)
    assert "somebody" not in str(graph)
