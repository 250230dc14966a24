"""The contract of `DATASETS`: what is in the table is tested here."""

from __future__ import annotations

import pytest
import torch
from colmap_files import MANY, write_colmap
from prepared_sets import prepare_pairs, prepare_video
from tum_files import write_tum

from selfsup_depth.datasets import DATASETS, build_dataset
from selfsup_depth.datasets.augmentation import augment, collate
from tests.datasets.indoor_files import write_nyu_folder, write_unisin, write_va

DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"
#: what single images can be asked for; all others are stereo video
FRAMES_OF = {"motorcycle": (0, "s"), "nyuv2": (0,), "colmap": (0, -1, 1), "tum": (0, -1, 1)}
WITHOUT_DEPTH = ("kitti_odom", "unisin", "video")


def what_to_ask(name: str, trees) -> dict:
    """A small example of each data set."""
    raw_lines = (f"{DRIVE} 1 l", f"{DRIVE} 2 r", f"{DRIVE} 99 l")
    examples = {
        "kitti": lambda: {"data_path": trees.kitti_raw(), "lines": raw_lines},
        "kitti_depth": lambda: {"data_path": trees.kitti_depth(), "lines": raw_lines},
        "builtin": lambda: {"data_path": trees.kitti_depth(), "lines": raw_lines},
        "kitti_odom": lambda: {"data_path": trees.kitti_odom(), "lines": ("9 1 l", "9 2 r", "9 99 l")},
        "stereo_folder": lambda: {"data_path": trees.stereo_folder(parts=("train",))},
        "folder": lambda: {"data_path": trees.stereo_folder(parts=("train",))},
        "simsin": lambda: {"data_path": trees.simsin()},
        "builtin_indoor": lambda: {"data_path": trees.simsin()},
        "unisin": lambda: {"data_path": write_unisin(trees.root, sequences=("hall_0", "hall_1"))},
        "va": lambda: {"data_path": write_va(trees.root, frames=10, calibrated=True)},
        "nyuv2": lambda: {"data_path": write_nyu_folder(trees.root), "part": "test"},
        "colmap": lambda: {"data_path": write_colmap(trees.root, frames=12, pixels=MANY)},
        "tum": lambda: {"data_path": write_tum(trees.root / "freiburg3_wall", frames=12)},
        "prepared": lambda: {
            "data_path": prepare_pairs(trees.root / "set", trees.stereo_folder(parts=("train", "val")))
        },
        "shards": lambda: {
            "data_path": prepare_pairs(trees.root / "set", trees.stereo_folder(parts=("train", "val")), tar_quality=95)
        },
        "video": lambda: {"data_path": prepare_video(trees.root / "set")},
        "motorcycle": lambda: {},
    }
    return examples[name]()


@pytest.mark.parametrize("name", list(DATASETS))
def test_a_batch_of_every_data_set(name, trees, ask):
    frame_ids = FRAMES_OF.get(name, (0, -1, 1, "s"))
    dataset = build_dataset(
        name, ask(frame_ids=frame_ids, height=32, width=64, is_train=True, **what_to_ask(name, trees))
    )
    report = dataset.report
    assert len(dataset) == report.kept == report.listed - sum(report.left_out.values()) >= 2
    assert set(report.examples) == set(report.left_out)
    batch = augment(collate([dataset[(1, 0)], dataset[(1, 1)]]))
    assert list(batch.sources) == list(frame_ids[1:])
    for view in (batch.target, *batch.sources.values()):
        assert view.image.shape == view.network_image.shape == (2, 3, 32, 64)
        assert view.intrinsics.shape == (2, 3, 3)
        assert 0 <= view.image.min() <= view.image.max() <= 1
    assert batch.names == [dataset.name(0), dataset.name(1)]
    if "s" not in frame_ids:
        assert batch.stereo_T_target is None and dataset.baseline_m is None
        return
    length = batch.stereo_T_target[:, :3, 3].norm(dim=1)
    assert torch.allclose(length, torch.full((2,), dataset.baseline_m), rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in WITHOUT_DEPTH])
def test_depth_of_every_data_set_that_has_it(name, trees, ask):
    dataset = build_dataset(name, ask(height=32, width=64, with_depth=True, **what_to_ask(name, trees)))
    depth = dataset[0].depth
    assert depth.dtype == torch.float32
    assert torch.isfinite(depth).all()
    assert (depth >= 0).all()
    assert (depth > 0).any()
    assert torch.equal(torch.from_numpy(dataset.depth(0)), depth[0])
    assert dataset.image(0).dtype == torch.uint8
