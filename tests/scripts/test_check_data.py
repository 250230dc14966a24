"""check_data.py as users run it: what it prints, writes and exits with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recording import Recording, drive, write_folder

import check_data
import train
from selfsup_depth import beginning, cli
from selfsup_depth.config.check import CheckConfig
from selfsup_depth.errors import UserError


def some_frames(frames: slice) -> Recording:
    r = drive()
    return replace(r, left=r.left[frames], right=r.right[frames], depth=r.depth[frames], poses=r.poses[frames])


@pytest.fixture(scope="module")
def good_street(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("streets") / "street & co"
    write_folder(some_frames(slice(0, 6)), root / "train")
    write_folder(some_frames(slice(6, 9)), root / "val")
    return root


@pytest.fixture
def street(good_street, tmp_path) -> Path:
    """A copy that the test may damage."""
    shutil.copytree(good_street, tmp_path / "street")
    return tmp_path / "street"


def swap_sides(root: Path) -> Path:
    for part in ("train", "val"):
        (root / part / "left").rename(root / part / "other")
        (root / part / "right").rename(root / part / "left")
        (root / part / "other").rename(root / part / "right")
        shutil.rmtree(root / part / "depth")
    return root


def options(root: Path, *more: str) -> list[str]:
    return ["--dataset", "stereo_folder", "--data_path", str(root), "--use_stereo", "--samples", "4", *more]


def test_good_data_end_with_0_and_a_report(good_street, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert check_data.main(options(good_street)) == 0
    printed = capsys.readouterr().out
    assert "errors: 0; warnings: 0" in printed and "report: checks/street & co/check.html" in printed
    assert "likely cause" not in printed
    assert "Nothing is wrong" in (tmp_path / "checks" / "street & co" / "check.html").read_text()


def test_errors_end_with_1_and_say_what_to_do(street, tmp_path, capsys):
    out = tmp_path / "out"
    assert check_data.main(options(swap_sides(street), "--output_directory", str(out))) == 1
    printed = capsys.readouterr().out
    assert "error stereo_sides: 100% of those above 1.5 pixels have the wrong sign" in printed
    assert "likely cause: the left and right images are exchanged" in printed
    assert "what to do: exchange the folders (or videos) of left and right" in printed
    content = json.loads((out / "check.json").read_text())
    assert [finding["check"] for finding in content["findings"]] == ["stereo_sides"]
    assert f"--data_path {street}" in content["subtitle"]


def test_a_warning_alone_ends_with_0(street, tmp_path, capsys):
    for path in (street / "train" / "right").iterdir():
        Image.open(path).point(lambda level: min(255, int(1.3 * level))).save(path)
    arguments = options(street, "--output_directory", str(tmp_path / "out"), "--samples", "6")
    assert check_data.main(arguments) == 0
    assert "warning stereo_exposure" in capsys.readouterr().out


def test_the_first_image_being_broken_is_a_finding_too(street, tmp_path, capsys):
    """Training would stop at once; the check goes on and says what else there is."""
    first = sorted((street / "train" / "left").iterdir())[1]
    first.write_bytes(first.read_bytes()[:1000])
    assert check_data.main(options(street, "--output_directory", str(tmp_path / "out"))) == 1
    assert f"error readable: 1 cannot be read, for example: {first}" in capsys.readouterr().out


def test_depth_of_validation_is_looked_at(street, tmp_path, capsys):
    for path in (street / "val" / "depth").iterdir():
        values = np.asarray(Image.open(path)).astype(np.float64)
        Image.fromarray((values * 1000 / 256).astype(np.uint16)).save(path)  # millimetres
    shutil.rmtree(street / "train" / "depth")
    assert check_data.main(options(street, "--output_directory", str(tmp_path / "out"))) == 1
    assert "likely cause: millimetres read as KITTI's numbers (256 a metre)" in capsys.readouterr().out


def test_a_camera_that_preparation_refuses_is_no_fault_of_the_files(street, tmp_path, capsys):
    path = street / "train" / "calib.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"distortion": [0.02, 0, 0, 0, 0]}))
    arguments = ["--dataset", "folder", "--data_path", str(street), "--use_stereo"]
    assert check_data.main([*arguments, "--output_directory", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().out
    assert "error intrinsics" in printed and "one description with distortion for a stereo pair" in printed
    assert "error readable" not in printed


def test_distorted_images_are_looked_at_as_preparation_will_undistort_them(street, tmp_path, capsys):
    """Training would refuse them; the lens is planted in the calibration alone, so that undistorting spoils them."""
    pytest.importorskip("cv2", reason="OpenCV undistorts")
    calibration = json.loads((street / "train" / "calib.json").read_text())
    size = {key: calibration[key] for key in ("image_width", "image_height", "pixel_origin")}
    camera = {key: calibration[key] for key in ("fx", "fy", "cx", "cy")} | {"distortion": [0.02, 0, 0, 0, 0]}
    motion = {"rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "translation_m": [-0.4, 0, 0]}
    for part in ("train", "val"):
        (street / part / "calib.json").write_text(json.dumps(size | {"left": camera, "right": camera} | motion))
    out = tmp_path / "out"
    arguments = ["--dataset", "folder", "--data_path", str(street), "--use_stereo", "--output_directory", str(out)]
    check_data.main(arguments)
    (row,) = [row for row in json.loads((out / "check.json").read_text())["checks"] if row["name"] == "intrinsics"]
    assert row["state"] == "good" and "fx 190.0," not in row["saw"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "stereo_folder", "--data_path", "/nowhere"], "--data_path /nowhere is not a folder"),
        (["--dataset", "nothing"], "--dataset nothing is not known"),
        (["--dataset", "motorcycle"], "none of the 2 items listed for training can be used"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_2(arguments, message, capsys):
    assert cli.run(lambda: check_data.main(arguments)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"samples": 0}, "--samples must be at least 1, found 0; the default is 24"),
        ({"seed": -1}, "--seed must be 0 or more, found -1; the default is 0"),
        ({"min_depth": 5.0, "max_depth": 2.0}, "--min_depth must be positive and below --max_depth; found 5 and 2"),
    ],
)
def test_impossible_options_are_refused(numbers, message):
    with pytest.raises(UserError, match=message):
        CheckConfig(**numbers)


def test_its_options_of_the_data_are_those_of_training():
    mine, trainings = cli.field_types(CheckConfig), cli.field_types(train.TrainConfig)
    own = {"samples", "output_directory"}
    assert set(mine) - set(trainings) == own
    assert all(mine[name] == trainings[name] for name in set(mine) - own)
    defaults, of_training = cli.as_flat_dict(CheckConfig()), cli.as_flat_dict(train.TrainConfig())
    assert all(defaults[name] == of_training[name] for name in set(mine) - own)


# ------------------------------------------------------------------ the short look of train.py


def train_options(root: Path, runs: Path, *more: str) -> list[str]:
    return [
        "--dataset", "stereo_folder", "--data_path", str(root), "--height", "96", "--width", "320", "--frame_ids", "0",
        "--use_stereo", "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--batch_size", "6",
        "--num_epochs", "1", "--num_workers", "0", "--no_cuda", "--log_dir", str(runs), *more,
    ]  # fmt: skip


def losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_training_warns_and_goes_on_to_the_same_numbers_as_without_a_look(street, tmp_path, capsys):
    swap_sides(street)
    assert train.main(train_options(street, tmp_path, "--model_name", "looked")) == 0
    printed = capsys.readouterr().out
    assert "warning stereo_sides: 100% of those" in printed and "left and right images are exchanged" in printed
    assert "check_data.py with the same options" in printed
    assert train.main(train_options(street, tmp_path, "--model_name", "blind", "--skip_checks")) == 0
    assert "stereo_sides" not in capsys.readouterr().out
    assert losses(tmp_path / "looked") == losses(tmp_path / "blind") != []


def test_an_unreadable_option_is_still_refused():
    with pytest.raises(UserError, match="skip_checks is a switch"):
        beginning.read_options(["--skip_checks=perhaps"])
