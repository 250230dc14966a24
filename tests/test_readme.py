"""Every command of the README runs, on data small enough for a test."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from colmap_files import MANY, write_colmap
from stereo_footage import write_stereo_folder
from video_files import wall_walk, write_video

import check_data
import evaluate_depth
import evaluate_pose
import export_gt_depth
import export_onnx
import make_report
import predict_depth
import prepare_data
import train
from selfsup_depth.datasets import builtin
from selfsup_depth.teachers import TeacherInfo
from splits import __main__ as splits_main
from splits import parse_line, read_split
from tests.datasets.indoor_files import write_nyu_folder
from tests.evaluation.kitti_files import write_kitti_raw

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LAUNCHED = list(dict.fromkeys(re.findall(r"`(torchrun [^`]*)`", README)))
TABLE = list(dict.fromkeys(re.findall(r"`(python [^`]*)`", README)))
SCRIPTS = {
    "train.py": train.main,
    "evaluate_depth.py": evaluate_depth.main,
    "evaluate_pose.py": evaluate_pose.main,
    "export_gt_depth.py": export_gt_depth.main,
    "export_onnx.py": export_onnx.main,
    "predict_depth.py": predict_depth.main,
    "prepare_data.py": prepare_data.main,
    "check_data.py": check_data.main,
    "make_report.py": make_report.main,
}
SMALLER = {
    "train.py": "--height 64 --width 96 --batch_size 2 --num_epochs 1 --num_workers 0 --weights_init scratch --no_cuda "
    "--encoder mobilenetv3_small_050 --pose_model_type posecnn",
    "evaluate_depth.py": "--num_workers 0 --no_cuda",
    "evaluate_pose.py": "--num_workers 0 --no_cuda",
    "predict_depth.py": "--no_cuda",
    "prepare_data.py": "--height 64 --width 96 --num_workers 0",
    "make_report.py": "--num_workers 0 --no_cuda",
}


@pytest.fixture(scope="module")
def small_drive(tmp_path_factory) -> Path:
    return builtin.ensure_builtin_drive(tmp_path_factory.mktemp("cache"), frames=14, height=64, width=96, workers=1)


@pytest.fixture(scope="module")
def small_rooms(tmp_path_factory) -> Path:
    return builtin.ensure_builtin_indoor(tmp_path_factory.mktemp("cache"), frames=8, size=64, workers=1)


class Brightness:
    """Stands for a teacher whose weights would have to be fetched."""

    info = TeacherInfo("brightness", "relative_disparity", "brightness 1")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(1, keepdim=True)


@pytest.fixture(scope="module")
def kitti(tmp_path_factory) -> Path:
    """All Eigen test frames, and a few frames of a training drive with its validation block."""
    root = write_kitti_raw(tmp_path_factory.mktemp("kitti"), read_split("eigen", "test"))
    listed = read_split("eigen_zhou", "train"), read_split("eigen_zhou", "val")
    val = parse_line(listed[1][0])
    train_frames = [line.frame for line in map(parse_line, listed[0]) if line.folder == val.folder][:4]
    val_frames = [line.frame for line in map(parse_line, listed[1]) if line.folder == val.folder][:2]
    wanted = {frame + offset for frame in (*train_frames, *val_frames) for offset in (-1, 0, 1)}
    write_kitti_raw(root, [f"{val.folder} {frame} l" for frame in sorted(wanted)])
    shutil.copytree(root / val.folder / "image_02", root / val.folder / "image_03")
    return root


@pytest.fixture(scope="module")
def places(tmp_path_factory, kitti, small_rooms) -> dict[str, str]:
    """What the README's capital words and example paths stand for here."""
    folder = tmp_path_factory.mktemp("readme")
    pairs = write_stereo_folder(folder / "pairs")
    options = ["--dataset", "stereo_folder", "--data_path", str(pairs), "--frame_ids", "0", "--use_stereo"]
    for name in ("mdp", "other"):
        run = [*options, *SMALLER["train.py"].split(), "--log_dir", str(folder / "start"), "--model_name", name]
        assert train.main([*run, "--frame_ids", "0", "-1", "1"]) == 0
    best = str(folder / "start" / "mdp" / "models" / "best")
    prepare = ["--dataset", "folder", "--data_path", str(pairs), "--frame_ids", "0", "--use_stereo"]
    prepare += ["--output_directory", str(folder / "prepared")]
    assert prepare_data.main([*prepare, *SMALLER["prepare_data.py"].split()]) == 0
    to_shards = [*prepare[:-1], str(folder / "shards"), "--shards"]
    assert prepare_data.main([*to_shards, *SMALLER["prepare_data.py"].split()]) == 0
    return {
        "RIG": str(pairs), "PREPARED": str(folder / "prepared"), "SHARDS": str(folder / "shards"),
        "PROJECT": str(write_colmap(folder / "project", 12, pixels=MANY)),
        "VIDEO": str(write_video(folder / "video" / "wall.mp4", wall_walk(24))),
        "runs/mdp": str(folder / "start" / "mdp"), "runs/other": str(folder / "start" / "other"),
        "depth.onnx": str(folder / "depth.onnx"),
        "KITTI": str(kitti), "runs/mdp/models/best": best, "PICTURES": str(pairs / "val" / "left"),
        "OUT": str(folder / "out"), "CACHE": str(folder / "cache"), "SIMSIN": str(small_rooms),
        "NYUV2": str(write_nyu_folder(folder / "nyuv2")),
        "pairs": str(pairs), "ROAD_STEREO": str(pairs), "runs": str(folder / "runs"),
    }  # fmt: skip


