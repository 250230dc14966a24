"""Our lists against the SHA-256 of the published ones."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest

from splits import (
    SPLITS,
    archives_to_download,
    eigen_to_benchmark_ids,
    kitti_drives,
    kitti_rules,
    read_split,
    table,
)
from splits.writing import all_files, split_files

IDS = "benchmark/eigen_to_benchmark_ids.npy"
#: Files that equal the published ones byte for byte; all texts among them end with a newline.
EXACT = {
    "benchmark/test_files.txt": "b9b0746d2e5263d975fd082d6e82d592971adc9e6a2fdf370a8cf78519161d28",
    "benchmark/val_files.txt": "5c65577de234037bec0c792d7bf44c60b7fb367449266054eb4612a5e92bfa08",
    "eigen/test_files.txt": "e226d4ca16e0e6e9695435014347dcf973588531330536fd8a68d298ef091a6b",
    "eigen_benchmark/test_files.txt": "d56e5e509e6960a01fb93795f85028ac6e4a82ad40e64b6e968988e4db95b9be",
    "kitti_archives_to_download.txt": "9899630a856ea2661a06d223440561395792e15538ebe97f3b719a04b91e4386",
    "odom/test_files_09.txt": "8b999b6f974041663ba2f8aa6456ea338089a272119b7edd702f352278f43d26",
    "odom/test_files_10.txt": "f39c47e0c21f65d4503476375f2a786def34f54bd5d1cabf28c7e68f002986a1",
    IDS: "1c1ac4ea84c938622f228a4438661fdb66ec07a2380a54bd21cd28b6eeb1a4e8",
}
#: Lists that equal the published ones as sets: SHA-256 of `LC_ALL=C sort -u`.
SORTED = {
    ("benchmark", "test"): "e8dfb72a3e4aa18cdd7f44275ea8551bcaba4f982d076a47eff72eb6e4a5b3ad",
    ("benchmark", "train"): "8a18f9d55309e78146521badf544d3dcba16b5616618e28e32931b76ef008133",
    ("benchmark", "val"): "cbe4d895ac8ed2ec0bdf5924608fce76397ab762b9d9f6e52ea7cb68ef3086bd",
    ("benchmark", "all"): "bd13ecf6d45da0cc9c02eae0e7cf225ab2393b8f41229bc1e4d9b3ba6d65b3ec",
    ("eigen", "test"): "1ef11653252ec9bd799a41cacd8078317437f79ca26af21ae71d8f6a2d3bec67",
    ("eigen_benchmark", "test"): "048373a901ac64dd09b204f580924777300304f8becaa246c64a7558c5cac2ff",
    ("eigen_full", "all"): "71aea09c9018a50f5b94ad47a1f79778e3405846b086f5145c691c9058ba8a81",
    ("eigen_zhou", "all"): "9dfc5058f2c02b489b5ab2c8d733730f48c6c275f6e5579a85d9580362831320",
    ("odom", "all"): "9d67d72287315e6e4cbb9fc3a51c7e2bf0db9e1641336b61c82a71af24bd51b3",
    ("odom_9", "test"): "111ecb111267039f6cd131f90e4299ee244fb494bbb5837a3fa3ac78c916c05a",
    ("odom_10", "test"): "046a0b482b7d189d1bc27daa97c08e8b6c6c5c4bc486311fb580699e6dc9e680",
}
LINES = {
    ("benchmark", "train"): 72_084,
    ("benchmark", "val"): 6_060,
    ("benchmark", "test"): 500,
    ("eigen_zhou", "all"): 44_234,
    ("eigen_full", "all"): 46_976,
    ("odom", "all"): 40_746,
    ("eigen", "test"): 697,
    ("eigen_benchmark", "test"): 652,
    ("odom_9", "test"): 1_590,
    ("odom_10", "test"): 1_200,
}


@pytest.mark.parametrize("file", EXACT)
def test_file_equals_the_published_one_byte_for_byte(file: str) -> None:
    assert hashlib.sha256(all_files()[file]).hexdigest() == EXACT[file]


@pytest.mark.parametrize(("name", "part"), SORTED)
def test_list_equals_the_published_one_as_a_set(name: str, part: str) -> None:
    text = "".join(f"{line}\n" for line in sorted(set(read_split(name, part))))
    assert hashlib.sha256(text.encode()).hexdigest() == SORTED[name, part]


@pytest.mark.parametrize(("name", "part"), LINES)
def test_no_line_stands_twice(name: str, part: str) -> None:
    lines = read_split(name, part)
    assert len(lines) == len(set(lines)) == LINES[name, part]


def test_every_split_is_checked_against_published_hashes() -> None:
    assert {name for name, _ in SORTED} == set(SPLITS)


def test_ids_choose_eigen_lines() -> None:
    ids = eigen_to_benchmark_ids()
    assert ids.dtype == np.int64 and ids.shape == (652,)
    eigen = read_split("eigen", "test")
    chosen = [f"{folder} {int(frame)} {side}" for folder, frame, side in (eigen[i].split() for i in ids)]
    assert chosen == read_split("eigen_benchmark", "test")


def test_frame_numbers_are_padded_in_eigen_only() -> None:
    assert read_split("eigen", "test")[0] == "2011_09_26/2011_09_26_drive_0002_sync 0000000069 l"
    assert read_split("eigen_benchmark", "test")[0] == "2011_09_26/2011_09_26_drive_0002_sync 69 l"
    assert read_split("odom_9", "test")[:2] == ["9 0 l", "9 1 l"]
    assert read_split("benchmark", "test")[-1] == "image 499"


def test_archives_cover_every_drive() -> None:
    text = "\n".join(archives_to_download())
    assert all(f"/{drive.name}/{drive.name}_sync.zip" in text for drive in kitti_drives.drives().values())


def test_drive_table_adds_up() -> None:
    drives = list(kitti_drives.drives().values())
    training = [drive for drive in drives if not drive.eigen_test]
    assert (len(drives), sum(drive.frame_count for drive in drives)) == (61, 42_382)
    assert (len(training), sum(drive.frame_count for drive in training)) == (33, 23_488)
    assert sum(len(drive.static) for drive in drives) == 2_821
    assert all(max(drive.static | {0}) < drive.frame_count - 1 for drive in drives)


def test_making_every_list_anew_is_quick() -> None:
    for module in (kitti_drives, kitti_rules, table):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
    start = time.process_time()
    for name in SPLITS:
        split_files(name)
    assert time.process_time() - start < 1.0  # about 0.2 s of one core
