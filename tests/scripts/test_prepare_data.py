"""The script, and training on what it wrote: the same run as on the originals."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import yaml
from stereo_footage import write_stereo_folder
from video_files import turn_video, wall_walk, write_calibration, write_video

import check_data
import make_report
import prepare_data
import train
from selfsup_depth import beginning
from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.datasets import builtin
from selfsup_depth.errors import UserError

pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")
SIZE = ["--height", "64", "--width", "96"]
SMALL = [
    *SIZE, "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--pose_model_type", "posecnn",
    "--batch_size", "4", "--num_epochs", "1", "--num_workers", "0", "--no_cuda",
]  # fmt: skip


def walk(folder: Path, frames: int = 24) -> Path:
    path = write_video(folder / "a walk.mp4", wall_walk(frames))
    write_calibration(folder)
    return path


def epochs(log_dir: Path) -> list[dict]:
    lines = [json.loads(line) for line in (log_dir / "mdp" / "metrics.jsonl").read_text().splitlines()]
    times = re.compile("second|images_per_s|waiting|time")
    return [{key: value for key, value in line.items() if not times.search(key)} for line in lines]


def test_a_video_and_then_its_own_command(tmp_path, capsys):
    out = tmp_path / "prepared [final] walk"  # in brackets, as the console's marks of colour are
    asked = ["--dataset", "video", "--data_path", str(walk(tmp_path)), "--output_directory", str(out), *SIZE]
    assert prepare_data.main(asked) == 0
    told = capsys.readouterr().out
    assert re.search(r"24 frames read, \d\d kept", told)
    assert re.search(r"preparing \S+ 24/24 ", told)  # the bar
    assert re.search(r"images of 96x64 in 1 sequence without cuts or gaps, 0\.\d MB in", told)
    command = told.split("train on it: ")[1].strip()
    assert shlex.split(command)[:6] == ["python", "train.py", "--dataset", "prepared", "--data_path", str(out)]
    assert prepare_data.main(asked) == 0
    assert "is prepared already" in capsys.readouterr().out
    runs = tmp_path / "[bold] runs"
    assert train.main([*shlex.split(command)[2:], *SMALL, "--log_dir", str(runs)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"left out 2: ne\w+", told)  # the first and the last frame, which lack one beside them
    assert f"report: {runs}/mdp/report.html" in told


def test_footage_of_another_shape_is_warned_of_with_the_size_that_fits(tmp_path, capsys):
    """A phone held upright: before the work in prepare_data.py, and again when it is trained on."""
    path = turn_video(write_video(tmp_path / "upright.mp4", wall_walk(24)), 90)
    write_calibration(tmp_path, image_width=64, image_height=96, cx=32, cy=48)
    asked, flat, out = ["--dataset", "video", "--data_path", str(path)], ["--height", "64", "--width", "192"], "flat"
    assert prepare_data.main([*asked, *flat, "--output_directory", str(tmp_path / out)]) == 0
    told = capsys.readouterr().out
    squeezed = "images of 64x96 at --height 64 --width 192 show everything 4.5 times too wide"
    assert told.startswith(f"warning {squeezed}; --height 128 --width 96 would keep their shape\n")
    assert told.count("warning") == 1
    runs = ["--log_dir", str(tmp_path / "runs"), *SMALL]
    assert train.main(["--dataset", "prepared", "--data_path", str(tmp_path / out), *runs, *flat]) == 0
    told = capsys.readouterr().out
    assert told.count("too wide") == 1 and f"warning squeezed: {squeezed} (expected at most 2 times)" in told
    assert "--height 128 --width 96 would keep their shape" in told and "focal_ratio" not in told
    fits = ["--height", "128", "--width", "96", "--output_directory", str(tmp_path / "upright")]
    assert prepare_data.main([*asked, *fits]) == 0
    assert "warning" not in capsys.readouterr().out


def test_training_from_a_prepared_set_is_the_same_run(tmp_path):
    wall = write_stereo_folder(tmp_path / "wall")
    data = ["--dataset", "stereo_folder", "--data_path", str(wall), "--frame_ids", "0", "1", "--use_stereo"]
    assert prepare_data.main([*data, *SIZE, "--output_directory", str(tmp_path / "set")]) == 0
    assert train.main([*data, *SMALL, "--log_dir", str(tmp_path / "originals")]) == 0
    prepared = ["--dataset", "prepared", "--data_path", str(tmp_path / "set"), *data[4:]]
    assert train.main([*prepared, *SMALL, "--log_dir", str(tmp_path / "prepared")]) == 0
    assert epochs(tmp_path / "prepared") == epochs(tmp_path / "originals")


def test_training_on_a_video_prepares_it_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    asked = ["--dataset", "video", "--data_path", str(walk(tmp_path)), *SMALL, "--log_dir", str(tmp_path / "runs")]
    assert train.main(asked) == 0
    (made,) = (tmp_path / "cache" / "prepared").iterdir()
    assert re.fullmatch(r"a_walk-[0-9a-f]{16}", made.name)
    told = capsys.readouterr().out
    assert f"the video's frames are kept in {made}" in told
    assert re.search(r"24 frames read, \d\d kept", told)
    before = {path: path.stat().st_mtime_ns for path in made.iterdir()}
    assert train.main([*asked, "--num_epochs", "2", "--resume"]) == 0
    told = capsys.readouterr().out
    assert "the video's frames are kept" not in told
    assert re.search(r"24 frames read, \d\d kept", told)
    assert {path: path.stat().st_mtime_ns for path in made.iterdir()} == before
    lists = tmp_path / "lists"
    lists.mkdir()
    for part, frames in (("train", range(1, 9)), ("val", range(12, 14))):
        (lists / f"{part}_files.txt").write_text("".join(f"a_walk {frame} l\n" for frame in frames))
    config = beginning.read_config([*asked, "--split", str(lists)])
    assert config.data.data_path == made


def test_built_in_footage_keeps_its_recipe(tmp_path, monkeypatch, capsys):
    drive = builtin.ensure_builtin_drive(tmp_path / "cache", frames=14, height=64, width=96, workers=1)
    monkeypatch.setitem(builtin.BUILTIN, "builtin", builtin.BuiltinData(lambda: drive, "builtin_drive"))
    asked = ["--frame_ids", "0", "-1", "1", "--use_stereo", *SIZE]
    assert prepare_data.main([*asked, "--output_directory", str(tmp_path / "set"), "--num_workers", "0"]) == 0
    command = capsys.readouterr().out.split("train on it: ")[1].strip()
    prepared, direct = (beginning.read_config(options) for options in (shlex.split(command)[2:], asked))
    assert direct.optimizer.learning_rate == 3e-4
    assert (prepared.optimizer, prepared.network, prepared.loss) == (direct.optimizer, direct.network, direct.loss)


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """A video that was prepared by training on it."""
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    return beginning.read_config(["--dataset", "video", "--data_path", str(walk(tmp_path)), *SMALL]).data.data_path


def test_a_run_on_a_video_goes_on_to_the_same_numbers_after_its_cache_was_deleted(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    video = walk(tmp_path)
    asked = ["--dataset", "video", "--data_path", str(video), *SMALL]
    assert train.main([*asked, "--num_epochs", "2", "--log_dir", str(tmp_path / "whole")]) == 0
    assert train.main([*asked, "--log_dir", str(tmp_path / "runs")]) == 0
    run = tmp_path / "runs" / "mdp"
    assert yaml.safe_load((run / "config.yaml").read_text())["data_path"] == str(video)
    assert load_checkpoint(run / "models" / "best").meta.config["data_path"] == str(video)
    shutil.rmtree(tmp_path / "cache")
    capsys.readouterr()
    assert train.main(["--config", str(run / "config.yaml"), "--num_epochs", "2", "--resume"]) == 0
    assert "the video's frames are kept in" in capsys.readouterr().out
    assert epochs(tmp_path / "runs") == epochs(tmp_path / "whole") != []
    shutil.rmtree(tmp_path / "cache")
    (run / "report.html").unlink()
    assert make_report.main(["--run", str(run), "--num_workers", "0", "--no_cuda"]) == 0
    assert f"--data_path {shlex.quote(str(video))}" in unescape((run / "report.html").read_text())


def test_a_run_whose_options_name_the_cache_goes_on(cached, tmp_path):
    """As runs of earlier versions do."""
    asked = ["--dataset", "video", "--data_path", str(cached), *SMALL, "--log_dir", str(tmp_path / "runs")]
    assert train.main(asked) == 0
    assert train.main([*asked, "--num_epochs", "2", "--resume"]) == 0


def test_a_prepared_folder_as_the_video_it_came_from(cached):
    asked = ["--dataset", "video", "--data_path", str(cached), *SMALL]
    assert beginning.read_config(asked).data.data_path == cached
    with pytest.raises(UserError, match="was prepared with --fps None, but --fps 5.0 is asked for: give the former"):
        beginning.read_config([*asked, "--fps", "5"])


def test_another_prepared_folder_is_no_video(tmp_path):
    wall = write_stereo_folder(tmp_path / "wall")
    data = ["--dataset", "stereo_folder", "--data_path", str(wall), "--frame_ids", "0", "1"]
    assert prepare_data.main([*data, *SIZE, "--output_directory", str(tmp_path / "set")]) == 0
    with pytest.raises(UserError, match="was prepared from --dataset stereo_folder, not from a video"):
        beginning.read_config(["--dataset", "video", "--data_path", str(tmp_path / "set"), *SMALL])


def test_what_was_left_out_of_a_data_set_is_told_and_kept(tmp_path, capsys):
    wall = write_stereo_folder(tmp_path / "wall")
    data = ["--dataset", "stereo_folder", "--data_path", str(wall), "--frame_ids", "0", "-1", "1"]
    assert prepare_data.main([*data, *SIZE, "--output_directory", str(tmp_path / "set")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"training: 8 of 12 listed samples\n  left out 2: neighbour frame -1 missing \(none before", told)
    assert "validation: 3 of 3 listed samples" in told
    index = json.loads((tmp_path / "set" / "prepared.json").read_text())["index"]
    assert index["train"]["left_out"] == {"neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2}
    assert [(index[part]["listed"], index[part]["kept"]) for part in ("train", "val")] == [(12, 8), (3, 3)]


def test_frames_of_a_camera_that_stood_are_told_and_found(tmp_path, monkeypatch, capsys):
    """Half of the video; none of them is left for the checks to look at."""
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    images = wall_walk(20)
    path = write_video(tmp_path / "waits.avi", [*images[:10], *[images[10]] * 20, *images[10:]])
    write_calibration(tmp_path)
    asked = ["--dataset", "video", "--data_path", str(path), *SIZE]
    check_data.main(asked)
    told = " ".join(capsys.readouterr().out.split())
    assert re.search(r"40 frames read, 20 kept dropped 20: moved by less than 0.25 pixels", told)
    assert re.search(r"warning static_frames: 20 of \d+ frames were left out when they were prepared", told)
    assert train.main([*asked, *SMALL, "--log_dir", str(tmp_path / "runs")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert re.search(r"left out 20: moved by less than 0.25 pixels .* \(counted in .*prepared.json\)", told)


def test_a_video_of_one_camera_is_no_stereo(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    asked = ["--dataset", "video", "--data_path", str(walk(tmp_path)), *SMALL, "--log_dir", str(tmp_path / "runs")]
    with pytest.raises(UserError, match="prepared without images of a second camera, which --use_stereo needs"):
        train.main([*asked, "--use_stereo"])


def test_what_cannot_be_prepared_is_refused(tmp_path):
    out = ["--output_directory", str(tmp_path / "out"), *SIZE]
    for asked, reason in (
        (["--dataset", "video"], "--dataset video is read from disk"),
        (["--dataset", "video", "--data_path", str(tmp_path / "gone.mp4")], "gone.mp4 is missing"),
        (["--dataset", "prepared", "--data_path", str(tmp_path)], "is prepared already: give the originals"),
        (["--dataset", "video", "--data_path", str(walk(tmp_path)), "--split", "x"], "--split x .* to train.py"),
    ):
        with pytest.raises(UserError, match=reason):
            prepare_data.main([*asked, *out])
    assert not (tmp_path / "out").exists()


def test_the_script_ends_with_a_sentence(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    result = subprocess.run(
        [sys.executable, "prepare_data.py", "--dataset", "video", "--data_path", str(text),
         "--output_directory", str(tmp_path / "out")],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "is not a video that OpenCV can open" in result.stderr
    assert len(result.stderr.splitlines()) == 1
