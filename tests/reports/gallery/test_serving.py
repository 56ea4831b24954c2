"""The server of a gallery on this machine."""

import threading
import urllib.request

import pytest

from zoo.errors import InvalidInput
from zoo.reports.gallery import serving


def test_types_that_browsers_insist_on(tmp_path):
    wanted = {"a.mjs": "text/javascript; charset=utf-8", "a.wasm": "application/wasm", "a.js": "text/javascript"}
    for name in wanted:
        (tmp_path / name).write_text(name)
    with serving.server(tmp_path, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        for name, kind in wanted.items():
            with urllib.request.urlopen(f"http://{serving.HOST}:{server.server_port}/{name}") as answer:
                assert answer.headers["Content-Type"].startswith(kind)
                assert answer.read().decode() == name
        with pytest.raises(InvalidInput, match=r"cannot be had: .*\. Choose another: --port"):
            serving.server(tmp_path, server.server_port)
        server.shutdown()
        thread.join()
