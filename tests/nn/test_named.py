import pytest

from zoo.errors import InvalidInput, UnknownName
from zoo.nn.named import network


def test_names_of_networks_are_those_that_are_registered_and_timm_s():
    assert network("grey28").name == "grey28"
    assert network("timm:resnet18") is None
    assert network("timm:resnet18=weights.safetensors") is None
    with pytest.raises(InvalidInput, match=r"timm:resnet18= names no file\. Leave out the ="):
        network("timm:resnet18=")


def test_a_file_alone_is_no_network(tmp_path):
    file = tmp_path / "weights.safetensors"
    file.touch()
    with pytest.raises(UnknownName, match=r"is a file\. .* timm:MODEL=FILE with weights of your own"):
        network(str(file))
