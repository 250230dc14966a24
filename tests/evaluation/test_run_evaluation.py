from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.accumulator import ScoreAccumulator
from selfsup_depth.evaluation.benchmark_submission import write_submission
from selfsup_depth.evaluation.config import ExportConfig
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.run_export import run_export
from splits import eigen_to_benchmark_ids, read_split
from tests.evaluation.kitti_files import RedModel, depth_of, write_improved_depth, write_kitti_raw
from tests.evaluation.running import DRIVE, LINES, run, small

pytestmark = pytest.mark.usefixtures("in_tmp_path")
whole = ScoreAccumulator.result


def test_exact_depth_scores_zero_end_to_end(data: Path):
    model = RedModel()
    result, text = run(model, **small(eval_stereo=True, batch_size=2))
    assert result is not None and result.headline is result.unaligned
    assert result.headline.abs_rel == pytest.approx(0, abs=1e-6) and result.headline.a1 == 1
    assert model.predicted == 5 and result.scored_count == 5
    assert [row.name for row in result.rows] == LINES
    assert "> un-aligned (metres)" in text
    rows = list(csv.DictReader(Path("out/per_image.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == LINES
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["counts"]["images"] == 5 and summary["protocol"]["name"] == "eigen"
    assert summary["checkpoint"]["folder"] == "weights" and summary["checkpoint"]["metres_per_unit"] == 1.0
    assert summary["data"]["ground_truth"] == "read from the data set"
    assert summary["baseline_constant_depth"]["unaligned"]["abs_rel"] > 0.1


def test_a_model_twice_too_far_is_right_after_alignment_only(data: Path):
    metric, _ = run(RedModel(factor=2.0), **small(eval_stereo=True))
    assert metric is not None and metric.unaligned is not None
    assert metric.headline.abs_rel > 0.5 and metric.aligned.abs_rel == pytest.approx(0, abs=1e-6)
    assert metric.ratios.median == pytest.approx(0.5)

    mono, text = run(RedModel(metric=False, factor=2.0), **small(eval_mono=True))
    assert mono is not None and mono.unaligned is None and "not metric" in text
    assert mono.headline.abs_rel == pytest.approx(0, abs=1e-6)

    scaled, _ = run(RedModel(metric=False, factor=2.0), **small(eval_stereo=True, pred_depth_scale_factor=0.5))
    assert scaled is not None and scaled.headline.abs_rel == pytest.approx(0, abs=1e-6)


def test_results_do_not_depend_on_batch_size_or_workers(data: Path):
    one, _ = run(RedModel(factor=1.1), **small(eval_stereo=True, batch_size=1))
    other, _ = run(RedModel(factor=1.1), **small(eval_stereo=True, batch_size=16, num_workers=2))
    assert one is not None and other is not None and one.rows == other.rows


def test_up_to_scale_model_in_stereo_mode_is_refused_before_any_prediction(data: Path):
    model = RedModel(metric=False)
    with pytest.raises(UserError, match="the checkpoint weights is up to scale: use --eval_mono"):
        run(model, **small(eval_stereo=True))
    assert model.predicted == 0


def test_saved_predictions_score_the_same(data: Path):
    direct, _ = run(RedModel(factor=1.3), **small(eval_stereo=True, save_pred_disps=True))
    sidecar = json.loads(Path("out/disps_lists_split.json").read_text())
    assert (sidecar["metric"], sidecar["unit"], sidecar["count"]) == (True, "1/metres", 5)
    stored, _ = run(ext_disp_to_eval=Path("out/disps_lists_split.npy"), **small(eval_stereo=True))
    assert direct is not None and stored is not None
    assert stored.rows == direct.rows  # the file says metres: no factor 5.4
    assert Path("out/disps_lists_split_evaluation_lists_stereo/summary.json").is_file()


def test_no_eval_predicts_and_stops(data: Path):
    result, _ = run(RedModel(metric=False), **small(eval_stereo=True, save_pred_disps=True, no_eval=True))
    assert result is None
    assert sorted(path.name for path in Path("out").iterdir()) == ["disps_lists_split.json", "disps_lists_split.npy"]
    assert np.load("out/disps_lists_split.npy").shape == (5, 38, 124)
    assert json.loads(Path("out/disps_lists_split.json").read_text())["unit"] == "1/units, up to scale"


def test_published_disparities_get_the_published_factor(data: Path):
    np.save("theirs.npy", np.stack([5.4 / depth_of(frame) for frame in (5, 3, 9, 12, 0)]))
    result, text = run(ext_disp_to_eval=Path("theirs.npy"), **small(eval_stereo=True))
    assert result is not None and result.headline.abs_rel == pytest.approx(0, abs=1e-6)
    assert "5.4, KITTI's baseline over the nominal 0.1" in text


def test_results_lie_beside_the_checkpoint_by_default(data: Path):
    # Not inside: training replaces a checkpoint's folder as a whole.
    run(RedModel(), **small(eval_mono=True, eval_out_dir=None, load_weights_folder=Path("runs/weights_19")))
    assert Path("runs/weights_19_evaluation_lists_mono/per_image.csv").is_file()


def test_another_precision_leaves_the_first_results_alone(data: Path):
    for precision in ("fp32", "bf16"):
        options = small(eval_out_dir=None, load_weights_folder=Path("runs/weights_19"), precision=precision)
        run(RedModel(), eval_mono=True, **options)
    assert Path("runs/weights_19_evaluation_lists_mono/per_image.csv").is_file()
    assert Path("runs/weights_19_evaluation_lists_mono_bf16/per_image.csv").is_file()


@pytest.mark.parametrize("list_of_images", ["lists", "./lists/", "../{here}/lists"])
def test_file_names_hold_no_path(data: Path, tmp_path: Path, list_of_images: str):
    """Published: the results' name has the weights' path in it, and fails with its slashes."""
    weights = tmp_path / "runs" / "a" / "b" / "weights_3"
    options = small(eval_split=list_of_images.format(here=tmp_path.name), save_pred_disps=True)
    run(RedModel(), eval_mono=True, eval_out_dir=None, load_weights_folder=weights, **options)
    folder = tmp_path / "runs" / "a" / "b" / "weights_3_evaluation_lists_mono"
    names = ["disps_lists_split.json", "disps_lists_split.npy", "per_image.csv", "summary.json"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_the_list_of_the_folder_where_one_is_has_its_name(data: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path / "lists")
    options = small(eval_split=".", data_path=data, eval_out_dir=None, load_weights_folder=tmp_path / "weights")
    run(RedModel(), eval_mono=True, **options)
    assert (tmp_path / "weights_evaluation_lists_mono" / "summary.json").is_file()


def test_results_that_cannot_be_written_are_said_before_the_work(data: Path):
    Path("file").write_text("")
    model = RedModel()
    with pytest.raises(UserError, match="cannot be written to file/out .*: give --eval_out_dir"):
        run(model, **small(eval_mono=True, eval_out_dir=Path("file/out")))
    assert model.predicted == 0


def test_other_lists_of_kitti_have_a_protocol_of_their_own(data: Path):
    result, _ = run(RedModel(), **small(eval_stereo=True, protocol=None))
    assert result is not None and result.protocol.name == "kitti_lidar"
    # Corrected truth is camera depth, 0.27 m nearer than the scanner's distance that these pictures tell.
    assert result.ratios.median < 0.995 and result.headline.abs_rel > 0.005


def test_a_missing_image_is_said_and_not_skipped(data: Path):
    next(data.rglob("image_02/data/0000000009.png")).unlink()
    with pytest.raises(UserError, match=r"--eval_split lists lists 5 images, but 1 cannot be used \(1 x target image"):
        run(RedModel(), **small(eval_stereo=True))


def test_a_missing_scan_is_said_and_not_skipped(data: Path):
    next(data.rglob("velodyne_points/data/0000000009.bin")).unlink()
    with pytest.raises(UserError, match=r"lists 5 images, but 1 cannot be used \(1 x no ground-truth depth"):
        run(RedModel(), **small(eval_stereo=True))


def test_images_that_get_lost_on_the_way_are_an_error(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ScoreAccumulator, "result", lambda self: replace(whole(self), rows=tuple(self.rows[1:])))
    with pytest.raises(AssertionError, match="5 images went in, 4 rows came out"):
        run(RedModel(), **small(eval_stereo=True))


def test_an_empty_scan_is_a_row_without_scores(data: Path):
    next(data.rglob("velodyne_points/data/0000000009.bin")).write_bytes(b"")
    result, text = run(RedModel(), **small(eval_stereo=True))
    assert result is not None and len(result.rows) == 5 and result.scored_count == 4
    assert f"1 images without valid ground truth, in no mean: {DRIVE} 9 l" in text


# ------------------------------------------------------------------ the published lists


def test_eigen_from_the_exported_file_without_any_image(tmp_path: Path):
    lines = read_split("eigen", "test")
    write_kitti_raw(tmp_path / "kitti", lines, images=False)
    exported = run_export(ExportConfig(tmp_path / "kitti", "eigen", output=tmp_path / "gt"), Console(quiet=True))
    disparities = np.stack([1 / depth_of(int(line.split()[1])) for line in lines])
    np.save("all.npy", disparities)
    options = {"eval_mono": True, "gt_path": exported.parent}
    result, text = run(ext_disp_to_eval=Path("all.npy"), **options)
    assert result is not None and result.protocol.name == "eigen" and result.scored_count == 697
    assert result.headline.abs_rel == pytest.approx(0, abs=1e-6)
    assert "697 of 697 images scored; result: aligned" in text
    shuffled = disparities[::-1]
    np.save("shuffled.npy", shuffled)
    wrong, _ = run(ext_disp_to_eval=Path("shuffled.npy"), **options)
    assert wrong is not None and wrong.headline.abs_rel > 0.2
    with pytest.raises(UserError, match="holds 697 maps, but the list has 652 images"):
        run(ext_disp_to_eval=Path("all.npy"), eval_split="eigen_benchmark", **options)


def test_eigen_predictions_on_the_improved_ground_truth(tmp_path: Path):
    lines = read_split("eigen_benchmark", "test")
    write_kitti_raw(tmp_path / "kitti", lines, scans=False)
    write_improved_depth(tmp_path / "kitti", lines)
    eigen = read_split("eigen", "test")
    disparities = np.stack([1 / depth_of(int(line.split()[1])) for line in eigen])
    dropped = np.setdiff1d(np.arange(697), eigen_to_benchmark_ids())
    disparities[dropped] = 1e-3
    np.save("all.npy", disparities)
    options: dict[str, object] = {"data_path": Path("kitti"), "eval_mono": True, "ext_disp_to_eval": Path("all.npy")}
    result, _ = run(eval_split="eigen_benchmark", eval_eigen_to_benchmark=True, **options)
    assert result is not None and result.protocol.name == "eigen_benchmark" and result.scored_count == 652
    assert result.headline.abs_rel == pytest.approx(0, abs=1e-6)
    with pytest.raises(UserError, match="holds 697 predictions, but the list has 652 images"):
        run(eval_split="eigen_benchmark", **options)
    with pytest.raises(UserError, match="use it with --eval_split eigen_benchmark, not eigen"):
        run(eval_eigen_to_benchmark=True, eval_split="eigen", gt_path=_fake_eigen_truth(tmp_path), **options)


def _fake_eigen_truth(folder: Path) -> Path:
    np.savez(folder / "gt.npz", data=np.ones((697, 1, 1), np.float32))
    return folder / "gt.npz"


def test_an_export_of_another_list_is_refused(data: Path, tmp_path: Path):
    names = np.array([*LINES[:4], f"{DRIVE} 8 l"])
    maps = {f"depth_{i:05d}": np.ones((2, 2), np.float32) for i in range(5)}
    np.savez(tmp_path / "gt.npz", names=names, **maps)
    with pytest.raises(UserError, match=f"number 4 is '{DRIVE} 8 l' there and '{DRIVE} 0 l' in the list"):
        run(RedModel(), **small(eval_stereo=True, gt_path=tmp_path / "gt.npz"))


def test_a_given_depth_path_wins_over_an_export_that_lies_about(tmp_path: Path):
    lines = read_split("eigen_benchmark", "test")
    write_kitti_raw(tmp_path / "kitti", lines, scans=False)
    write_improved_depth(tmp_path / "improved", lines)
    default = tmp_path / "kitti" / "splits" / "eigen_benchmark"
    default.mkdir(parents=True)
    np.savez(default / "gt_depths.npz", data=np.ones((652, 38, 124), np.float32))  # of something else
    np.save("all.npy", np.stack([1 / depth_of(int(line.split()[1])) for line in lines]))
    options: dict[str, object] = {"data_path": Path("kitti"), "ext_disp_to_eval": Path("all.npy"), "eval_mono": True}
    result, _ = run(eval_split="eigen_benchmark", depth_path=Path("improved"), **options)
    assert result is not None and result.headline.abs_rel == pytest.approx(0, abs=1e-6)
    exported, _ = run(eval_split="eigen_benchmark", **options)
    assert exported is not None and exported.headline.abs_rel > 0.1


# ------------------------------------------------------------------ the benchmark's submission


def test_submission_of_the_official_folder(tmp_path: Path):
    folder = tmp_path / "test_depth_prediction_anonymous" / "image"
    folder.mkdir(parents=True)
    for index in range(500):
        picture = np.zeros((11, 38, 3), np.uint8)
        picture[..., 0] = 5 + index % 90
        Image.fromarray(picture).save(folder / f"{index:010d}.png")
    options: dict[str, object] = {"eval_split": "benchmark", "data_path": tmp_path}
    model = RedModel(height=11, width=38)
    result, text = run(model, eval_stereo=True, **options)
    assert result is None and "500 depth maps for the server" in text
    files = sorted(Path("out/benchmark_predictions").iterdir())
    assert [file.name for file in files] == [f"{index:010d}.png" for index in range(500)]
    stored = np.array(Image.open(files[7]))
    assert stored.shape == (352, 1216) and stored.dtype == np.uint16
    assert abs(int(stored[100, 100]) - 12 * 256) <= 1
    assert np.array(Image.open(files[89])).max() == 80 * 256  # 94 m are clipped

    (folder / "0000000499.png").unlink()
    with pytest.raises(UserError, match="lacks 1 of the 500 benchmark images, for example 0000000499.png"):
        run(model, eval_stereo=True, **options)
    with pytest.raises(UserError, match="gives no ground truth to align with: use --eval_stereo"):
        run(ext_disp_to_eval=_stored_benchmark(), eval_mono=True, **options)


def _stored_benchmark() -> Path:
    np.save("benchmark.npy", np.full((500, 2, 4), 0.1, np.float32))
    return Path("benchmark.npy")


def test_submission_of_stored_predictions_needs_no_images():
    run(ext_disp_to_eval=_stored_benchmark(), eval_stereo=True, eval_split="benchmark", eval_out_dir=Path("out"))
    stored = np.array(Image.open("out/benchmark_predictions/0000000000.png")).astype(int)
    assert np.abs(stored - 54 * 256).max() <= 1  # 1 / 0.1 units, times 5.4


@pytest.mark.parametrize(("count", "message"), [(501, "more predictions than the benchmark's 500"), (2, "were 2 pred")])
def test_a_submission_of_another_number_of_maps(count, message, tmp_path):
    maps = (torch.full((1, 2, 4), 0.1) for _ in range(count))
    with pytest.raises(UserError, match=message):
        write_submission(maps, ScoringMode(align=False), tmp_path / "out")


@pytest.mark.parametrize(("path", "message"), [(None, "--data_path"), (Path("."), "has no folder image/")])
def test_submission_without_images(path, message):
    with pytest.raises(UserError, match=message):
        run(RedModel(), eval_split="benchmark", eval_stereo=True, data_path=path)
