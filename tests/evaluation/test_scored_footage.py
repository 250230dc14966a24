"""Own footage is scored on frames that its training did not see, read as training read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from folder_files import write_camera, write_depth, write_frames

from selfsup_depth.config import FootageConfig
from selfsup_depth.datasets import DatasetRequest, FootageOptions, ReaderOptions, build_dataset
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import open_data
from selfsup_depth.evaluation.footage import footage_options
from selfsup_depth.evaluation.image_list import choose_list

SIZE = (16, 32)


def write_clip(folder: Path, frames: int) -> Path:
    write_frames(folder, range(frames))
    write_depth(folder / "depth", range(frames))
    return folder


def options(path: Path, **more: object) -> EvaluateConfig:
    return EvaluateConfig(
        load_weights_folder=Path("w"), dataset="folder", data_path=path, num_workers=0, eval_mono=True, **more
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("frame_ids", [(0, -1, 1), (0, -3, 3), (0, -8, 8)])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("frames", [90, 400])
def test_no_frame_that_training_looks_at_is_scored(tmp_path, frame_ids, step, frames):
    clip = write_clip(tmp_path / "clip", frames)
    write_camera(clip)
    footage = ReaderOptions(footage=FootageOptions(frame_step=step))
    training = build_dataset("folder", DatasetRequest(*SIZE, frame_ids, clip, options=footage))
    looked_at = {f"- {item.frame + step * offset} l" for item in training.items for offset in frame_ids}
    trained = {"dataset": "folder", "data_path": str(clip), "frame_ids": list(frame_ids), "frame_step": step}
    config = options(clip)
    scored = open_data(config, choose_list(config), SIZE, trained).names
    assert scored
    assert not set(scored) & looked_at


def test_footage_is_scored_without_a_camera_but_not_its_point_clouds(tmp_path):
    clip = write_clip(tmp_path / "clip", 20)
    config = options(clip)
    assert len(open_data(config, choose_list(config), SIZE).names) == 2
    clouds = options(clip, extra_metrics=("point_cloud",))
    with pytest.raises(UserError, match="--fov"):
        open_data(clouds, choose_list(clouds), SIZE)
    known = options(clip, extra_metrics=("point_cloud",), footage=FootageConfig(fov=90))
    camera = open_data(known, choose_list(known), SIZE).camera(0)
    assert camera is not None


def test_what_the_options_say_wins_over_the_training(tmp_path):
    trained = {"dataset": "folder", "data_path": str(tmp_path), "frame_step": 3, "calibration": "rig.yaml"}
    found = footage_options(options(tmp_path), trained)
    assert (found.frame_step, found.calibration) == (3, Path("rig.yaml"))
    found = footage_options(options(tmp_path, footage=FootageConfig(fps=5)), trained)
    assert (found.frame_step, found.fps, found.calibration) == (1, 5, Path("rig.yaml"))
    assert footage_options(options(tmp_path / "other"), trained).frame_step == 1
    assert footage_options(options(tmp_path), {**trained, "dataset": "tum"}).frame_step == 1
    assert footage_options(options(tmp_path), {}).frame_step == 1


def test_options_of_own_footage_mean_nothing_to_other_data():
    config = EvaluateConfig(dataset="kitti", footage=FootageConfig(fov=60, frame_step=2))
    with pytest.raises(UserError, match="--fov and --frame_step are about footage of your own, but --dataset is kitti"):
        choose_list(config)
