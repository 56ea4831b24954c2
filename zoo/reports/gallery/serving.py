"""A gallery on this machine: browsers take modules and WebAssembly from a server alone, not from files."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from zoo.errors import InvalidInput

HOST = "127.0.0.1"
TYPES = {
    "": "application/octet-stream",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".webp": "image/webp",
    ".txt": "text/plain; charset=utf-8",
}


class _Handler(SimpleHTTPRequestHandler):
    """Files by types that browsers insist on, whatever the system's table says; nothing is logged."""

    extensions_map = TYPES

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder` at a port of this machine alone, 0 for any that is free. Raises InvalidInput for one that is
    taken."""
    try:
        return ThreadingHTTPServer((HOST, port), functools.partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise InvalidInput(f"port {port} cannot be had: {error.strerror}. Choose another: --port.") from error
