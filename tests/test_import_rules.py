"""Who may import whom (the layout of the house), read from the code itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "selfsup_depth"
#: room -> rooms of ours that it may import (itself and selfsup_depth.errors always)
GROUND: set[str] = set()
ALLOWED = {
    "geometry": GROUND,
    "splits": GROUND,
    "errors": GROUND,
    "config": GROUND,
    "cli": {"workers"},
    "workers": GROUND,
    "arithmetic": GROUND,
    "memory": GROUND,
    "overlap": GROUND,
    "compiling": GROUND,
    "weight_files": GROUND,
    "networks": {"weight_files"},
    "losses": GROUND,
    "teachers": {"weight_files", "memory"},
    "checkpoints": {"weight_files"},
    "structures": {"geometry"},
    "datasets": {"geometry", "splits", "structures"},
    "photometric_pass": {"geometry", "losses", "compiling"},
    "methods": {"geometry", "structures", "config", "networks", "losses", "photometric_pass"},
    "predictor": {"geometry", "structures", "config", "checkpoints", "methods", "image_depth", "arithmetic"},
    "report": {"structures"},
    "evaluation": {
        "geometry", "splits", "structures", "config", "datasets", "losses", "checkpoints", "predictor", "methods",
        "version", "workers", "arithmetic", "memory", "overlap",
    },  # fmt: skip
    "export": {"checkpoints", "predictor", "version"},
    "odometry": {
        "splits", "structures", "config", "datasets", "checkpoints", "methods", "report", "workers",
    },  # fmt: skip
    "image_depth": {"geometry", "datasets", "report"},
    "prediction": {
        "geometry", "config", "checkpoints", "datasets", "predictor", "export", "version", "memory", "overlap",
    },  # fmt: skip
    "preparation": {"geometry", "splits", "structures", "datasets", "config"},
    "preflight": {"geometry", "splits", "structures", "datasets", "report"},
    "tutors": {"config", "teachers"},
    "teaching": {"structures", "config", "teachers", "tutors", "workers"},
    "assembly": {
        "structures", "config", "cli", "checkpoints", "datasets", "methods", "version", "teaching", "tutors",
    },  # fmt: skip
    "beginning": {"config", "cli", "datasets", "assembly", "preflight", "preparation"},
    "outcome": {
        "geometry", "structures", "config", "cli", "checkpoints", "datasets", "methods", "evaluation", "predictor",
        "report", "version",
    },  # fmt: skip
    "trainer": {"structures", "config", "checkpoints", "workers", "memory"},
}
SOURCES = [
    path for folder in ("geometry", "splits", "trainer", PACKAGE) for path in sorted((ROOT / folder).rglob("*.py"))
]


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] in ("geometry", "splits", "trainer"):
        return parts[0]
    if parts[0] == PACKAGE:
        return parts[1] if len(parts) > 1 else "version"
    return None


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; name the whole module"
            found.add(node.module if node.module != PACKAGE else f"{PACKAGE}.{node.names[0].name}")
    return {module.replace(f"{PACKAGE}.__version__", PACKAGE) for module in found}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_arrow_points_upward(path):
    room = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if room in ("version", "__init__"):
        return  # selfsup_depth/__init__.py offers the public names lazily
    seen = {room_of(module) for module in imports_of(path)} - {None, room, "errors"}
    assert seen <= ALLOWED[room], f"{path.relative_to(ROOT)} may not import {sorted(seen - ALLOWED[room])}"


def test_grid_sample_has_one_home():
    users = [path.name for path in SOURCES if "grid_sample(" in path.read_text()]
    assert users == ["warp.py"]


def test_videos_are_decoded_in_one_place():
    users = [path.relative_to(ROOT).as_posix() for path in SOURCES if "VideoCapture(" in path.read_text()]
    assert users == [f"{PACKAGE}/datasets/video.py"]


def test_no_attics():
    assert not [path for path in SOURCES if path.stem in ("utils", "misc", "common", "helpers")]