def words_of(command: str, places: dict[str, str]) -> tuple[str, list[str]]:
    script, *words = shlex.split(command)[1:]
    for position, word in enumerate(words):
        if word == "FOLDER":  # a data set after --data_path, a checkpoint after --load_weights_folder
            weights = words[position - 1] == "--load_weights_folder"
            words[position] = places["runs/mdp/models/best"] if weights else places["pairs"]
        else:
            words[position] = places.get(word, word)
    if script == "train.py":
        words += ["--log_dir", places["runs"]]
    return script, words + SMALLER.get(script, "").split()


@pytest.mark.parametrize("command", TABLE)
def test_every_command_of_the_table_runs(command, places, small_drive, small_rooms, monkeypatch, tmp_path):
    monkeypatch.setitem(builtin.BUILTIN, "builtin", builtin.BuiltinData(lambda: small_drive, "builtin_drive"))
    rooms = builtin.BuiltinData(lambda: small_rooms, "builtin_indoor")
    monkeypatch.setitem(builtin.BUILTIN, "builtin_indoor", rooms)
    monkeypatch.setattr("selfsup_depth.tutors.load_teacher", lambda name, **_: Brightness())
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    if command.startswith("python -m splits"):
        assert splits_main.main(["--write", str(tmp_path / "lists")]) == 0
        assert (tmp_path / "lists" / "eigen" / "test_files.txt").exists()
        return
    if command.startswith("python -m benchmarks"):
        smaller = [*shlex.split(command)[3:], *SMALLER["train.py"].split()]
        monkeypatch.setattr("sys.argv", ["benchmark", "--seeds", "0", *smaller])
        importlib.import_module(shlex.split(command)[2]).main()
        assert (tmp_path / "runs" / "distillation.png").is_file()
        return
    script, words = words_of(command, places)
    assert SCRIPTS[script](words) == 0


@pytest.mark.parametrize("command", LAUNCHED)
def test_every_command_that_starts_processes_runs(command, places, tmp_path):
    """With two of them."""
    words = [places.get(word, word) for word in shlex.split(command)[1:]]
    words[words.index("--nproc_per_node") + 1] = "2"
    words[words.index("train.py")] = str(ROOT / "train.py")
    options = [*SMALLER["train.py"].split(), "--log_dir", str(tmp_path)]
    launch = [sys.executable, "-m", "torch.distributed.run", *words, *options]
    ended = subprocess.run(launch, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("best checkpoint: ") == 1


def test_the_readme_opens_with_the_two_commands_that_need_nothing_before_them():
    start = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python "
    assert BLOCKS[0].strip() == start + "train.py --frame_ids 0 -1 1 --use_stereo"
    assert BLOCKS[1].strip() == start + "-m pytest -n 2"


def test_ci_runs_the_readmes_test_command():
    ci = " ".join((ROOT / ".ci" / "run").read_text().replace("-q ", "").split())
    for part in BLOCKS[1].strip().split(" && "):
        assert part in ci


def test_the_table_was_found():
    assert len(TABLE) >= 10 and len(LAUNCHED) == 1
    assert {command.split()[1] for command in TABLE} >= set(SCRIPTS)


def test_the_python_example_names_what_exists():
    import selfsup_depth

    assert selfsup_depth.DepthPredictor.load
    assert selfsup_depth.DepthPredictor.predict_full_size
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        selfsup_depth.Nothing  # noqa: B018


def test_linked_pages_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


