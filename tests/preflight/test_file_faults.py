"""Faults of files on disk, each planted alone in a good folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from preflight_looks import FRAMES, RANGE, found, found_in
from recording import drive, write_folder

from selfsup_depth.datasets import DatasetRequest, build_source
from selfsup_depth.datasets.index import usable_items
from selfsup_depth.preflight import Effort, Footage, Part, gather, run_checks


@pytest.fixture(scope="module")
def good_folder(tmp_path_factory) -> Path:
    return write_folder(drive(), tmp_path_factory.mktemp("street") / "data")


@pytest.fixture
def folder(good_folder, tmp_path) -> Path:
    """A copy that the test may damage."""
    shutil.copytree(good_folder, tmp_path / "data")
    return tmp_path / "data"


def look(folder: Path, moments: int = 4) -> Footage:
    request = DatasetRequest(96, 320, FRAMES, folder, lines=tuple(f"street {n} l" for n in range(9)))
    source = build_source("stereo_folder", request)
    items, report = usable_items("stereo_folder", source, request)
    return gather("stereo_folder", [Part(source, items, report, FRAMES, moments)], Effort(), depth_range=RANGE)


def cut_off(folder: Path) -> None:
    path = folder / "left" / "street_004.png"
    path.write_bytes(path.read_bytes()[:5000])


def no_image(folder: Path) -> None:
    (folder / "right" / "street_003.png").write_text("404 not found")


def empty_depth(folder: Path) -> None:
    for path in (folder / "depth").iterdir():
        path.write_bytes(b"")


def sixteen_bits(folder: Path) -> None:
    path = folder / "left" / "street_004.png"
    Image.fromarray(np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 257).save(path)


def animated(folder: Path) -> None:
    frames = [Image.fromarray(image) for image in (drive().left[4], *drive().left[:2])]
    (folder / "left" / "street_004.png").unlink()
    frames[0].save(folder / "left" / "street_004.webp", save_all=True, append_images=frames[1:])


def copied(folder: Path) -> None:
    shutil.copy(folder / "left" / "street_004.png", folder / "left" / "street_005.png")


def half_is_missing(folder: Path) -> None:
    for number in (2, 5):
        (folder / "right" / f"street_{number:03d}.png").unlink()


def one_is_portrait(folder: Path) -> None:
    path = folder / "left" / "street_006.png"
    Image.open(path).rotate(90, expand=True).save(path)


FAULTS: list[tuple[Callable[[Path], None], str, str, tuple[str, ...]]] = [
    (cut_off, "readable", "street_004.png", ()),
    (no_image, "readable", "street_003.png", ()),
    (empty_depth, "readable", "depth", ()),
    (sixteen_bits, "bit_depth", "16 bits a channel", ()),
    (animated, "animation", "holds 3", ()),
    (copied, "duplicate_files", "street_004.png and", ("duplicated_frames", "stereo_orientation", "stereo_timing")),
    (half_is_missing, "missing_partners", "2 of 9 have none", ()),
    (one_is_portrait, "image_size", "104x304", ("intrinsics",)),
]


@pytest.mark.parametrize(("damage", "check", "words", "echoes"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_damaged_file_is_found_and_named(folder, damage, check, words, echoes):
    damage(folder)
    findings = found_in(look(folder))
    assert check in findings, list(findings)
    assert words in findings[check].found
    assert set(findings) <= {check, *echoes}


def test_the_undamaged_folder_has_no_finding_and_all_of_its_files_are_looked_at(good_folder):
    footage = look(good_folder)
    results = run_checks(footage)
    assert found(results) == {}
    assert len(footage.files.looked_at) == footage.files.of == 9 + 7  # the first and the last are neighbours only
    assert {"readable", "bit_depth", "animation", "duplicate_files"} <= {
        name for name, result in results.items() if result.looked
    }


def test_what_a_camera_appends_to_a_jpeg_is_no_damage(folder):
    for side in ("left", "right"):
        for path in sorted((folder / side).iterdir()):
            Image.open(path).save(path.with_suffix(".jpg"), quality=95)
            path.unlink()
            path.with_suffix(".jpg").write_bytes(path.with_suffix(".jpg").read_bytes() + b"thumbnail" * 50)
    assert "readable" not in found_in(look(folder))


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"fx": 0.6, "fy": 1.8, "cx": 0.5, "cy": 0.5}, "shares of the image size"), ({"baseline_m": 400}, "another")],
)
def test_what_the_reader_refuses_of_a_calibration_is_a_finding(folder, entry, words):
    import json

    path = folder / "calib.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entry))
    findings = found_in(look(folder))
    assert set(findings) == {"intrinsics"}
    assert findings["intrinsics"].severity == "error" and words in findings["intrinsics"].cause
