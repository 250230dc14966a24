"""Folders on disk and at URLs: found by their name, read in parts, and waited for only so long."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from shard_server import ShardServer, serve

from selfsup_depth.datasets import storage as module
from selfsup_depth.datasets.storage import GAP, LocalStorage, RemoteStorage, open_storage
from selfsup_depth.errors import UserError

BYTES = np.random.default_rng(0).integers(0, 256, 3 * GAP, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "a").write_bytes(BYTES.tobytes())
    (tmp_path / "b").write_bytes(b"short")
    return tmp_path


@pytest.fixture
def server(folder):
    with serve(folder) as server:
        yield server


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.4)
    monkeypatch.setattr(module, "PAUSE_S", 0.05)


@pytest.mark.parametrize(
    ("path", "kind", "shown"),
    [
        (Path("/a/b"), LocalStorage, "/a/b"),
        (Path("file:///a/b"), LocalStorage, "/a/b"),
        ("file:///a/b", LocalStorage, "/a/b"),
        (Path("C:/a"), LocalStorage, "C:/a"),
        (Path("http://127.0.0.1:1/a/b"), RemoteStorage, "http://127.0.0.1:1/a/b"),
        ("memory://a/b/", RemoteStorage, "memory://a/b"),
        (Path("simplecache::memory://a"), RemoteStorage, "simplecache::memory://a"),
    ],
)
def test_what_a_path_means(path, kind, shown):
    found = open_storage(path)
    assert type(found) is kind
    assert str(found) == shown


@pytest.mark.parametrize("url", ["nothing-known://a/b", "s3n://bucket"])
def test_a_url_that_nothing_reads_is_refused(url):
    with pytest.raises(UserError, match=f"--data_path {url} cannot be opened .*: correct the URL, or install what"):
        open_storage(url)


def test_a_server_that_a_file_system_cannot_reach_when_it_is_opened_is_named(monkeypatch):
    def unreachable(*arguments: object, **options: object) -> None:
        raise OSError("[Errno -2] Name or service not known")

    monkeypatch.setattr("ftplib.FTP.connect", unreachable)
    with pytest.raises(UserError, match="--data_path ftp://x/y cannot be reached .*Name or service not known.*: check"):
        open_storage("ftp://x/y")


@pytest.mark.parametrize("remote", [False, True])
def test_files_and_parts(folder, server, remote):
    found = open_storage(server.url if remote else folder)
    assert found.read("b") == b"short"
    assert found.read("c") is None
    assert found.read_all(["b", "a", "b"]) == [b"short", BYTES.tobytes(), b"short"]
    assert found.read_all([]) == [] == found.parts([])
    assert found.size("a") == len(BYTES)
    spans = [(5, 9), (0, 3), (2 * GAP, 2 * GAP + 7), (6, 8)]
    for (start, stop), part in zip(spans, found.parts([("a", *span) for span in spans]), strict=True):
        assert np.array_equal(part, BYTES[start:stop])
    beyond, end = found.parts([("b", 9, 12), ("b", 3, 12)])
    assert (beyond.tobytes(), end.tobytes()) == (b"", b"rt")
    for ask in (lambda: found.size("c"), lambda: found.read_all(["a", "c"]), lambda: found.parts([("c", 0, 1)])):
        with pytest.raises(UserError, match=f"{found}/c is missing: copy the whole set there again"):
            ask()


def test_an_empty_file_has_empty_parts(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert LocalStorage(tmp_path).parts([("empty", 0, 4)])[0].tobytes() == b""


def test_parts_that_are_near_each_other_are_one_request(server: ShardServer):
    found = open_storage(server.url)
    found.parts([("a", 0, 10), ("a", 500, 600), ("a", 20, 30)])
    assert server.asked == [("a", "bytes=0-599")]
    found.parts([("a", 0, 10), ("a", 10 + GAP + 1, 2 * GAP)])
    assert len(server.asked) == 3


def test_a_server_that_stops_answering_is_given_up(server: ShardServer, impatient):
    found = open_storage(server.url)
    server.hangs = True
    start = time.monotonic()
    for ask in (lambda: found.read("a"), lambda: found.parts([("a", 0, 9)]), lambda: found.size("a")):
        with pytest.raises(UserError) as told:
            ask()
        said = str(told.value)
        assert f"{server.url}/a could not be read in 3 attempts (no answer within 0.4 s): check the URL" in said
        assert "goes on from there with --resume" in said
    assert time.monotonic() - start < 30
    assert len(server.asked) == 9


def test_nobody_at_the_other_end_is_said(impatient):
    start = time.monotonic()
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/a could not be read in 3 attempts \(.*9"):
        open_storage("http://127.0.0.1:9").read("a")
    assert time.monotonic() - start < 30


def test_a_server_that_answers_at_the_third_attempt_is_waited_for(server: ShardServer, impatient, caplog):
    found = open_storage(server.url)
    server.failures = 2
    assert found.parts([("a", 0, 4)])[0].tobytes() == BYTES[:4].tobytes()
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"{server.url}/a: 503") and first.endswith("trying again (2 of 3)")
    assert second.endswith("trying again (3 of 3)")
    server.failures = 3
    with pytest.raises(UserError, match=r"in 3 attempts \(503"):
        found.parts([("a", 0, 4)])


def test_a_server_that_gives_whole_files_only_is_refused(server: ShardServer):
    server.whole_files_only = True
    with pytest.raises(UserError, match="10 bytes of it were asked for and 786432 came: the server gives whole files"):
        open_storage(server.url).parts([("a", 0, 10)])
