"""Real pictures train with options only, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import train
from selfsup_depth.checkpoints import load_checkpoint

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SMALL = [
    "--dataset", "folder", "--height", "64", "--width", "192", "--weights_init", "scratch", "--encoder",
    "mobilenetv3_small_050", "--pose_model_type", "posecnn", "--batch_size", "4", "--num_epochs", "1",
    "--num_workers", "0", "--no_cuda",
]  # fmt: skip


@pytest.mark.skipif(not (DATA / "road_stereo").is_dir(), reason=f"no road_stereo in {DATA}")
def test_road_stereo(tmp_path):
    scenes = {part: sorted({file.name[:6] for file in (DATA / "road_stereo" / part / "left").iterdir()})
              for part in ("train", "val")}  # fmt: skip
    for part, names in scenes.items():
        (tmp_path / f"{part}_files.txt").write_text("".join(f"{name} 10 l\n" for name in names[:8]))
    stereo = ["--data_path", str(DATA / "road_stereo"), "--split", str(tmp_path), "--frame_ids", "0", "--use_stereo"]
    assert train.main([*SMALL, *stereo, "--log_dir", str(tmp_path / "runs")]) == 0
    meta = load_checkpoint(tmp_path / "runs" / "mdp" / "models" / "best").meta
    assert meta.metres_per_unit == pytest.approx(5.37, abs=0.02)
    assert "folder" in meta.protocol
    assert meta.score["abs_rel"] > 0


@pytest.mark.skipif(not (DATA / "kitti_odometry_02").is_dir(), reason=f"no kitti_odometry_02 in {DATA}")
def test_frames_of_a_drive(tmp_path):
    frames = DATA / "kitti_odometry_02" / "sequences" / "02" / "image_2"
    options = ["--data_path", str(frames), "--fov", "81.6", "--log_dir", str(tmp_path / "runs")]
    assert train.main([*SMALL, *options]) == 0
    meta = load_checkpoint(tmp_path / "runs" / "mdp" / "models" / "best").meta
    assert meta.metres_per_unit is None
    assert "training loss" in meta.protocol
