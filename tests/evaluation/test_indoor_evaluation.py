"""`evaluate_depth.py` on small files in the layouts of VA, NYUv2 and SimSIN, whose pictures tell their depth."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate_depth
from selfsup_depth.datasets.builtin import BUILTIN, BuiltinData
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import open_data
from selfsup_depth.evaluation.image_list import choose_list
from tests.datasets.indoor_files import NYU_SCENES, VA_DEPTH, nyu_depth, write_nyu_mat, write_nyu_splits, write_pfm
from tests.evaluation.kitti_files import RedModel
from tests.evaluation.running import run

pytestmark = pytest.mark.usefixtures("in_tmp_path")
NYU_SIZE = (480, 640)


def rooms(height: int, width: int, number: int) -> np.ndarray:
    """[height, width] whole metres, 2 to 6: a box before a wall; a frame of 12 m, which no protocol counts."""
    depth = np.full((height, width), 6, np.float32)
    depth[height // 4 : height // 2 + number, width // 4 : width // 2] = 2 + number
    depth[:2, :] = depth[:, -3:] = 12
    return depth


def write_picture(path: Path, depth: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((*depth.shape, 3), np.uint8)
    picture[..., 0] = depth
    Image.fromarray(picture).save(path)


def write_va(root: Path, size: int = 640) -> Path:
    """One frame more than the published list names."""
    for frame in range(3):
        depth = rooms(size, size, frame)
        write_picture(root / "camera_0" / f"{frame:08d}.png", depth)
        write_pfm(root / VA_DEPTH.format(camera=0, frame=frame), depth)
    (root / "VA_left_all.txt").write_text("camera_0/00000000 0 l\ncamera_0/00000001 1 l\n")
    return root


def write_nyuv2(root: Path) -> Path:
    (root / "depth_val").mkdir(parents=True)
    for number in (1, 2):
        depth = rooms(*NYU_SIZE, number)
        write_picture(root / "img_val" / f"{number:05d}.png", depth)
        np.save(root / "depth_val" / f"{number:05d}.npy", depth)
    return root


def write_simsin(root: Path) -> Path:
    for number in range(2):
        depth = rooms(48, 48, number)
        write_picture(root / "room_0" / f"{number:03d}_0.png", depth)
        np.save(root / "room_0" / f"{number:03d}_0_depth.npy", depth)
    (root / "val_files.txt").write_text("room_0/000_0 0 l\nroom_0/001_0 1 l\n")
    return root


LAYOUTS = {
    "va": (write_va, (640, 640), 640 * 640 - 2 * 640 - 3 * 638),
    # the frame of 12 m is cut off with NYUv2's margin
    "nyuv2": (write_nyuv2, (448, 608), 448 * 608),
    "simsin": (write_simsin, (48, 48), 48 * 48 - 2 * 48 - 3 * 46),
}


def command(monkeypatch: pytest.MonkeyPatch, model: RedModel, *words: object) -> None:
    monkeypatch.setattr(evaluate_depth.DepthPredictor, "load", lambda folder, device, precision: model)
    options = ("--load_weights_folder", "weights", "--num_workers", 0, "--eval_out_dir", "out", *words)
    assert evaluate_depth.main([str(option) for option in options]) == 0


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_under_its_protocol(name, tmp_path, monkeypatch, capsys):
    write, (height, width), counted = LAYOUTS[name]
    model = RedModel(height=height, width=width, factor=1.01)
    command(
        monkeypatch, model, "--dataset", name, "--data_path", write(tmp_path / name), "--eval_mono",
        "--extra_metrics", "edges", "point_cloud", "--point_cloud_thresholds", 0.1, 0.2,
        "--point_cloud_queries", 2000,
    )  # fmt: skip
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["protocol"]["name"] == name and summary["counts"]["scored"] == 2
    assert summary["headline"]["column"] == "aligned"
    assert summary["aligned"]["mae"] == pytest.approx(0, abs=1e-5)
    assert summary["unaligned"]["abs_rel"] == pytest.approx(0.01, rel=1e-4)
    assert summary["ratio"]["median"] == pytest.approx(1 / 1.01, rel=1e-5)
    means = summary["extra_metrics"]["means"]
    assert means["edge_acc"] == means["edge_comp"] == {"mean": pytest.approx(0, abs=0.01), "images": 2}
    assert means["f_score@0.1"]["mean"] == means["f_score@0.2"]["mean"] == 100
    rows = list(csv.DictReader(Path("out/per_image.csv").read_text().splitlines()))
    assert [int(row["valid_pixels"]) for row in rows] == [counted, counted]
    assert all(float(row["chamfer"]) < 1e-4 for row in rows)
    text = capsys.readouterr().out
    header = next(line for line in text.splitlines() if "abs_rel" in line)
    assert header.split()[:3] == ["mae", "abs_rel", "sq_rel"]


def test_extras_of_metric_predictions_are_not_aligned(tmp_path, monkeypatch):
    model = RedModel(height=48, width=48, factor=1.5)
    command(
        monkeypatch, model, "--dataset", "simsin", "--data_path", write_simsin(tmp_path / "simsin"), "--eval_stereo",
        "--extra_metrics", "point_cloud",
    )  # fmt: skip
    summary = json.loads(Path("out/summary.json").read_text())
    extras = summary["extra_metrics"]
    assert extras["of"] == "un-aligned" and extras["means"]["chamfer"]["mean"] > 2
    assert "edge_acc" not in extras["means"]


def test_extra_metrics_from_a_recipe_file(tmp_path, monkeypatch):
    recipe = tmp_path / "evaluate.yaml"
    recipe.write_text(
        f"dataset: simsin\ndata_path: {write_simsin(tmp_path / 'simsin')}\neval_mono: true\nextra_metrics: [edges]\n"
    )
    command(monkeypatch, RedModel(height=48, width=48), "--config", recipe)
    assert list(json.loads(Path("out/summary.json").read_text())["extra_metrics"]["means"])[0] == "edge_acc"


def test_results_of_two_data_sets_do_not_overwrite_each_other(tmp_path):
    options: dict[str, object] = {"eval_mono": True, "eval_out_dir": None, "load_weights_folder": Path("weights")}
    va = {"dataset": "va", "data_path": write_va(tmp_path / "va")}
    run(RedModel(height=640, width=640), **options, **va)
    run(RedModel(height=448, width=608), dataset="nyuv2", data_path=write_nyuv2(tmp_path / "nyuv2"), **options)
    assert Path("weights_evaluation_va_test_mono/summary.json").is_file()
    assert Path("weights_evaluation_nyuv2_test_mono/summary.json").is_file()


def test_va_at_another_size_is_refused(tmp_path):
    options: dict[str, object] = {"dataset": "va", "data_path": write_va(tmp_path / "va", size=64), "eval_mono": True}
    model = RedModel(height=64, width=64)
    with pytest.raises(UserError, match="camera_0/00000000 0 l has 64x64 pixels, but protocol va is .* 640x640"):
        run(model, **options)
    result, _ = run(model, protocol="simsin", **options)
    assert result is not None and result.aligned.mae == pytest.approx(0, abs=1e-5)


# ------------------------------------------------------------------ NYUv2's crop


def test_the_official_file_with_stored_predictions(tmp_path):
    """The first and last test image; predictions are of the cropped view, truth as the .mat has it."""
    root = tmp_path / "nyu"
    root.mkdir()
    write_nyu_mat(root)
    write_nyu_splits(root)
    np.save("stored.npy", np.stack([1 / nyu_depth(number)[16:464, 16:624] for number in (5, 6)]))
    options: dict[str, object] = {"dataset": "nyuv2", "ext_disp_to_eval": Path("stored.npy"), "eval_mono": True}
    result, _ = run(data_path=root, extra_metrics=("point_cloud",), point_cloud_queries=500, **options)
    assert result is not None and [row.name for row in result.rows] == [f"{NYU_SCENES[4]} 5 l", f"{NYU_SCENES[5]} 6 l"]
    assert result.aligned.mae == pytest.approx(0, abs=1e-5)

    # The same with the whole truth from a file: the protocol crops it. The list stands in the data.
    np.savez("gt.npz", data=np.stack([nyu_depth(number) for number in (5, 6)]))
    again, _ = run(data_path=root, gt_path=Path("gt.npz"), **options)
    assert again is not None and again.aligned.mae == pytest.approx(0, abs=1e-5)
    assert again.rows[0].valid_pixels == 448 * 608


def test_the_camera_follows_the_crop(tmp_path):
    config = EvaluateConfig(eval_mono=True, dataset="nyuv2", data_path=write_nyuv2(tmp_path / "nyuv2"))
    camera = open_data(config, choose_list(config), (448, 608)).camera(0)
    assert camera is not None
    (fx, _, cx), (_, fy, cy), _ = camera(448, 608).tolist()
    # 0.508 and 0.5286 of the whole size from the centre of the first pixel, less the margin
    assert (fx, fy) == (518, 519)
    assert (cx, cy) == pytest.approx((0.508 * 640 + 0.5 - 16, 0.5286 * 480 + 0.5 - 16), abs=1e-4)


def test_truth_that_is_cropped_is_not_compared_with_whole_pictures(tmp_path):
    for folder, content in (("left", "png"), ("right", "png"), ("depth", "depth")):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        depth = rooms(*NYU_SIZE, 1)
        if content == "depth":
            Image.fromarray((depth * 256).astype(np.uint16)).save(tmp_path / "pairs" / folder / "000001.png")
        else:
            write_picture(tmp_path / "pairs" / folder / "000001.png", depth)
    calibration = {"image_width": 640, "image_height": 480, "fx": 500, "fy": 500, "cx": 320, "cy": 240}
    calibration |= {"baseline_m": 0.1, "pixel_origin": "corner"}
    (tmp_path / "pairs" / "calib.json").write_text(json.dumps(calibration))
    options: dict[str, object] = {"dataset": "stereo_folder", "data_path": tmp_path / "pairs", "eval_split": "test"}
    with pytest.raises(UserError, match="Protocol nyuv2 scores the centre of 480x640 ground truth, but the images of"):
        run(RedModel(height=480, width=640), protocol="nyuv2", eval_mono=True, **options)
    result, _ = run(RedModel(height=480, width=640), protocol="indoor", eval_mono=True, **options)
    assert result is not None and result.scored_count == 1


# ------------------------------------------------------------------ data sets that need no path


def test_the_built_in_rooms(tmp_path, monkeypatch):
    root = write_simsin(tmp_path / "rooms")
    (root / "splits").mkdir()
    (root / "val_files.txt").rename(root / "splits" / "test_files.txt")
    monkeypatch.setitem(BUILTIN, "builtin_indoor", BuiltinData(lambda: root, "builtin_indoor"))
    result, text = run(
        RedModel(height=48, width=48), dataset="builtin_indoor", eval_stereo=True, extra_metrics=("edges",)
    )
    assert result is not None and result.scored_count == 2 and result.protocol.name == "indoor"
    assert result.extras[0].name == "edge_acc" and result.extras[0].mean < 0.2  # ties of rounding
    assert "depth edges (un-aligned)" in text


def test_stored_predictions_of_the_pair_inside_scikit_image(tmp_path):
    """Its list stands in the data, which needs no --data_path (and takes none)."""
    np.save("stored.npy", np.full((1, 5, 7), 0.25, np.float32))
    np.savez("gt.npz", data=np.full((1, 50, 70), 4.0, np.float32))
    options: dict[str, object] = {"dataset": "motorcycle", "ext_disp_to_eval": Path("stored.npy"), "eval_mono": True}
    result, _ = run(gt_path=Path("gt.npz"), **options)
    assert result is not None and result.rows[0].name == "motorcycle 0 l"
    assert result.aligned.mae == pytest.approx(0, abs=1e-6)
