"""A field of view, or EXIF, as a camera."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from selfsup_depth.datasets.cameras.lens_facts import camera_of_exif, camera_of_field_of_view
from selfsup_depth.errors import UserError

TAGS = ExifTags.Base


def photograph(path: Path, size: tuple[int, int] = (400, 300), orientation: int = 1, **tags: object) -> Path:
    picture = Image.new("RGB", size)
    exif = picture.getexif()
    exif[TAGS.Orientation] = orientation
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in tags.items():
        inner[TAGS[name]] = value
    picture.save(path, exif=exif)
    return path


def test_a_field_of_view_is_across_the_width():
    camera = camera_of_field_of_view(90.0, (640, 480))
    assert camera.intrinsics[0].tolist() == pytest.approx([320.0, 0.0, 320.0])
    assert camera.intrinsics[1].tolist() == pytest.approx([0.0, 320.0, 240.0])
    assert not camera.is_distorted
    f = float(camera_of_field_of_view(65.0, (1920, 1080)).intrinsics[0, 0])
    assert math.degrees(2 * math.atan(960 / f)) == pytest.approx(65.0)


def test_thirty_five_millimetres_are_over_the_diagonal(tmp_path):
    """26 mm on a sensor of 4:3: as wide as 26 mm film measured corner to corner, not side to side."""
    camera, source = camera_of_exif(photograph(tmp_path / "a.jpg", FocalLengthIn35mmFilm=26))
    assert source == "EXIF of a.jpg"
    assert camera.intrinsics[0].tolist() == pytest.approx([26 * 500 / math.hypot(36, 24), 0.0, 200.0])
    assert camera.intrinsics[1].tolist() == pytest.approx([0.0, 26 * 500 / math.hypot(36, 24), 150.0])
    degrees = 2 * math.degrees(math.atan(250 / float(camera.intrinsics[0, 0])))
    assert degrees == pytest.approx(2 * math.degrees(math.atan(math.hypot(36, 24) / 2 / 26)))
    assert camera.size == (400, 300)


def test_a_full_frame_camera_has_the_focal_length_of_its_width(tmp_path):
    camera, _ = camera_of_exif(photograph(tmp_path / "a.jpg", (360, 240), FocalLengthIn35mmFilm=36))
    assert float(camera.intrinsics[0, 0]) == pytest.approx(360.0)


@pytest.mark.parametrize(("unit", "per_mm"), [(2, 25.4), (3, 10.0), (4, 1.0), (None, 25.4)])
def test_resolution_of_the_sensor(tmp_path, unit, per_mm):
    """4.25 mm in front of a sensor of 5.6 mm, 400 pixels wide."""
    resolution = IFDRational(round(1000 * per_mm * 400 / 5.6), 1000)
    tags = {"FocalLength": IFDRational(425, 100), "FocalPlaneXResolution": resolution}
    if unit is not None:
        tags["FocalPlaneResolutionUnit"] = unit
    camera, _ = camera_of_exif(photograph(tmp_path / "a.jpg", **tags))
    assert float(camera.intrinsics[0, 0]) == pytest.approx(4.25 * 400 / 5.6, rel=1e-4)


def test_a_resized_photograph_keeps_the_size_it_was_taken_at(tmp_path):
    tags = {"FocalLength": IFDRational(4), "FocalPlaneXResolution": IFDRational(1000), "FocalPlaneResolutionUnit": 4}
    for size, taken in (((400, 300), (4000, 3000)), ((300, 400), (4000, 3000))):  # the latter was turned upright
        tags |= {"ExifImageWidth": taken[0], "ExifImageHeight": taken[1]}
        camera, _ = camera_of_exif(photograph(tmp_path / "a.jpg", size, **tags))
        assert float(camera.intrinsics[0, 0]) == pytest.approx(400.0)


def test_two_tellings_have_to_agree(tmp_path):
    tags = {"FocalLength": IFDRational(4), "FocalPlaneXResolution": IFDRational(100), "FocalPlaneResolutionUnit": 4}
    sensor = 400 / math.hypot(400, 300) * math.hypot(36, 24)
    camera, _ = camera_of_exif(photograph(tmp_path / "a.jpg", FocalLengthIn35mmFilm=round(sensor), **tags))
    assert float(camera.intrinsics[0, 0]) == pytest.approx(400.0)  # the exact one
    with pytest.raises(UserError, match=r"a\.jpg disagrees with itself .*\(300 pixels .*, 400 from .*--fov"):
        camera_of_exif(photograph(tmp_path / "a.jpg", FocalLengthIn35mmFilm=26, **tags))


def test_a_rotation_tag_is_told_and_not_applied(tmp_path):
    camera, source = camera_of_exif(photograph(tmp_path / "a.jpg", orientation=6, FocalLengthIn35mmFilm=26))
    assert camera.size == (400, 300)
    assert source == "EXIF of a.jpg (whose tag asks for a quarter turn, which is not applied)"


@pytest.mark.parametrize("tags", [{}, {"FocalLengthIn35mmFilm": 0}, {"FocalLength": IFDRational(4)}])
def test_photographs_that_do_not_tell(tmp_path, tags):
    assert camera_of_exif(photograph(tmp_path / "a.jpg", **tags)) is None


def test_what_no_lens_has(tmp_path):
    with pytest.raises(UserError, match=r"The EXIF of .*a\.jpg: The horizontal field of view must be 3 to 170 degrees"):
        camera_of_exif(photograph(tmp_path / "a.jpg", (2000, 1500), FocalLengthIn35mmFilm=1))
    (tmp_path / "b.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"b\.jpg cannot be read as an image"):
        camera_of_exif(tmp_path / "b.jpg")
