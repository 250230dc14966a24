"""Images are resized by one function, which smooths; no name of Pillow is used that Pillow has not (spec D.10.19)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from selfsup_depth.datasets.images import resize_image

ROOT = Path(__file__).parents[2]
FOLDERS = ("geometry", "splits", "trainer", "selfsup_depth", "benchmarks")
SOURCES = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
#: the photographs of the built-in data are cut out and stored once
ELSEWHERE = {"photographs.py"}


@pytest.mark.parametrize(("height", "width"), [(16, 24), (20, 36), (11, 23)])
def test_what_is_finer_than_the_small_image_becomes_grey(height: int, width: int) -> None:
    """Lines of a width of one pixel: without smoothing they stay black and white, in a pattern of their own."""
    lines = 255 * (torch.arange(96) % 2).to(torch.uint8).expand(3, 64, 96).contiguous()
    checked = torch.where(torch.arange(64)[:, None] % 2 == 0, lines, 255 - lines)
    for image in (lines, checked):
        small = resize_image(image, height, width)
        assert small.shape == (3, height, width) and small.dtype == torch.uint8
        assert (small[..., 1:-1, 1:-1].float() - 127.5).abs().max() < 32


def test_one_function_resizes_what_networks_see() -> None:
    """Pictures for people (report, prediction, ...) are resized where they are drawn."""
    reading = [path for path in SOURCES if path.parent == ROOT or "datasets" in path.relative_to(ROOT).parts]
    homes = {path.name for path in reading if list(_calls_of(path, "resize"))}
    assert homes - ELSEWHERE == {"images.py"}


def test_names_of_pillow_exist() -> None:
    named = [(path, node.attr) for path in SOURCES for node in _of_image(path)]
    assert len(named) >= 5
    assert [(path, name) for path, name in named if not hasattr(Image, name)] == []
    assert not hasattr(Image, "ANTIALIAS")  # what the published code asks for


def _calls_of(path: Path, method: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield node


def _of_image(path: Path) -> Iterator[ast.Attribute]:
    """`Image.NAME` where Image is PIL's."""
    text = path.read_text()
    if "from PIL import Image" in text:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Image":
                yield node
