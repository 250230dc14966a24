"""evaluate_pose.py on footage of known motion, with checkpoints whose pose network says what the test decides."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from colmap_files import write_colmap
from PIL import Image
from prepared_sets import prepare_pairs
from rich.console import Console
from stereo_footage import FOCAL, HEIGHT, WIDTH, wall, write_stereo_folder
from tum_files import write_tum
from video_files import wall_walk, write_video

import evaluate_pose
import prepare_data
from selfsup_depth import __version__, beginning
from selfsup_depth.checkpoints import CheckpointMeta, save_checkpoint
from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.errors import UserError
from selfsup_depth.methods import build_method
from selfsup_depth.odometry.motion import MotionPredictor, request_of
from selfsup_depth.odometry.trajectory import read_tum
from selfsup_depth.preparation.dataset_footage import DatasetFootage
from selfsup_depth.preparation.output import Contents
from selfsup_depth.preparation.run import Task, prepare

ROOT = Path(__file__).parents[2]
FRAMES, STEP = 12, (0.3, 0.0, 0.2)  # metres right and forward a frame
METRES_PER_UNIT = 5.0
POSE_SCALE = 0.01


def checkpoint(
    folder: Path, motion, *, looks_at: str = "pairs", metric: bool = True, pose: str = "separate_resnet"
) -> Path:
    """A model whose pose network says `motion` (six numbers: axis-angle, metres) of every pair of images."""
    frames = (0, -1, 1)
    meta = CheckpointMeta(
        library_version=__version__, method="monodepth2", encoder="mobilenetv3_small_050", upsample="nearest",
        scales=(0,), height=64, width=96, min_depth=0.1, max_depth=100.0,
        metres_per_unit=METRES_PER_UNIT if metric else None, scale_source="a test", frame_ids=frames,
        pose_encoder="resnet18" if pose == "separate_resnet" else None, pose_model_type=pose, pose_model_input=looks_at,
        num_pose_frames=2 if looks_at == "pairs" else 3,
    )  # fmt: skip
    torch.manual_seed(0)
    method = build_method(meta.method, request_of(meta, frames if looks_at == "all" else (0, 1)))
    last = method.networks["pose"].pose_conv if pose == "posecnn" else method.networks["pose"].net[-1]
    says = np.array(motion, dtype=np.float32).copy()
    says[3:] /= METRES_PER_UNIT
    with torch.no_grad():
        last.weight.zero_()
        later = torch.from_numpy(says / POSE_SCALE)
        others = last.bias.numel() // 6 - 1  # "all": motions to -1, then 1; pairs: the second is never used
        last.bias.copy_(torch.cat([-later, later] if looks_at == "all" else [later, later * 7][: 1 + others]))
    save_checkpoint(folder, dict(method.networks.items()), meta)
    return folder


@pytest.fixture(scope="module")
def odometry(tmp_path_factory) -> Path:
    """KITTI odometry's layout: a wall passed by a camera that goes straight, twelve frames."""
    root = tmp_path_factory.mktemp("odometry")
    sequence = root / "sequences" / "03"
    (sequence / "image_2").mkdir(parents=True)
    (root / "poses").mkdir()
    lines = []
    for frame in range(FRAMES):
        x, _, z = (frame * length for length in STEP)
        Image.fromarray(wall(x, z)[0]).save(sequence / "image_2" / f"{frame:06d}.png")
        lines.append(f"1 0 0 {x} 0 1 0 0 0 0 1 {z}")
    (root / "poses" / "03.txt").write_text("\n".join(lines) + "\n")
    projection = f"{FOCAL} 0 {WIDTH / 2 - 0.5} 0 0 {FOCAL} {HEIGHT / 2 - 0.5} 0 0 0 1 0"
    (sequence / "calib.txt").write_text("".join(f"P{n}: {projection}\n" for n in range(4)))
    (sequence / "times.txt").write_text("".join(f"{0.1 * n:e}\n" for n in range(FRAMES)))
    return root


def evaluate(checkpoint: Path, data: Path, out: Path, *more: str) -> dict:
    options = ["--load_weights_folder", str(checkpoint), "--data_path", str(data), "--eval_out_dir", str(out)]
    assert evaluate_pose.main([*options, "--num_workers", "0", "--no_cuda", *more]) == 0
    return json.loads((out / "odometry.json").read_text())["sequences"]


#: The next camera sees points of this one closer and further left.
TRUE_MOTION = (0.0, 0.0, 0.0, -STEP[0], 0.0, -STEP[2])


