from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.ground_truth_files import GroundTruthFile, write_ground_truth

NAMES = ["a 0 l", "b 1 l", "c 2 l"]


def ragged() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random(size).astype(np.float32) for size in ((4, 5), (3, 7), (4, 5))]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return [a.dtype for a in one] == [b.dtype for b in other] and all(map(np.array_equal, one, other))


@pytest.mark.parametrize("maps", [ragged(), [np.ones((2, 3), np.float32)] * 3], ids=["ragged", "equal sizes"])
def test_round_trip(tmp_path: Path, maps):
    path = tmp_path / "deep" / "gt_depths.npz"
    write_ground_truth(path, iter(maps), NAMES)
    stored = GroundTruthFile(path)
    assert same(maps, list(stored)) and stored.names == tuple(NAMES)
    assert os.listdir(path.parent) == ["gt_depths.npz"]


def test_readable_by_the_published_tools(tmp_path: Path):
    path = tmp_path / "gt_depths.npz"
    write_ground_truth(path, ragged(), NAMES)
    data = np.load(path, fix_imports=True, encoding="latin1", allow_pickle=True)["data"]
    assert data.dtype == object and data.shape == (3,) and same(ragged(), list(data))


def test_our_maps_are_read_without_pickle(tmp_path: Path):
    path = tmp_path / "gt_depths.npz"
    write_ground_truth(path, ragged(), NAMES)
    archive = np.load(path, allow_pickle=False)
    assert same(ragged(), [archive[f"depth_{i:05d}"] for i in range(3)])


@pytest.mark.parametrize("compressed", [True, False])
def test_monodepth2_export_is_read(tmp_path: Path, compressed: bool):
    path = tmp_path / "gt_depths.npz"
    array = np.empty(3, dtype=object)
    array[:] = ragged()
    (np.savez_compressed if compressed else np.savez)(path, data=array)
    stored = GroundTruthFile(path)
    assert same(ragged(), list(stored)) and stored.names is None


def test_export_of_equal_sizes_is_a_plain_array(tmp_path: Path):
    path = tmp_path / "gt_depths.npz"
    np.savez(path, data=np.ones((3, 4, 5), np.float32))
    assert [depth.shape for depth in GroundTruthFile(path)] == [(4, 5)] * 3


class Malicious:
    def __reduce__(self):
        return os.system, ("touch owned",)


def test_a_pickle_that_is_no_depth_map_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    array = np.empty(1, dtype=object)
    array[0] = Malicious()
    np.savez(tmp_path / "evil.npz", data=array)
    with pytest.raises(UserError, match=r"evil.npz asks to load \w+.system, which is no depth map"):
        GroundTruthFile(tmp_path / "evil.npz")
    assert not (tmp_path / "owned").exists()


def test_unfinished_files_do_not_stay(tmp_path: Path):
    def breaks():
        yield ragged()[0]
        raise UserError("the scan is missing")

    with pytest.raises(UserError, match="scan is missing"):
        write_ground_truth(tmp_path / "gt_depths.npz", breaks(), NAMES)
    with pytest.raises(ValueError, match="3 names for 1 depth maps"):
        write_ground_truth(tmp_path / "gt_depths.npz", ragged()[:1], NAMES)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ground_truth(tmp_path: Path):
    with pytest.raises(UserError, match="missing.npz does not exist; export_gt_depth.py writes it"):
        GroundTruthFile(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UserError, match="text.npz is not an .npz file"):
        GroundTruthFile(tmp_path / "text.npz")
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with pytest.raises(UserError, match="array.npz is not an .npz file"):
        GroundTruthFile(tmp_path / "array.npz")
    np.savez(tmp_path / "other.npz", poses=np.eye(4))
    with pytest.raises(UserError, match="expected arrays depth_00000, ... or Monodepth2's 'data', found poses"):
        GroundTruthFile(tmp_path / "other.npz")
    np.savez(tmp_path / "rgb.npz", depth_00000=np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(UserError, match=r"map 0: expected float depth \[h, w\], found uint8"):
        GroundTruthFile(tmp_path / "rgb.npz")[0]
