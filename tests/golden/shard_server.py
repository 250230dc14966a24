"""A server of a folder on 127.0.0.1 that answers requests for parts of files, counts them, and can be spoilt."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class ShardServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, str]] = []  # name, range
        self.bytes = 0
        self.delay_s = 0.0
        self.failures = 0  # answers 503 so many times
        self.hangs = False
        self.whole_files_only = False
        self.busy = self.most_at_once = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name, wanted = request.path.strip("/"), request.headers.get("Range", "")
        with self._lock:
            self.asked.append((name, wanted))
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
            fails, self.failures = self.failures > 0, max(0, self.failures - 1)
        try:
            if self.hangs:
                self._stopped.wait()
                return
            time.sleep(self.delay_s)
            path = self.folder / name
            if fails or not path.is_file():
                request.send_error(503 if fails else 404)
                return
            content, status = path.read_bytes(), 200
            part = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
            if part and not self.whole_files_only:
                start, status = int(part[1]), 206
                if start >= len(content):
                    request.send_error(416)
                    return
                content = content[start : int(part[2]) + 1 if part[2] else None]
            with self._lock:
                self.bytes += len(content)
            request.send_response(status)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(content)
        finally:
            with self._lock:
                self.busy -= 1


@contextmanager
def serve(folder: Path) -> Iterator[ShardServer]:
    told = ShardServer(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.answer(self)

        def do_HEAD(self) -> None:
            told.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told._stopped.set()
        server.shutdown()
        server.server_close()