@pytest.mark.parametrize(
    ("looks_at", "pose"), [("pairs", "separate_resnet"), ("pairs", "shared"), ("all", "separate_resnet")]
)
def test_a_network_that_says_the_truth_has_no_error(tmp_path, odometry, looks_at, pose):
    model = checkpoint(tmp_path / "model", TRUE_MOTION, looks_at=looks_at, pose=pose)
    found = evaluate(model, odometry, tmp_path / "out")
    frames = FRAMES if looks_at == "pairs" else FRAMES - 1  # "all" has no frame before the first
    score = found["3"]
    assert score["frames"] == frames
    assert score["length_m"] == pytest.approx((frames - 1) * np.hypot(0.3, 0.2), rel=1e-5)
    assert score["snippets"]["mean"] < 1e-5
    assert max(score["absolute_m"].values()) < 1e-4
    assert score["drift"]["translation_percent"] is None  # five metres are no hundred
    written = np.loadtxt(tmp_path / "out" / "3.txt").reshape(-1, 3, 4)
    np.testing.assert_allclose(written[:, :, 3], np.outer(np.arange(frames), STEP), atol=1e-4)
    times, poses = read_tum(tmp_path / "out" / "3_tum.txt")
    np.testing.assert_allclose(poses[:, :3, 3], written[:, :, 3], atol=1e-6)
    assert np.diff(times) == pytest.approx(0.1)


def test_a_scale_that_is_wrong_is_seen_without_alignment_alone(tmp_path, odometry):
    doubled = tuple(2 * number for number in TRUE_MOTION)
    model = checkpoint(tmp_path / "model", doubled)
    score = evaluate(model, odometry, tmp_path / "out")["3"]
    far = np.hypot(0.3, 0.2) * np.arange(FRAMES)
    assert score["absolute_m"]["none"] == pytest.approx(np.sqrt((far**2).mean()), rel=1e-4)
    assert score["absolute_m"]["scale"] < 1e-4
    assert score["snippets"]["mean"] < 1e-5
    assert score["drift_alignment"] == "none"


def test_a_model_without_metres_is_aligned_and_says_so(tmp_path, odometry, capsys):
    model = checkpoint(tmp_path / "model", TRUE_MOTION, metric=False)
    score = evaluate(model, odometry, tmp_path / "out")["3"]
    assert score["drift_alignment"] == "sim3"
    assert score["absolute_m"]["sim3"] < 1e-4 < score["absolute_m"]["none"]
    assert "relative (up to scale)" in capsys.readouterr().out


def test_a_gap_divides_a_sequence(tmp_path, odometry):
    broken = tmp_path / "broken"
    shutil.copytree(odometry, broken)
    (broken / "sequences" / "03" / "image_2" / "000005.png").unlink()
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    found = evaluate(model, broken, tmp_path / "out")
    assert {name: score["frames"] for name, score in found.items()} == {"3": 5, "3_from_6": 6}


def test_the_motion_of_posecnn_is_scaled_by_depth_as_in_training(tmp_path, odometry):
    folder = checkpoint(tmp_path / "model", TRUE_MOTION, pose="posecnn")
    predictor = MotionPredictor.load(folder, torch.device("cpu"))
    images = {0: torch.rand(2, 3, 64, 96), 1: torch.rand(2, 3, 64, 96)}
    motion = predictor.next_T_this(images)
    inverse = 1 / (predictor.method.predict(images[0]).depth / METRES_PER_UNIT)
    expected = torch.tensor(TRUE_MOTION[3:]) * inverse.mean(dim=(1, 2, 3))[:, None]
    torch.testing.assert_close(motion[:, :3, 3], expected, rtol=1e-4, atol=1e-6)


def test_the_picture_is_there_and_the_command_works(tmp_path, odometry):
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    command = [sys.executable, str(ROOT / "evaluate_pose.py"), "--load_weights_folder", str(model), "--no_cuda"]
    done = subprocess.run(
        [*command, "--data_path", str(odometry)], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    out = tmp_path / "model_odometry"
    assert np.asarray(Image.open(out / "3.png").convert("L")).std() > 5
    assert f"1 trajectories of {FRAMES} frames" in done.stdout
    assert "5-frame ATE" in done.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pose_model_type": None}, "has no pose network: it was trained from stereo alone"),
        ({"pose_model_input": "all", "frame_ids": (0, -1, -2)}, "never at the next one"),
    ],
)
def test_models_that_cannot_tell_are_refused(tmp_path, odometry, change, message):
    folder = checkpoint(tmp_path / "model", TRUE_MOTION)
    description = folder / "checkpoint.json"
    meta = json.loads(description.read_text())
    inner = meta.get("meta", meta)
    inner.update(change)
    description.write_text(json.dumps(meta))
    with pytest.raises(UserError, match=message):
        evaluate(folder, odometry, tmp_path / "out")


def test_poses_of_other_data_are_read(tmp_path):
    """TUM's, in metres, and COLMAP's, which are not: then a metric model is aligned all the same."""
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    write_tum(tmp_path / "tum" / "rgbd_dataset_freiburg3_walk", frames=6)
    found = evaluate(model, tmp_path / "tum", tmp_path / "of_tum", "--dataset", "tum")
    assert [(score["frames"], score["drift_alignment"]) for score in found.values()] == [(6, "none")]
    write_colmap(tmp_path / "colmap")
    found = evaluate(model, tmp_path / "colmap", tmp_path / "of_colmap", "--dataset", "colmap")
    assert [(score["frames"], score["drift_alignment"]) for score in found.values()] == [(6, "sim3")]


