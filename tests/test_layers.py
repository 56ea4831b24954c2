"""No modules of the package import each other in a ring, be it inside functions."""

import sys

import pytest

grimp = pytest.importorskip("grimp")


def rings(package):
    """Modules that import each other, directly or by way of others; the largest set first.

    What counts is what a module names: that Python runs the `__init__.py` of every package above it is no import.
    """
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    below = {name: {*graph.find_modules_directly_imported_by(name)} for name in graph.modules}
    reached = {name: closure(name, below) for name in below}
    found = {frozenset(other for other in reached[name] if name in reached[other]) for name in below}
    return sorted((sorted(ring) for ring in found if ring), key=lambda ring: (-len(ring), ring))


def closure(name, below):
    """All that `name` imports, directly or not; with itself only where it is in a ring."""
    seen, waiting = set(), [name]
    while waiting:
        new = below[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def test_no_modules_import_each_other():
    assert rings("zoo") == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a": "from p import b", "b": "def f():\n    from p import c", "c": "import p.a"}, [["p.a", "p.b", "p.c"]]),
        ({"__init__": "def f():\n    from p import a", "a": "from p import THING"}, [["p", "p.a"]]),
        ({"a": "import p.a"}, [["p.a"]]),
        ({"__init__": "from p import a", "a": "from p.b import x", "b": ""}, []),
        ({"a": "from p import b", "b": "import typing\nif typing.TYPE_CHECKING:\n    from p import a"}, []),
    ],
)
def test_what_is_a_ring(tmp_path, monkeypatch, files, expected):
    (tmp_path / "p").mkdir()
    for name, source in {"__init__": "", **files}.items():
        (tmp_path / "p" / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert rings("p") == expected
    assert "p" not in sys.modules
