"""A machine without network and without weights."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty teacher folder and an empty Hugging Face cache, on a machine without network."""

    def refuse(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *arguments, **options: None)
    monkeypatch.setenv("SELFSUP_DEPTH_TEACHERS", str(tmp_path / "teachers"))
    return tmp_path / "teachers"
