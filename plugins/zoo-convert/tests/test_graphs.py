"""ONNX graphs: initialisers that keep a state dict's names, and those that an exporter made."""

import sys

import numpy
import onnx
import pytest
import torch
from reference import FIXTURES
from zoo_convert.converting import convert

from zoo.plugin import errors

DCGAN = FIXTURES / "pytorch-examples-dcgan" / "checkpoint.pth"


def exported(path, **more):
    """A graph with the generator's tensors, without the counters, as exporters leave them out."""
    state = torch.load(DCGAN, weights_only=True)
    arrays = {key: each.numpy() for key, each in state.items() if not key.endswith("tracked")} | more
    initialisers = [onnx.numpy_helper.from_array(each, key) for key, each in arrays.items()]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "main", [], [], initialisers)), path)
    return path


def test_tensors_are_those_of_the_checkpoint_and_constants_are_left_out(tmp_path):
    path = exported(tmp_path / "netG.onnx", val_3=numpy.array([1, -1]), val_4=numpy.float32(0.5))
    expected = convert([DCGAN]).model.state_dict()
    for key, tensor in convert([path]).model.state_dict().items():
        assert torch.equal(tensor, expected[key])


@pytest.mark.parametrize("name", ["onnx::Conv_51", "148", "val_4"])
def test_layers_that_an_exporter_joined_are_refused_by_name(tmp_path, name):
    path = exported(tmp_path / "netG.onnx", **{name: numpy.ones((3, 2), "float32")})
    with pytest.raises(
        errors.DataError, match=rf"netG\.onnx: {name} are the exporter's own, .*optimize=False, external_data=False"
    ):
        convert([path])


def test_numbers_of_sixteen_bits(tmp_path):
    weight = torch.load(DCGAN, weights_only=True)["main.0.weight"]
    initialiser = onnx.helper.make_tensor("main.0.weight", onnx.TensorProto.BFLOAT16, weight.shape, weight.flatten())
    path = exported(tmp_path / "netG.onnx")
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(initialiser)
    onnx.save(model, path)
    assert torch.equal(convert([path]).model.generator[0].weight, weight.bfloat16().float())


def test_weights_beside_a_graph_are_refused_and_not_read(tmp_path):
    path = exported(tmp_path / "netG.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="netG.data", size_threshold=1000)
    (tmp_path / "netG.data").unlink()
    with pytest.raises(errors.DataError, match=r"main\.0\.weight.* in another file; .*external_data=False\)$"):
        convert([path])


def strings(graph):
    graph.initializer.append(onnx.helper.make_tensor("labels", onnx.TensorProto.STRING, [1], [b"cat"]))


def twice(graph):
    graph.initializer.append(onnx.numpy_helper.from_array(numpy.ones(4, "float32"), "main.1.bias"))


def sparse(graph):
    values = onnx.numpy_helper.from_array(numpy.ones(1, "float32"), "head.weight")
    places = onnx.numpy_helper.from_array(numpy.zeros(1, "int64"), "places")
    graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, [4]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (strings, "labels is of strings"),
        (twice, r"main\.1\.bias is there more than once"),
        (sparse, r"head\.weight is sparse"),
    ],
)
def test_what_is_no_array_in_the_graph_is_refused_by_name(tmp_path, change, told):
    path = exported(tmp_path / "netG.onnx")
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)
    with pytest.raises(errors.DataError, match=rf"netG\.onnx: {told}; expected arrays of numbers"):
        convert([path])


def test_a_damaged_graph_and_one_without_onnx(tmp_path, monkeypatch):
    path = exported(tmp_path / "netG.onnx")
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(errors.DataError, match=r"netG\.onnx is damaged"):
        convert([path])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(errors.MissingExtra, match=r"pip install 'zoo-convert\[onnx\]'"):
        convert([path])
