"""train.py --learn_intrinsics: from footage without calibration to a checkpoint that knows its camera."""

from __future__ import annotations

import json
import math
import re
import shlex

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from stereo_footage import wall
from video_files import wall_walk, write_video

import check_data
import prepare_data
import train
from geometry.camera import intrinsics_matrix
from selfsup_depth.assembly import GUESSED_FOV, shared_camera
from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.errors import UserError

SMALL = [
    "--height", "64", "--width", "96", "--batch_size", "2", "--num_epochs", "2", "--num_workers", "0", "--no_cuda",
    "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--pose_model_type", "posecnn",
    "--learning_rate", "3e-3", "--skip_checks",
]  # fmt: skip


@pytest.fixture
def frames(tmp_path):
    """A folder of frames and nothing else."""
    folder = tmp_path / "walk"
    folder.mkdir()
    for n in range(14):
        Image.fromarray(wall(0.3 * n, 0.1 * n)[0]).save(folder / f"frame_{n:04d}.png")
    return folder


def focal_saved(folder) -> float:
    """fx that the saved network stands for."""
    factor = load_file(folder / "intrinsics.safetensors")["log_factor"]
    start = 96 / 2 / math.tan(math.radians(GUESSED_FOV / 2))
    return start * math.exp(10 * float(factor))


def focal_told(folder) -> float:
    return json.loads((folder / "checkpoint.json").read_text())["meta"]["intrinsics"][0]


def test_footage_without_calibration_trains_and_its_camera_is_told(frames, tmp_path, capsys):
    options = ["--dataset", "folder", "--data_path", str(frames), "--learn_intrinsics", *SMALL]
    assert train.main([*options, "--log_dir", str(tmp_path / "runs")]) == 0
    told = re.search(r"learnt focal length: ([\d.]+) image widths", capsys.readouterr().out)
    best = tmp_path / "runs" / "mdp" / "models" / "best"
    assert told
    assert float(told[1]) == pytest.approx(focal_told(best) / 96, abs=5e-4)
    start = 96 / 2 / math.tan(math.radians(GUESSED_FOV / 2))
    for name in ("best", "last"):
        folder = best.parent / name
        # the averaged weights are saved, so the averaged camera has to be told
        assert focal_told(folder) == pytest.approx(focal_saved(folder), rel=1e-6)
        assert focal_told(folder) != pytest.approx(start, rel=1e-5)

    again = ["--log_dir", str(tmp_path / "again"), "--load_weights_folder", str(best), "--learning_rate", "1e-12"]
    assert train.main([*options, *again]) == 0
    continued = tmp_path / "again" / "mdp" / "models" / "last"
    assert focal_told(continued) == pytest.approx(focal_told(best), rel=1e-5)
    assert "that is where it started" not in told.string


def test_a_focal_length_that_was_not_learnt_is_not_sold_as_learnt(frames, tmp_path, capsys):
    options = ["--dataset", "folder", "--data_path", str(frames), "--learn_intrinsics", *SMALL]
    assert train.main([*options, "--log_dir", str(tmp_path), "--learning_rate", "1e-12"]) == 0
    assert "that is where it started (0.866): too few steps" in capsys.readouterr().out


@pytest.mark.parametrize("dataset", ["folder", "video"])
def test_the_camera_of_a_prepared_set_is_learnt_from_the_same_guess(dataset, frames, tmp_path, capsys):
    """prepare_data.py --learn_intrinsics says with which command; without the option training warns."""
    source = frames
    if dataset == "video":
        images = [np.asarray(Image.open(path)) for path in sorted(frames.iterdir())]
        source = write_video(tmp_path / "walk.mp4", images)
    out = tmp_path / "set"
    asked = ["--dataset", dataset, "--data_path", str(source), "--output_directory", str(out), *SMALL[:4]]
    with pytest.raises(UserError, match=r"calib.json is missing .*--fov"):
        prepare_data.main(asked)
    assert prepare_data.main([*asked, "--learn_intrinsics"]) == 0
    command = shlex.split(capsys.readouterr().out.split("train on it: ")[1])
    assert command[-1] == "--learn_intrinsics"
    assert json.loads((out / "prepared.json").read_text())["camera_is_guess"] is True
    looked_at = [word for word in SMALL if word != "--skip_checks"]
    assert train.main([*command[2:], *looked_at, "--log_dir", str(tmp_path / "runs")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"learnt focal length: ([\d.]+) image widths", told)
    assert "a guess" not in told
    best = tmp_path / "runs" / "mdp" / "models" / "best"
    assert focal_told(best) == pytest.approx(focal_saved(best), rel=1e-6)  # it began at the guess of train.py
    assert train.main([*command[2:-1], *looked_at, "--log_dir", str(tmp_path / "without")]) == 0
    told = capsys.readouterr().out
    assert "warning known_camera: nothing told the camera when these images were prepared: 60 degrees across" in told


def test_the_camera_of_stereo_is_not_guessed(tmp_path):
    both = [np.concatenate([image, image], axis=1) for image in wall_walk(4)]
    video = write_video(tmp_path / "rig.avi", both)
    asked = ["--dataset", "video", "--data_path", str(video), "--stereo_layout", "side_by_side", "--learn_intrinsics"]
    out = ["--output_directory", str(tmp_path / "set")]
    with pytest.raises(UserError, match="is stereo, whose metres hang on the focal length, but nothing tells it"):
        prepare_data.main([*asked, *out, "--baseline", "0.2"])
    with pytest.raises(UserError, match="--learn_intrinsics cannot work together with --use_stereo"):
        prepare_data.main([*asked, *out, "--use_stereo"])


def test_check_data_looks_at_the_guess(frames, tmp_path, capsys):
    asked = ["--dataset", "folder", "--data_path", str(frames), *SMALL[:4], "--output_directory", str(tmp_path / "out")]
    assert check_data.main(asked) == 1
    assert re.search(r"(?s)error intrinsics: .*calib.json is missing .*--learn_intrinsics", capsys.readouterr().out)
    check_data.main([*asked, "--learn_intrinsics"])
    assert "error intrinsics" not in capsys.readouterr().out
    (row,) = [
        row
        for row in json.loads((tmp_path / "out" / "check.json").read_text())["checks"]
        if row["name"] == "field_of_view"
    ]
    assert row["saw"] == "60 to 60 degrees wide"


def test_one_camera_is_told_and_several_are_not(frames):
    def dataset(*fovs: float):
        clips = frames.parent / f"clips_{len(fovs)}_{fovs[-1]:g}"
        for place, fov in enumerate(fovs):
            folder = clips / f"clip_{place}"
            folder.mkdir(parents=True)
            for n in range(6):
                (folder / f"f_{n:04d}.png").write_bytes((frames / f"frame_{n:04d}.png").read_bytes())
            focal = 48 / math.tan(math.radians(fov / 2))
            camera = {"image_width": 96, "image_height": 64, "fx": focal, "fy": focal, "cx": 48, "cy": 32}
            (folder / "calib.json").write_text(json.dumps(camera | {"pixel_origin": "corner"}))
        return build_dataset("folder", DatasetRequest(64, 96, data_path=clips, part="test"))

    same = shared_camera(dataset(60.0, 60.0))
    focal = 48 / math.tan(math.radians(30))
    assert same is not None
    torch.testing.assert_close(same, intrinsics_matrix(focal, focal, 48, 32))
    assert shared_camera(dataset(60.0, 80.0)) is None
