from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.datasets import DATASETS
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.protocols import GARG_CROP, PROTOCOLS, find_protocol, protocol_of_dataset

GOLDEN = Path(__file__).parents[1] / "golden" / "selfsup_golden.json"
GARG = json.loads(GOLDEN.read_text())["net_md2"]["garg crop"]


@pytest.mark.parametrize("size", GARG)
def test_garg_crop_at_every_kitti_size(size):
    height, width = map(int, size.split("x"))
    rows, columns = GARG_CROP.window(height, width)
    assert [rows.start, rows.stop, columns.start, columns.stop] == GARG[size]


def test_eigen_counts_pixels_inside_the_crop_and_the_cap_only():
    depth = np.full((375, 1242), 10.0, dtype=np.float32)
    mask = find_protocol("eigen").valid_mask(depth)
    assert mask.sum() == (371 - 153) * (1197 - 44)
    assert mask[153, 44] and mask[370, 1196]
    assert not mask[152, 44] and not mask[371, 44] and not mask[153, 43] and not mask[153, 1197]

    depth[200, 100:106] = [0, 1e-3, 0.002, 79.99, 80.0, np.nan]
    assert find_protocol("eigen").valid_mask(depth)[200, 100:106].tolist() == [False, False, True, True, False, False]


def test_eigen_benchmark_has_no_crop_and_no_cap():
    depth = np.array([[0.0, 1e-4, 85.0, 120.0, np.inf, np.nan]])
    assert find_protocol("eigen_benchmark").valid_mask(depth).tolist() == [[False, True, True, True, False, False]]


@pytest.mark.parametrize(("name", "cap"), [("builtin", 80), ("stereo_folder", 80), ("folder", 80), ("indoor", 10)])
def test_cap_of_the_other_protocols(name, cap):
    depth = np.full((100, 100), cap - 0.01)
    depth[50:, :] = cap
    mask = find_protocol(name).valid_mask(depth)
    assert mask[49, 50] and not mask[50:].any()
    assert mask[0, 0] == (PROTOCOLS[name].crop is None)


def test_the_table_is_consistent():
    for name, protocol in PROTOCOLS.items():
        assert name == protocol.name
        assert 0 <= protocol.min_depth < protocol.max_depth
        assert protocol.version >= 1 and protocol.description
    with pytest.raises(TypeError):
        PROTOCOLS["mine"] = PROTOCOLS["eigen"]  # type: ignore[index]


def test_only_kitti_knows_the_published_factor():
    factors = {name: protocol.published_stereo_factor for name, protocol in PROTOCOLS.items()}
    kitti = {"eigen", "eigen_benchmark", "benchmark", "kitti_lidar", "kitti_improved"}
    assert factors == {name: 5.4 if name in kitti else None for name in PROTOCOLS}


def test_protocol_of_a_data_sets_own_depth():
    assert protocol_of_dataset("kitti").name == "kitti_lidar"  # "eigen" is one list with one published truth
    assert protocol_of_dataset("stereo_folder").crop is GARG_CROP
    assert protocol_of_dataset("simsin").max_depth == 10
    made_of_another = {"prepared", "shards", "video"}  # whose protocol is that of what they were made from
    for dataset in set(DATASETS) - {"kitti_odom", "unisin"} - made_of_another:
        assert protocol_of_dataset(dataset).ground_truth == "dataset"
    for dataset in ("kitti_odom", "unisin"):
        with pytest.raises(UserError, match=f"--dataset {dataset} has no ground-truth depth"):
            protocol_of_dataset(dataset)


# ------------------------------------------------------------------ DistDepth's protocols


@pytest.mark.parametrize("name", ["va", "nyuv2", "simsin"])
def test_distdepths_rules(name):
    protocol = find_protocol(name)
    assert (protocol.min_depth, protocol.max_depth, protocol.crop) == (1e-3, 10.0, None)
    assert (protocol.resized, protocol.median, protocol.plane) == ("depth", "lower", 3.0)
    assert protocol.columns[:2] == ("mae", "abs_rel")
    # 0.01 < truth <= 10: the far end counts, the near one does not
    depth = np.array([[0.0, 0.01, 0.0101, 9.99, 10.0, 10.001, np.nan, np.inf]])
    assert protocol.valid_mask(depth).tolist() == [[False, False, True, True, True, False, False, False]]
    assert protocol_of_dataset(name) is protocol


def test_only_published_indoor_numbers_need_aligned_corners():
    assert {name for name, protocol in PROTOCOLS.items() if protocol.align_corners} == {"va", "nyuv2"}


def test_kitti_tables_keep_their_seven_columns():
    for name in ("eigen", "eigen_benchmark", "kitti_lidar", "kitti_improved", "builtin", "stereo_folder"):
        protocol = PROTOCOLS[name]
        assert len(protocol.columns) == 7 and "mae" not in protocol.columns
        assert (protocol.resized, protocol.align_corners, protocol.median) == ("inverse_depth", False, "mean")


def test_nyuv2_crops_whole_maps_and_takes_cropped_ones_as_they_are():
    rows, columns = np.mgrid[:480, :640]
    whole = (rows + columns / 1000).astype(np.float32)
    protocol = find_protocol("nyuv2")
    cropped = protocol.fit(whole, "x")
    assert cropped.shape == (448, 608)
    assert np.array_equal(cropped, whole[16:464, 16:624])
    assert protocol.fit(cropped, "x") is cropped


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("va", (480, 640), "of room 3 l has 480x640 pixels, but protocol va is defined on 640x640: give"),
        ("nyuv2", (512, 512), "has 512x512 pixels, but protocol nyuv2 is defined on 448x608 or 480x640: give"),
        ("nyuv2", (640, 480), "has 640x480 pixels"),
    ],
)
def test_maps_of_another_size_than_the_published_are_refused(name, shape, message):
    with pytest.raises(UserError, match=message):
        find_protocol(name).fit(np.ones(shape), "room 3 l")


def test_other_protocols_take_any_size():
    for name in ("eigen", "indoor", "simsin", "builtin"):
        truth = np.ones((3, 5))
        assert find_protocol(name).fit(truth, "x") is truth


def test_unknown_protocol():
    with pytest.raises(UserError, match="no evaluation protocol 'eigne'; choose one of eigen, "):
        find_protocol("eigne")
