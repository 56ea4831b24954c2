"""No modules of the package import each other in a ring, be it inside functions; each has its tests, and no function
is long."""

import ast
import sys
from pathlib import Path

import pytest

grimp = pytest.importorskip("grimp")
TESTS = Path(__file__).parent
# Modules whose tests are elsewhere: constants, tables, and checks, each of which has to catch its mutant.
ELSEWHERE = {
    "__init__": "test_public_surface",
    "_util/defaults": "test_public_surface",
    "_util/version": "test_install",
    "data/__init__": "registry/test_entries",
    "data/listing": "data/test_copies",
    "data/windows": "data/test_copies",
    "export/__init__": "export/test_writing",
    "export/onnx_files": "export/test_writing",
    "models/__init__": "testing/test_suite",
    "releases/provenance": "test_building",
    "testing/__init__": "testing/test_suite",
    "training/__init__": "training/test_logs",
    "testing/checks": "testing/test_suite",
    **{
        f"testing/{name}": "testing/test_mutants"
        for name in (
            "binary",
            "classify",
            "compiled",
            "decode",
            "densities",
            "encode",
            "execution",
            "generate",
            "gradients",
            "labels",
            "log_prob",
            "structure",
            "texts",
            "training",
            "translate",
        )
    },
}


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


def mirror(module):
    """Where the tests of a module are, by its path in the package without suffix: those of a package in a file of its
    name."""
    folder, _, name = module.rpartition("/")
    name = folder.rpartition("/")[2] if name == "__init__" else name
    return f"{folder}/test_{name}".lstrip("/")


def test_every_module_has_a_file_of_tests():
    package = TESTS.parent / "zoo"
    # What a package's __init__.py says in a line is a docstring.
    files = [path for path in package.rglob("*.py") if len(path.read_text().splitlines()) > 1]
    modules = {path.relative_to(package).with_suffix("").as_posix() for path in files}
    modules = {module for module in modules if not module.startswith("testing/template/")}
    without = {module for module in modules if not (TESTS / f"{mirror(module)}.py").is_file()}
    assert without == ELSEWHERE.keys()
    assert all((TESTS / f"{name}.py").is_file() for name in ELSEWHERE.values())


def long_functions(folder, most=50):
    """Those of more lines than `most`, decorators not counted, with their number of lines."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[f"{path.relative_to(folder)}:{node.name}"] = node.end_lineno - node.lineno + 1
    return {name: lines for name, lines in found.items() if lines > most}


@pytest.mark.parametrize("folder", ["zoo", "plugins"])
def test_no_function_has_more_than_fifty_lines(folder):
    assert long_functions(TESTS.parent / folder) == {}


def test_long_functions_are_found(tmp_path):
    lines = ["class A:", "    @property", "    def short(self):", *["        pass"] * 3, "    async def long(self):"]
    (tmp_path / "some.py").write_text("\n".join([*lines, *["        pass"] * 4]))
    assert long_functions(tmp_path, 4) == {"some.py:long": 5}
