"""Options and outputs that make no sense are refused before anything is predicted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.prediction.image_files import find_images
from selfsup_depth.prediction.opening import open_source
from selfsup_depth.prediction.options import PredictConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": ("npy", "npy")}, "name each output once"),
        ({"batch_size": 0}, "--batch_size must be at least 1, found 0"),
        ({"max_frames": 0}, "--max_frames must be at least 1, found 0"),
        ({"temporal_smoothing": 1.0}, "--temporal_smoothing .* from 0 to below 1, found 1"),
        ({"temporal_smoothing": -0.1}, "found -0.1"),
        ({"fps": 0.0}, "--fps must be above 0"),
        ({"fps": 1000.0}, "at most 240, found 1000"),
        ({"fov": 200.0, "outputs": ("ply",)}, "--fov is the horizontal field of view"),
        ({"cloud_max_depth": 0.0, "outputs": ("ply",)}, "--cloud_max_depth must be above 0, found 0"),
        ({"cloud_edge_threshold": float("nan"), "outputs": ("ply",)}, "--cloud_edge_threshold must be above 0"),
        ({"fov": 60.0}, "of use for point clouds alone: add ply"),
        ({"calibration": Path("calib.json")}, "of use for point clouds and for --undistort alone"),
        ({"baseline": 0.1}, "of use for point clouds and for --undistort alone"),
        ({"fov": 60.0, "undistort": True}, "of use for point clouds alone"),
        ({"baseline": 120.0, "undistort": True}, "--baseline is in metres"),
        ({"undistort": True, "apply_exif_rotation": True}, "--undistort needs photos as they were taken"),
        ({"cloud_max_depth": 5.0}, "of use for point clouds alone"),
    ],
)
def test_values_that_make_no_sense(options, message):
    with pytest.raises(UserError, match=message):
        PredictConfig(Path("a.png"), **options)


@pytest.mark.parametrize(
    ("kind", "options", "option"),
    [
        ("a.png", {"ext": "png"}, "--ext"),
        ("a.png", {"recursive": True}, "--recursive"),
        ("a.png", {"temporal_smoothing": 0.5}, "--temporal_smoothing"),
        ("a.png", {"fps": 5.0}, "--fps"),
        ("a.png", {"stereo_layout": "side_by_side"}, "--stereo_layout"),
        ("a.mp4", {"fps": 5.0}, "--fps"),
        ("a.mp4", {"apply_exif_rotation": True}, "--apply_exif_rotation"),
        ("3", {"recursive": True}, "--recursive"),
    ],
)
def test_options_without_an_effect(kind, options, option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind != "3":
        Path(kind).write_bytes(b"")
    with pytest.raises(UserError, match=f"{option} has no effect on --image_path {kind}"):
        open_source(PredictConfig(Path(kind), **options))


def test_a_webcam_needs_a_place_for_its_results_and_a_file_named_0_is_a_file(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--output_directory is needed with a webcam"):
        open_source(PredictConfig(Path("0")))
    save(tmp_path / "a.png", 0).rename(tmp_path / "0")
    assert open_source(PredictConfig(Path("0"))).paths == [Path("0")]


def test_pictures_in_folders_are_found_when_asked_for(tmp_path, save):
    for name in ("b.png", "sub/a.png", "sub/deep/c.JPG"):
        save(tmp_path / name, 9)
    assert [path.name for path in find_images(tmp_path)] == ["b.png"]
    found = find_images(tmp_path, recursive=True)
    assert [str(path.relative_to(tmp_path)) for path in found] == ["b.png", "sub/a.png", "sub/deep/c.JPG"]
    with pytest.raises(UserError, match="not searched without --recursive"):
        find_images(tmp_path, "webp")
    save(tmp_path / "sub" / "a.jpg", 9)
    with pytest.raises(UserError, match=r"same name and different endings \(a\.\*\)"):
        find_images(tmp_path, recursive=True)


@pytest.mark.parametrize("output", ["png16_mm", "png16_kitti"])
def test_files_of_metres_are_refused_of_a_model_without_a_unit(output, predict, relative_weights, tmp_path, save):
    with pytest.raises(UserError, match=rf"--outputs {output} holds .*relative \(up to scale\).*use npy or tiff"):
        predict(save(tmp_path / "a.png", 9), "--outputs", output, load=relative_weights)


def test_pictures_are_not_overwritten_by_depth(predict, tmp_path, save):
    for name in ("a.png", "a_depth.png"):
        save(tmp_path / "photos" / name, 9)
    before = (tmp_path / "photos" / "a_depth.png").read_bytes()
    with pytest.raises(UserError, match="a_depth.png is one of the pictures and would be overwritten"):
        predict(tmp_path / "photos", "--output_directory", tmp_path / "photos")
    assert (tmp_path / "photos" / "a_depth.png").read_bytes() == before


def test_another_programs_json_is_not_overwritten(predict, tmp_path, save):
    save(tmp_path / "photos" / "a.png", 9)
    (tmp_path / "photos" / "a.json").write_text('{"shapes": []}')
    with pytest.raises(UserError, match="a.json was not written by predict_depth.py"):
        predict(tmp_path / "photos", "--output_directory", tmp_path / "photos")


@pytest.mark.parametrize(("output", "module", "extra"), [("ply", "trimesh", "viz"), ("side_by_side", "cv2", "video")])
def test_missing_packages_are_named_first(output, module, extra, predict, tmp_path, save, monkeypatch):
    save(tmp_path / "photos" / "a.png", 9)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"pip install 'selfsup-depth\[{extra}\]'"):
        predict(tmp_path / "photos", "--outputs", output)
    assert not (tmp_path / "out").exists()