def test_a_video_is_prepared_by_itself_where_training_on_it_would(tmp_path, monkeypatch, capsys):
    """Of the networks' size, whole, and without a word on its camera, which its motion does not need."""
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    video = write_video(tmp_path / "a walk.mp4", wall_walk(FRAMES))
    assert evaluate(model, video, tmp_path / "out", "--dataset", "video") == {}
    assert f"{FRAMES} frames read, {FRAMES} kept" in capsys.readouterr().out
    (prepared,) = (tmp_path / "cache" / "prepared").iterdir()
    times, poses = read_tum(tmp_path / "out" / "a_walk_tum.txt")
    assert np.diff(times) == pytest.approx(0.1)
    np.testing.assert_allclose(poses[:, :3, 3], np.outer(np.arange(FRAMES), STEP), atol=1e-4)
    trained = beginning.read_config(
        ["--dataset", "video", "--data_path", str(video), "--height", "64", "--width", "96", "--learn_intrinsics"]
    )
    assert trained.data.data_path == prepared
    evaluate(model, video, tmp_path / "half", "--dataset", "video", "--frame_step", "2", "--fov", "70")
    assert len(np.loadtxt(tmp_path / "half" / "a_walk_tum.txt")) == FRAMES / 2
    assert len(list((tmp_path / "cache" / "prepared").iterdir())) == 2


def test_a_video_has_to_be_there(tmp_path):
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    with pytest.raises(UserError, match="gone.mp4 is missing: expected a video file"):
        evaluate(model, tmp_path / "gone.mp4", tmp_path / "out", "--dataset", "video")
    with pytest.raises(UserError, match="--dataset video is read from disk: give its folder as --data_path"):
        evaluate_pose.main(["--load_weights_folder", str(model), "--dataset", "video"])


def test_frames_without_a_camera_are_enough(tmp_path):
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    for number, image in enumerate(wall_walk(4)):
        path = tmp_path / "walk" / f"walk_{number:04d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    assert evaluate(model, path.parent, tmp_path / "out", "--dataset", "folder") == {}
    (written,) = (tmp_path / "out").glob("*_tum.txt")
    assert len(np.loadtxt(written)) == 4


def test_footage_without_poses_has_a_trajectory_and_no_score(tmp_path, capsys):
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    root = write_stereo_folder(tmp_path / "rig")
    found = evaluate(model, root, tmp_path / "out", "--dataset", "stereo_folder")
    assert found == {}
    assert "no true poses in this data: nothing is scored" in capsys.readouterr().out
    assert list((tmp_path / "out").glob("*_tum.txt"))


def test_prepared_data_are_walked_whole(tmp_path):
    """Not just the targets of validation, which are stored without neighbours where depth is what they are for."""
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    originals = write_tum(tmp_path / "tum" / "rgbd_dataset_freiburg3_walk", frames=16)
    training = build_dataset("tum", DatasetRequest(64, 96, (0, -1, 1), originals))
    validation = build_dataset("tum", DatasetRequest(64, 96, (0,), originals, part="val", with_depth=True))
    footage = DatasetFootage(training, validation, "validation")
    contents = Contents({}, footage.identity())
    prepare(Task(footage, contents, (64, 96), frames_of_a_shard=5), tmp_path / "set", Console(quiet=True))
    found = evaluate(model, tmp_path / "set", tmp_path / "out", "--dataset", "prepared")
    score = max(found.values(), key=lambda score: score["frames"])
    stored = len(training) + 2  # each target and its neighbours
    assert score["frames"] == stored > 10
    assert np.isfinite(score["absolute_m"]["none"])


def test_sequences_may_have_blanks_in_their_names(tmp_path):
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    for number, image in enumerate(wall_walk(8)):
        path = tmp_path / "walks" / "erster Tag" / f"Straße {number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    words = ["--dataset", "folder", "--data_path", str(tmp_path / "walks"), "--fov", "60", "--height", "64"]
    assert prepare_data.main([*words, "--width", "96", "--output_directory", str(tmp_path / "set")]) == 0
    evaluate(model, tmp_path / "set", tmp_path / "out", "--dataset", "prepared")
    lengths = {path.stem: len(np.loadtxt(path)) for path in (tmp_path / "out").glob("*_tum.txt")}
    assert sum(lengths.values()) == 8 and all(name.startswith("erster_Tag") for name in lengths)


def test_prepared_pairs_are_walked_on_one_side(tmp_path):
    model = checkpoint(tmp_path / "model", TRUE_MOTION)
    root = prepare_pairs(tmp_path / "set", write_stereo_folder(tmp_path / "rig"), size=(64, 96))
    assert evaluate(model, root, tmp_path / "out", "--dataset", "prepared") == {}
    lengths = {path.stem: len(np.loadtxt(path)) for path in (tmp_path / "out").glob("*_tum.txt")}
    # three of the six training images have names of validation images, which these names then mean
    assert lengths == {"wall_tum": 3, "wall_from_3_tum": 3}
