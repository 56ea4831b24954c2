"""What tests of a gallery need: a runtime and an exporter that take no time."""

import pytest
from chromium import browsing

from zoo.reports.gallery import graphs, runtime


@pytest.fixture
def source(tmp_path):
    """A folder of what stands for the runtime."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in runtime.FILES:
        (folder / name).write_text("runtime")
    return folder


@pytest.fixture
def without_export(monkeypatch):
    """Files of a few bytes in place of ONNX, which takes seconds; returns the methods that were asked for."""
    asked = []

    def write(model, path, method, *, options, golden, license):
        asked.append(method)
        path.write_bytes(b"onnx")
        graph = graphs.export.graphs.Graph(model, method, options)
        graph.run(graph.example(2, 0), 0, 2)
        return graphs.export.Exported(path, method, "float16", 4, graph.inputs, graph.output, {})

    monkeypatch.setattr(graphs.export, "write", write)
    monkeypatch.setattr(graphs, "check_extra", lambda: None)
    return asked


@pytest.fixture(scope="session")
def browser():
    with browsing() as browser:
        yield browser
