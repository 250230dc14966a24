from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.postprocess import blend_flipped
from selfsup_depth.evaluation.predictions import (
    PredictionFile,
    PredictionSettings,
    predict_inverse_depths,
    save_while_predicting,
)


class RampModel:
    """Inverse depth = 1 + red + column number: not symmetric under flips."""

    height, width, metric, meta, device = 4, 40, True, None, torch.device("cpu")

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def predict_inverse_depth(self, images: Tensor) -> Tensor:
        assert images.dtype == torch.float32 and images.max() <= 1
        self.batch_sizes.append(len(images))
        return 1 + images[:, :1] + torch.arange(self.width).float()


class Pictures(Dataset[Tensor]):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Tensor:
        return torch.full((3, 4, 40), 51 * index, dtype=torch.uint8)


def test_in_order_and_in_batches_whatever_the_batch_size():
    for size, expected in ((2, [2, 2, 1]), (16, [5])):
        model = RampModel()
        depths = list(predict_inverse_depths(model, Pictures(), PredictionSettings(batch_size=size)))
        assert model.batch_sizes == expected
        assert [depth.shape for depth in depths] == [(1, 4, 40)] * 5
        assert [depth[0, 0, 0].item() for depth in depths] == pytest.approx([1, 1.2, 1.4, 1.6, 1.8])


def test_post_processing_blends_with_the_mirrored_pass():
    settings = PredictionSettings(post_process=True)
    first = next(iter(predict_inverse_depths(RampModel(), Pictures(), settings)))
    ramp = 1 + torch.arange(40).float().expand(1, 4, 40)
    assert torch.allclose(first, blend_flipped(ramp, ramp.flip(-1)))
    assert first[0, 0, 0] == pytest.approx(40) and first[0, 0, -1] == pytest.approx(40)


def saved(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "disps_eigen_split.npy"
    stream = predict_inverse_depths(RampModel(), Pictures(), PredictionSettings())
    assert len(list(save_while_predicting(stream, path, 5, {"metric": True, "unit": "1/metres"}))) == 5
    return path


def test_saved_predictions_come_back_with_their_unit(tmp_path: Path):
    path = saved(tmp_path)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["disps_eigen_split.json", "disps_eigen_split.npy"]
    assert json.loads(path.with_suffix(".json").read_text()) == {"metric": True, "unit": "1/metres", "count": 5}
    file = PredictionFile(path)
    file.require_count(5)
    assert file.unit.metric is True and len(file) == 5
    expected = list(predict_inverse_depths(RampModel(), Pictures(), PredictionSettings()))
    assert all(torch.equal(file[i], expected[i]) for i in range(5))


def test_interrupted_predictions_leave_nothing(tmp_path: Path):
    def breaks():
        yield torch.ones(1, 2, 2)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        list(save_while_predicting(breaks(), tmp_path / "disps.npy", 2, {"metric": True}))
    assert list(tmp_path.iterdir()) == []


def test_published_file_without_a_unit(tmp_path: Path):
    np.save(tmp_path / "mono_640x192_eigen.npy", np.ones((3, 1, 2, 4), np.float32))
    file = PredictionFile(tmp_path / "mono_640x192_eigen.npy")
    assert file.unit.metric is None and file[2].shape == (1, 2, 4)


def test_other_count_than_the_list(tmp_path: Path):
    np.save(tmp_path / "disps.npy", np.ones((697, 1, 1), np.float32))
    with pytest.raises(UserError, match="holds 697 predictions, but the list has 652 images"):
        PredictionFile(tmp_path / "disps.npy").require_count(652)


def test_what_is_no_array_of_inverse_depths(tmp_path: Path):
    with pytest.raises(UserError, match="none.npy does not exist"):
        PredictionFile(tmp_path / "none.npy")
    np.save(tmp_path / "object.npy", np.array([np.ones(2), np.ones(3)], dtype=object))
    with pytest.raises(UserError, match="not a plain .npy array"):
        PredictionFile(tmp_path / "object.npy")
    np.savez(tmp_path / "archive.npy", data=np.ones((1, 2, 2)))
    (tmp_path / "archive.npy.npz").rename(tmp_path / "archive.npy")
    with pytest.raises(UserError, match="is an archive of arrays"):
        PredictionFile(tmp_path / "archive.npy")
    np.save(tmp_path / "bytes.npy", np.ones((1, 2, 2), np.uint8))
    with pytest.raises(UserError, match=r"expected floating-point inverse depths \[N, h, w\], found uint8"):
        PredictionFile(tmp_path / "bytes.npy")
    np.save(tmp_path / "flat.npy", np.ones((4, 4), np.float32))
    with pytest.raises(UserError, match=r"found float32 \[4, 4\]"):
        PredictionFile(tmp_path / "flat.npy")


@pytest.mark.parametrize(("text", "message"), [("{", "not valid JSON"), ('{"metric": "yes"}', "true or false")])
def test_broken_sidecar(tmp_path: Path, text: str, message: str):
    path = saved(tmp_path)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(UserError, match=message):
        PredictionFile(path)
