import pytest

from zoo.errors import InvalidInput, UnknownName
from zoo.metrics.named import check_named, metric

MISSPELT = {
    "metrics=['frechett']": "no metric is called 'frechett'. Did you mean 'frechet'?",
    "features='inception-fd'": "no feature network is called 'inception-fd'. Did you mean 'inception-fid'?",
}


def test_a_metric_is_found_by_the_type_of_its_numbers_too():
    assert metric("coverage").name == "coverage"
    with pytest.raises(UnknownName, match=r"Did you mean 'frechet' or .*It is FID with --features inception-fid\."):
        metric("FID")


def test_names_are_checked_before_anything_is_computed():
    check_named(None, None)
    check_named(["coverage"], "timm:resnet18")
    with pytest.raises(UnknownName, match="no metric is called 'speed'"):
        check_named(["coverage", "speed"], None)
    with pytest.raises(InvalidInput, match="names no file"):
        check_named([], "timm:resnet18=")


def test_speed_is_that_of_one_process_which_is_said_before_anything_is_computed(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InvalidInput, match=r"throughput is that of one process, .* Measure it without torchrun\."):
        check_named(["coverage", "throughput"], None)
    monkeypatch.setenv("WORLD_SIZE", "1")
    check_named(["throughput"], None)


def test_misspelt_names_are_refused_without_torch(python):
    source = f"""
        import sys, zoo
        for call in {list(MISSPELT)}:
            try:
                eval(f"zoo.evaluate('dcgan-celeba', '.', {{call}})")
            except zoo.errors.UnknownName as error:
                print(error)
        print("torch" in sys.modules)
    """
    *said, torch_is_there = python(source).splitlines()
    assert [told for told, line in zip(MISSPELT.values(), said, strict=True) if told not in line] == []
    assert torch_is_there == "False"
