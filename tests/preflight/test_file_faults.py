"""Faults of files on disk, each planted alone in a good folder."""

from __future__ import annotations

import json
import os
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
from selfsup_depth.preflight.page import make_page, write_page


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


def coloured_depth(folder: Path) -> None:
    for path in (folder / "depth").iterdir():
        shutil.copy(folder / "left" / path.name, path)


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


def black_out(folder: Path) -> None:
    for path in (folder / "left").iterdir():
        Image.new("RGB", (304, 104)).save(path)


FAULTS: list[tuple[Callable[[Path], None], str, str, tuple[str, ...]]] = [
    (cut_off, "readable", "street_004.png", ()),
    (no_image, "readable", "street_003.png", ()),
    (empty_depth, "depth_readable", "street_", ()),
    (coloured_depth, "depth_readable", "8-bit 'RGB' image where a 16-bit depth map", ()),
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
    finding = findings[check]
    assert words in finding.found and finding.cause and finding.remedy
    assert set(findings) <= {check, *echoes}
    assert (finding.picture is None) == (check in ("readable", "missing_partners"))  # of nothing there is none


def test_depth_that_was_coloured_is_told_from_damage(folder):
    coloured_depth(folder)
    assert "to be looked at" in found_in(look(folder))["depth_readable"].cause
    empty_depth(folder)
    assert "interrupted" in found_in(look(folder))["depth_readable"].cause


def test_names_that_are_not_utf_8_can_be_told_and_written(folder, tmp_path):
    left = os.fsencode(folder / "left")
    broken = os.fsdecode(left + b"/street\xff_004.png")
    try:
        os.rename(folder / "left" / "street_004.png", broken)
    except OSError:
        pytest.skip("this file system knows UTF-8 names alone")
    Path(broken).write_bytes(b"404 not found")
    request = DatasetRequest(96, 320, (0,), folder, lines=("street\udcff 4 l", "street 3 l"))
    source = build_source("stereo_folder", request)
    items, report = usable_items("stereo_folder", source, request)
    footage = gather("stereo_folder", [Part(source, items, report, (0,), 4)], Effort(), depth_range=RANGE)
    results = run_checks(footage)
    assert r"street\udcff_004.png" in found(results)["readable"].found
    write_page(make_page("a\udcff", "b", footage, results), tmp_path / "out")
    assert r"street\udcff_004.png" in (tmp_path / "out" / "check.html").read_text(encoding="utf-8")


def test_an_image_that_pillow_does_not_trust_for_its_size_is_no_trouble(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # a bomb has twice that
    findings = found_in(look(folder))  # torchvision reads the images, Pillow the depth maps
    assert set(findings) == {"depth_readable"} and "decompression bomb" in findings["depth_readable"].found


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
    [
        ({"fx": 0.6, "fy": 1.8, "cx": 0.5, "cy": 0.5}, "shares of the image size"),
        ({"baseline_m": 400}, "a baseline in millimetres (400 mm are 0.4 m)"),
        ({"image_width": 304, "image_height": 304}, "an image that was cropped, or of another camera"),
        ({"image_width": 104, "image_height": 304, "cx": 52, "cy": 152}, "an image that was turned by a quarter"),
        ({"image_width": 1216, "image_height": 416}, "numbers of another resolution: images of about 300x100"),
        ({"fx": None}, "an entry that was left out"),
        ({"fx": "wide"}, "a slip of the pen"),
        ({"pixel_origin": "left"}, "programs differ by half a pixel"),
    ],
)
def test_what_the_reader_refuses_of_a_calibration_is_a_finding_with_its_own_cause(folder, entry, words):
    path = folder / "calib.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entry))
    findings = found_in(look(folder))
    assert set(findings) == {"intrinsics"}
    finding = findings["intrinsics"]
    assert finding.severity == "error" and words in finding.cause and finding.remedy
    assert finding.remedy not in finding.found and finding.picture is not None


def test_a_calibration_that_is_missing_says_so_and_the_pictures_are_looked_at_all_the_same(folder):
    (folder / "calib.json").unlink()
    black_out(folder)
    footage = look(folder)
    findings = found_in(footage)
    assert set(findings) == {"intrinsics", "exposure"} and len(footage.moments) == 4
    finding = findings["intrinsics"]
    assert "never calibrated" in finding.cause and "write the camera there" in finding.remedy


def test_refusals_of_several_causes_are_told_apart(folder):
    one_is_portrait(folder)
    path = folder / "left" / "street_002.png"
    Image.open(path).crop((0, 0, 200, 104)).save(path)
    results = run_checks(look(folder, moments=9))
    causes = {finding.cause for finding in results["intrinsics"].findings}
    assert causes == {"an image that was cropped, or of another camera", "an image that was turned by a quarter"}


def test_equal_files_that_show_nothing_or_are_broken_are_no_duplicates(folder):
    black_out(folder)
    for path in (folder / "right").iterdir():
        path.write_bytes(b"404 not found")
    findings = found_in(look(folder))
    assert set(findings) == {"exposure", "readable"}
    assert findings["exposure"].severity == "error"  # of all that can be seen, nothing
    assert findings["readable"].number == 7 and findings["readable"].picture is None


def test_a_picture_of_one_colour_shows_nothing(folder):
    Image.new("RGB", (304, 104), (200, 30, 30)).save(folder / "left" / "street_004.png")
    findings = found_in(look(folder, moments=9))
    assert set(findings) == {"exposure"} and findings["exposure"].severity == "warning"
    assert "street_004.png: of one colour" in findings["exposure"].found
