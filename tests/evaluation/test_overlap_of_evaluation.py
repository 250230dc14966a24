"""Evaluation while other work goes on: same scores, same order, and errors that reach the user in one sentence."""

from __future__ import annotations

import errno
import io
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from selfsup_depth import overlap
from selfsup_depth.datasets.kitti import KittiRaw
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation import predictions, run_evaluation
from selfsup_depth.evaluation.accumulator import ScoreAccumulator
from selfsup_depth.evaluation.ground_truth_files import GroundTruthFile, write_ground_truth
from selfsup_depth.evaluation.metrics import depth_scores
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.predictions import PredictionSettings, predict_inverse_depths
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.scoring import depth_at_size, score_image
from tests.evaluation.kitti_files import RedModel, depth_of
from tests.evaluation.running import LINES, run, small

METRIC = ScoringMode(align=False)


class FullModel(RedModel):
    """Has memory for two images."""

    def predict_inverse_depth(self, images: Tensor) -> Tensor:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().predict_inverse_depth(images)


class Reds(Dataset[Tensor]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Tensor:
        return torch.full((3, 4, 8), 10 * index + 5, dtype=torch.uint8)


class AskedForCtrlC(Dataset[Tensor]):
    """White where the process that loads it leaves Ctrl-C to another one."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Tensor:
        return torch.full((3, 4, 8), 255 * (signal.getsignal(signal.SIGINT) is signal.SIG_IGN), dtype=torch.uint8)


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_is_answered_by_the_main_process_alone(workers):
    model = RedModel(height=4, width=8)
    for map_ in predict_inverse_depths(model, AskedForCtrlC(), PredictionSettings(num_workers=workers)):
        assert map_.mean() == pytest.approx(1 / 255 if workers else 1)


def test_rows_keep_the_lists_order_whichever_image_is_scored_first(data: Path, monkeypatch):
    expected, _ = run(RedModel(factor=1.1), **small(eval_stereo=True))
    score, waits = ScoreAccumulator.score, iter((0.1, 0.0, 0.05, 0.0, 0.0))

    def slow(self, placed):
        time.sleep(next(waits))
        return score(self, placed)

    monkeypatch.setattr(ScoreAccumulator, "score", slow)
    found, _ = run(RedModel(factor=1.1), **small(eval_stereo=True))
    assert [row.name for row in found.rows] == LINES
    assert found.rows == expected.rows


def test_a_gpu_is_given_the_next_batch_before_the_last_one_is_looked_at(monkeypatch):
    model = RedModel(height=4, width=8)
    settings = PredictionSettings(batch_size=2)
    plain = list(predict_inverse_depths(model, Reds(), settings))
    assert model.predicted == 6
    monkeypatch.setitem(overlap.BATCHES_AHEAD, "cpu", 1)
    model.predicted = 0
    started = []
    ahead = [started.append(model.predicted) or map_ for map_ in predict_inverse_depths(model, Reds(), settings)]
    assert started == [4, 4, 6, 6, 6, 6]
    assert all(torch.equal(*pair) for pair in zip(plain, ahead, strict=True))


def test_a_batch_that_memory_does_not_hold_is_answered_by_one_that_it_holds(data: Path):
    with pytest.raises(UserError, match="5 images at once take more memory .*: 2 fit, so give --batch_size 2"):
        run(FullModel(), **small(eval_stereo=True, batch_size=16))
    result, _ = run(FullModel(), **small(eval_stereo=True, batch_size=2))
    assert result.scored_count == 5


class FullDisk(io.BytesIO):
    """Takes the header of a file, and no more."""

    def write(self, content) -> int:
        if self.tell() > 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)


def test_a_disk_that_is_full_of_predictions(data: Path, monkeypatch):
    monkeypatch.setattr(predictions, "_start_file", lambda path, shape: full)
    full = FullDisk(b"header")
    full.seek(0, io.SEEK_END)
    with pytest.raises(UserError, match=r"--save_pred_disps: .*npy cannot be written \(No space left on device\)"):
        run(RedModel(), **small(eval_stereo=True, save_pred_disps=True))
    assert list(Path("out").iterdir()) == []


def test_a_disk_that_is_full_when_the_scores_are_written(data: Path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_evaluation, "write_summary", full)
    with pytest.raises(UserError, match=r"Results cannot be written to .*out \(No space left on device\): give"):
        run(RedModel(), **small(eval_stereo=True))


@pytest.mark.parametrize("protocol", ["eigen", "eigen_benchmark", "simsin"])  # the last one resizes depth
def test_scoring_few_pixels_is_scoring_the_whole_map_where_it_is_known(protocol):
    rules = PROTOCOLS[protocol]
    rng = np.random.default_rng(0)
    inverse = torch.from_numpy(rng.uniform(0.02, 0.5, (1, 20, 40)).astype(np.float32))
    truth = np.where(rng.random((60, 100)) < 0.1, rng.uniform(1, 90, (60, 100)), 0).astype(np.float32)
    mask = rules.valid_mask(truth)
    whole = depth_at_size(inverse, truth.shape, rules)
    expected = depth_scores(truth[mask], np.clip(whole, rules.min_depth, rules.max_depth)[mask])
    row = score_image(inverse, truth, "x", rules, METRIC)
    assert (row.valid_pixels, row.unaligned) == (mask.sum(), expected)


def test_maps_of_a_file_are_unpacked_ahead_and_in_order(tmp_path: Path, data: Path, monkeypatch):
    depths = [np.full((38, 124), 2.0 + number, np.float32) for number in range(5)]
    write_ground_truth(tmp_path / "gt_depths.npz", depths, LINES)
    read, unpack = [], GroundTruthFile.__getitem__
    monkeypatch.setattr(GroundTruthFile, "__getitem__", lambda self, i: read.append(i) or unpack(self, i))
    result, _ = run(RedModel(), **small(eval_stereo=True, gt_path=tmp_path))
    assert read == [0, 1, 2, 3, 4]
    for number, (line, row) in enumerate(zip(LINES, result.rows, strict=True)):
        counted = PROTOCOLS["eigen"].valid_mask(depths[number])
        predicted = depth_of(int(line.split()[1]))[counted]
        assert row.ratio == pytest.approx((2.0 + number) / np.median(predicted), rel=1e-5)


def test_a_data_sets_depth_is_read_once(data: Path, monkeypatch):
    read, depth = [], KittiRaw.depth
    monkeypatch.setattr(KittiRaw, "depth", lambda self, item: read.append(item.frame) or depth(self, item))
    run(RedModel(), **small(eval_stereo=True))
    assert read == [int(line.split()[1]) for line in LINES]


def test_what_is_wrong_with_a_map_is_said_in_its_place(tmp_path: Path, data: Path):
    broken = [np.ones((38, 124), np.float32)] * 4
    arrays = {f"depth_{number:05d}": map_ for number, map_ in enumerate([*broken, np.ones((38, 124, 3), np.float32)])}
    np.savez(tmp_path / "gt_depths.npz", names=np.array(LINES), **arrays)
    with pytest.raises(UserError, match=r"map 4: expected float depth \[h, w\], found float32 \[38, 124, 3\]"):
        run(RedModel(), **small(eval_stereo=True, gt_path=tmp_path))


@pytest.mark.parametrize("option", ["bf16", "fp16"])
def test_stored_predictions_have_no_precision(option, tmp_path: Path):
    np.save(tmp_path / "disps.npy", np.ones((5, 1, 1), np.float32))
    with pytest.raises(UserError, match="--precision needs a network to run"):
        run(ext_disp_to_eval=tmp_path / "disps.npy", **small(eval_stereo=True, precision=option))
