"""What the metadata of a package say, however they are written, and the pip line that mends it."""

import importlib.metadata

import pytest

from zoo.errors import NameTaken, Outdated, PluginError
from zoo.registry.packages import Package, cure, entry_points, package_of


def installed(folder, metadata):
    folder.mkdir()
    (folder / "METADATA").write_bytes(metadata)
    return importlib.metadata.PathDistribution(folder)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (b"Metadata-Version: 2.1\nName: zoo-cats\nVersion: 1.0\n\nName: of a heading\n", Package("zoo-cats", "1.0")),
        (b"Name: zoo-cats \r\nVersion:\t2\r\n\r\nText", Package("zoo-cats", "2")),
        (b"Name: first\nName: second\n", Package("first", "")),
        (b"Summary: nothing\n", Package()),
        (b"Name: \xff\n", Package()),
        (b"", Package()),
    ],
)
def test_name_and_version_are_those_of_the_header(tmp_path, metadata, expected):
    assert package_of(installed(tmp_path / "x.dist-info", metadata)) == expected


def test_no_distribution_has_no_name():
    assert package_of(None) == Package()


def test_names_are_compared_as_pip_does():
    assert {Package(name).key for name in ("Zoo_Cats", "zoo.cats", "zoo--cats")} == {"zoo-cats"}


def test_zoo_itself_is_among_the_entry_points_of_any_group_but_its_own():
    assert all(isinstance(entry, Exception) or entry.group == "zoo" for _, entry in entry_points())


def missing_from_zoo():
    from zoo import errors

    errors.NoSuchError  # noqa: B018 - for its error


def raised(function):
    with pytest.raises((AttributeError, ImportError)) as caught:
        function()
    return caught.value


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NameTaken("x"), "pip uninstall zoo-cats"),
        (Outdated("x"), "pip install --upgrade generative-zoo"),
        (ImportError("x", name="zoo.errors"), "pip install --upgrade generative-zoo"),
        (raised(missing_from_zoo), "pip install --upgrade generative-zoo"),
        (ModuleNotFoundError("x", name="PIL.Image"), "pip install pillow"),
        (ModuleNotFoundError("x", name="zebra.dark"), "pip install zebra"),
        (ModuleNotFoundError("x", name="zoo_cats.model"), "pip install --upgrade zoo-cats, or pip uninstall zoo-cats"),
        (ImportError("x", name="zebra"), "pip install --upgrade zoo-cats, or pip uninstall zoo-cats"),
        (PluginError("x"), "pip install --upgrade zoo-cats, or pip uninstall zoo-cats"),
    ],
)
def test_the_pip_line_is_the_one_that_helps(error, line):
    assert cure(Package("zoo-cats", "1.0"), error) == line
    assert cure(Package(), error) == ""
