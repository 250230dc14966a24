"""train.py --learn_intrinsics: from footage without calibration to a checkpoint that knows its camera."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from stereo_footage import wall

import train
from geometry.camera import intrinsics_matrix
from selfsup_depth.assembly import GUESSED_FOV, shared_camera
from selfsup_depth.datasets import DatasetRequest, build_dataset

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
