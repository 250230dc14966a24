"""Every file that holds depth gives the same depth back, within its own quantisation, and says its unit."""

from __future__ import annotations

import sys
import typing

import numpy as np
import pytest
import trimesh
from PIL import Image

from geometry.camera import intrinsics_matrix
from selfsup_depth.datasets.images import read_depth_png
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.cameras import PictureCamera
from selfsup_depth.prediction.formats import FORMATS, CloudLimits, DepthPicture
from selfsup_depth.prediction.options import OutputName
from selfsup_depth.report.pictures import colour_depth

HEIGHT, WIDTH = 20, 30
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH = RNG.uniform(0.5, 60.0, (HEIGHT, WIDTH)).astype(np.float32)


def picture(depth=DEPTH, **more) -> DepthPicture:
    return DepthPicture(IMAGE, depth, more.pop("unit", "metres"), **more)


def test_the_table_and_the_option_name_the_same_outputs():
    assert tuple(FORMATS) == typing.get_args(OutputName)
    assert len({output.ending for output in FORMATS.values()}) == len(FORMATS)


@pytest.mark.parametrize("output", ["npy", "tiff"])
def test_float_files_hold_the_very_numbers(output, tmp_path):
    path = tmp_path / f"a{FORMATS[output].ending}"
    facts = FORMATS[output].write(path, picture(unit="relative (up to scale)"))
    read = np.load(path) if output == "npy" else np.asarray(Image.open(path))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, DEPTH)
    assert facts["unit"] == "relative (up to scale)"


def test_a_tiff_says_its_unit_in_itself(tmp_path):
    FORMATS["tiff"].write(tmp_path / "a.tiff", picture(unit="relative (up to scale)"))
    said = Image.open(tmp_path / "a.tiff").tag_v2[270]
    assert said == "depth in relative (up to scale), float32, along the optical axis"


@pytest.mark.parametrize(("output", "factor"), [("png16_mm", 1000.0), ("png16_kitti", 256.0)])
def test_16_bit_files_hold_depth_within_half_a_step(output, factor, tmp_path):
    path = tmp_path / "a.png"
    facts = FORMATS[output].write(path, picture())
    assert np.abs(read_depth_png(path, factor) - DEPTH).max() <= 0.5 / factor + 1e-5
    assert facts["saturated_pixels"] == 0
    with Image.open(path) as stored:
        assert stored.mode == "I;16"
        assert f"value / {factor:g} metres" in stored.text["Description"]
        assert stored.text["Unit"] == facts["unit"]


@pytest.mark.parametrize(
    ("output", "factor", "largest"), [("png16_mm", 1000, "65.535 m"), ("png16_kitti", 256, "256 m")]
)
def test_what_is_too_far_is_counted_and_what_is_no_depth_is_0(output, factor, largest, tmp_path):
    depth = np.array([[65535.4 / factor, 65536 / factor, 1e6], [0.0, np.nan, 1e-6]], dtype=np.float32)
    facts = FORMATS[output].write(tmp_path / "a.png", DepthPicture(IMAGE[:2, :3], depth, "metres"))
    stored = np.asarray(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(stored, [[65535, 65535, 65535], [0, 0, 1]])  # 1: near, but a depth
    assert facts["saturated_pixels"] == 2
    assert facts["largest"] == largest


def test_colours_are_those_of_the_report_and_say_that_they_are_no_data(tmp_path):
    facts = FORMATS["color"].write(tmp_path / "a.png", picture())
    stored = Image.open(tmp_path / "a.png")
    # a look-up table of 256 colours against matplotlib's interpolation: neighbouring entries at most
    assert np.abs(np.asarray(stored.convert("RGB")).astype(int) - colour_depth(DEPTH)).max() <= 8
    assert "metres" in stored.text["Description"]
    assert facts["unit"] is None


@pytest.mark.parametrize(("hole", "mode"), [(False, "P"), (True, "RGB")])
def test_a_palette_shows_the_same_pixels_and_black_needs_more(hole, mode, tmp_path):
    depth = DEPTH.copy()
    depth[3, 4:6] = (0.0, np.nan) if hole else 7.0
    shown = picture(depth)
    FORMATS["color"].write(tmp_path / "a.png", shown)
    stored = Image.open(tmp_path / "a.png")
    assert stored.mode == mode
    np.testing.assert_array_equal(np.asarray(stored.convert("RGB")), shown.painted)
    assert shown.painted[3, 4:6].any() != hole


def test_side_by_side_shows_the_picture_and_its_depth_above_a_legend(tmp_path):
    shown = picture()
    FORMATS["side_by_side"].write(tmp_path / "a.png", shown)
    stored = np.asarray(Image.open(tmp_path / "a.png"))
    assert stored.shape == (HEIGHT + 20, 2 * WIDTH, 3)
    np.testing.assert_array_equal(stored[:HEIGHT, :WIDTH], IMAGE)
    np.testing.assert_array_equal(stored[:HEIGHT, WIDTH:], shown.painted)
    assert stored[HEIGHT:].any()


def wall_picture(**more) -> DepthPicture:
    """The wall z = 8 + 0.5 x of the camera f = 40, c = (15, 10)."""
    u = np.arange(WIDTH) + 0.5
    depth = np.tile(8.0 / (1 - 0.5 * (u - 15.0) / 40.0), (HEIGHT, 1)).astype(np.float32)
    camera = PictureCamera(intrinsics_matrix(40.0, 40.0, 15.0, 10.0).double(), "a test")
    return picture(depth, camera=camera, cloud=CloudLimits(None, 0.1), **more)


def test_a_ply_is_the_surface_itself_in_colour(tmp_path):
    facts = FORMATS["ply"].write(tmp_path / "a.ply", wall_picture())
    cloud = trimesh.load(tmp_path / "a.ply")
    assert cloud.vertices.shape == (HEIGHT * WIDTH, 3)
    np.testing.assert_allclose(cloud.vertices[:, 2], 8 + 0.5 * cloud.vertices[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(cloud.colors[:, :3], IMAGE.reshape(-1, 3))
    assert b"comment unit: metres; x right, y down, z forward\n" in (tmp_path / "a.ply").read_bytes()[:400]
    assert facts["points"] == HEIGHT * WIDTH
    assert facts["intrinsics"] == [[40.0, 0.0, 15.0], [0.0, 40.0, 10.0], [0.0, 0.0, 1.0]]
    assert facts["intrinsics_source"] == "a test"


def test_a_ply_leaves_out_edges_and_what_is_too_far(tmp_path):
    shown = wall_picture()
    depth = shown.depth.copy()
    depth[:, 20:] *= 3
    limits = CloudLimits(max_depth=float(depth[0, 5]), edge_threshold=0.1)
    facts = FORMATS["ply"].write(tmp_path / "a.ply", picture(depth, camera=shown.camera, cloud=limits))
    assert facts["points"] == HEIGHT * 6  # columns 0 to 5
    everything = CloudLimits(None, float("inf"))
    facts = FORMATS["ply"].write(tmp_path / "a.ply", picture(depth, camera=shown.camera, cloud=everything))
    assert facts["points"] == HEIGHT * WIDTH


def test_a_ply_without_a_camera_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="needs a camera"):
        FORMATS["ply"].write(tmp_path / "a.ply", picture())


def test_without_trimesh_a_ply_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(UserError, match=r"pip install 'selfsup-depth\[viz\]'"):
        FORMATS["ply"].write(tmp_path / "a.ply", wall_picture())


