"""The real command: a real checkpoint of ours, real files, the printed table."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import evaluate_depth
from selfsup_depth import __version__, cli
from selfsup_depth.checkpoints import CheckpointMeta, save_checkpoint
from selfsup_depth.datasets.builtin import BUILTIN, BuiltinData, ensure_builtin_drive
from selfsup_depth.errors import UserError
from selfsup_depth.methods import METHODS
from selfsup_depth.predictor import depth_only_request
from tests.evaluation.kitti_files import write_kitti_raw

HEIGHT, WIDTH = 64, 96
ROOT = Path(evaluate_depth.__file__).parent


def write_checkpoint(folder: Path, metres_per_unit: float | None) -> Path:
    meta = CheckpointMeta(
        library_version=__version__,
        method="monodepth2",
        encoder="resnet18",
        upsample="nearest",
        scales=(0, 1, 2, 3),
        height=HEIGHT,
        width=WIDTH,
        min_depth=0.1,
        max_depth=100.0,
        metres_per_unit=metres_per_unit,
        scale_source="a test",
        frame_ids=(0,),
    )
    torch.manual_seed(0)
    method = METHODS[meta.method](depth_only_request(meta))
    save_checkpoint(folder, method.networks, meta)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {"metric": write_checkpoint(folder / "metric", 5.4), "mono": write_checkpoint(folder / "mono", None)}


@pytest.fixture
def stereo_folder(tmp_path: Path) -> Path:
    """Four validation pictures, three of which have depth."""
    rng = np.random.default_rng(0)
    for side in ("left", "right"):
        (tmp_path / "val" / side).mkdir(parents=True)
    (tmp_path / "val" / "depth").mkdir()
    for number in range(4):
        picture = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        for side in ("left", "right"):
            Image.fromarray(picture).save(tmp_path / "val" / side / f"{number:06d}.png")
        if number != 2:
            depth = rng.uniform(5, 60, (2 * HEIGHT, 2 * WIDTH))
            Image.fromarray((depth * 256).astype(np.uint16)).save(tmp_path / "val" / "depth" / f"{number:06d}.png")
    (tmp_path / "calib.json").write_text(
        json.dumps(
            {
                "image_width": WIDTH, "image_height": HEIGHT, "fx": 70.0, "fy": 70.0, "cx": WIDTH / 2, "cy": HEIGHT / 2,
                "baseline_m": 0.54, "pixel_origin": "corner",
            }
        )
    )  # fmt: skip
    return tmp_path


def options(*more: object) -> list[str]:
    return [str(option) for option in ("--num_workers", 0, "--no_cuda", *more)]


def test_stereo_folder_from_checkpoint_to_table(stereo_folder, weights, tmp_path, capsys):
    out = tmp_path / "out"
    words = options(
        "--load_weights_folder", weights["metric"], "--eval_stereo", "--dataset", "stereo_folder",
        "--data_path", stereo_folder, "--eval_split", "val", "--eval_out_dir", out, "--post_process",
        "--save_pred_disps",
    )  # fmt: skip
    assert evaluate_depth.main(words) == 0
    text = capsys.readouterr().out
    assert "stereo_folder: road scenes" in text and "> un-aligned (metres)" in text
    assert "3 of 3 images scored" in text and "1 listed images left out: no ground-truth depth" in text
    summary = json.loads((out / "summary.json").read_text())
    assert summary["checkpoint"]["metres_per_unit"] == 5.4 and summary["post_process"] is True
    assert summary["counts"] == {"images": 3, "scored": 3, "without_ground_truth": 0, "prediction_not_finite": 0}
    assert len((out / "per_image.csv").read_text().splitlines()) == 4

    again = options(
        "--ext_disp_to_eval", out / "disps_val_split.npy", "--eval_stereo", "--dataset", "stereo_folder",
        "--data_path", stereo_folder, "--eval_split", "val", "--eval_out_dir", tmp_path / "again",
    )  # fmt: skip
    assert evaluate_depth.main(again) == 0
    assert json.loads((tmp_path / "again" / "summary.json").read_text())["headline"] == summary["headline"]


def test_two_data_sets_of_one_layout_do_not_overwrite_each_other(stereo_folder, weights, tmp_path):
    weights_folder = write_checkpoint(tmp_path / "runs" / "best", 5.4)
    for name in ("morning", "evening"):
        shutil.copytree(stereo_folder / "val", tmp_path / name / "val")
        shutil.copy(stereo_folder / "calib.json", tmp_path / name)
        words = options(
            "--load_weights_folder", weights_folder, "--eval_stereo", "--dataset", "stereo_folder", "--data_path",
            tmp_path / name,
        )  # fmt: skip
        assert evaluate_depth.main(words) == 0
    for name in ("morning", "evening"):
        summary = tmp_path / "runs" / f"best_evaluation_stereo_folder_{name}_val_stereo" / "summary.json"
        assert json.loads(summary.read_text())["data"]["data_path"] == str(tmp_path / name)


@pytest.mark.parametrize("removed", ["folder", "files"])
def test_footage_without_depth_is_told_where_to_put_it(removed, stereo_folder, weights):
    for file in (stereo_folder / "val" / "depth").iterdir():
        file.unlink()
    if removed == "folder":
        (stereo_folder / "val" / "depth").rmdir()
    words = options(
        "--load_weights_folder", weights["metric"], "--eval_stereo", "--dataset", "stereo_folder", "--data_path",
        stereo_folder,
    )  # fmt: skip
    with pytest.raises(UserError, match="no ground-truth depth .*for any of its 4 .* depth/NAME.png beside") as raised:
        evaluate_depth.main(words)
    assert "--frame_ids" not in str(raised.value) and "--split" not in str(raised.value)
    shutil.rmtree(stereo_folder / "val" / "right")
    shutil.rmtree(stereo_folder / "val" / "left")
    with pytest.raises(UserError) as raised:
        evaluate_depth.main(words)
    assert "no ground-truth depth" not in str(raised.value)


def test_without_data_the_built_in_drive_is_used(weights, tmp_path, capsys, monkeypatch):
    root = ensure_builtin_drive(tmp_path / "cache", frames=6, height=32, width=104, workers=1)
    monkeypatch.setitem(BUILTIN, "builtin", BuiltinData(lambda: root, "builtin_drive"))
    words = options("--load_weights_folder", weights["mono"], "--eval_mono", "--eval_out_dir", tmp_path / "out")
    assert evaluate_depth.main(words) == 0
    text = capsys.readouterr().out
    assert "builtin: built-in synthetic drive" in text and "not metric" in text
    assert "no --data_path was given: the built-in synthetic footage (builtin) is scored\n" in text
    listed = (root / "splits" / "test_files.txt").read_text().split("\n")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["counts"]["scored"] == len([line for line in listed if line])


def test_a_checkpoint_of_own_data_is_not_scored_on_built_in_footage_in_silence(
    trained, footage, tmp_path, capsys, monkeypatch
):
    root = ensure_builtin_drive(tmp_path / "cache", frames=6, height=32, width=104, workers=1)
    monkeypatch.setitem(BUILTIN, "builtin", BuiltinData(lambda: root, "builtin_drive"))
    weights_folder = trained / "models" / "best"
    words = options("--load_weights_folder", weights_folder, "--eval_stereo", "--eval_out_dir", tmp_path / "out")
    assert evaluate_depth.main(words) == 0
    text = capsys.readouterr().out
    assert f"trained on other data (--dataset stereo_folder --data_path {footage})" in text
    assert evaluate_depth.main([*words, "--dataset", "stereo_folder", "--data_path", str(footage)]) == 0
    assert "no --data_path was given" not in capsys.readouterr().out


def test_a_recipe_file_gives_the_same_options(stereo_folder, weights, tmp_path, capsys):
    recipe = tmp_path / "evaluate.yaml"
    recipe.write_text(
        f"load_weights_folder: {weights['mono']}\neval_mono: true\ndataset: stereo_folder\nnum_workers: 0\n"
        f"data_path: {stereo_folder}\neval_out_dir: {tmp_path / 'out'}\n"
    )
    assert evaluate_depth.main(["--config", str(recipe), "--no_cuda"]) == 0
    assert "> aligned (median)" in capsys.readouterr().out
    recipe.write_text("eval_mno: true\n")
    with pytest.raises(UserError, match="unknown option 'eval_mno'; perhaps you meant eval_mono"):
        evaluate_depth.main(["--config", str(recipe)])


def test_up_to_scale_checkpoint_in_metres_is_refused(stereo_folder, weights, capsys):
    words = options(
        "--load_weights_folder", weights["mono"], "--eval_stereo", "--dataset", "stereo_folder", "--data_path",
        stereo_folder,
    )  # fmt: skip
    assert cli.run(lambda: evaluate_depth.main(words)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --eval_stereo scores depth in metres, but the checkpoint")
    assert "is up to scale: use --eval_mono" in error and len(error.strip().splitlines()) == 1


def test_kitti_custom_list(weights, tmp_path, capsys):
    line = "2011_09_26/2011_09_26_drive_0002_sync 5 l"
    write_kitti_raw(tmp_path / "kitti", [line])
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "test_files.txt").write_text(line)
    words = options(
        "--load_weights_folder", weights["metric"], "--eval_stereo", "--data_path", tmp_path / "kitti", "--eval_split",
        tmp_path / "lists", "--protocol", "eigen", "--eval_out_dir", tmp_path / "out",
    )  # fmt: skip
    assert evaluate_depth.main(words) == 0
    assert "1 of 1 images scored" in capsys.readouterr().out


def test_the_command_itself_says_what_is_missing():
    done = subprocess.run(
        [sys.executable, str(ROOT / "evaluate_depth.py")], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: Choose exactly one of --eval_mono")
