"""Validation frames are held out in blocks that training does not touch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splits import kitti_rules, parse_line, read_split
from splits.holdout import GUARD, SHORTEST_DRIVE, hold_out
from splits.kitti_drives import sequences

OURS = ["eigen_zhou", "eigen_full", "odom"]
RUNS = {
    "eigen_zhou": kitti_rules.eigen_zhou,
    "eigen_full": kitti_rules.eigen_full,
    "odom": kitti_rules.odometry,
}


def frames(name: str, part: str) -> set[tuple[str, int]]:
    return {(line.folder, line.frame) for line in map(parse_line, read_split(name, part))}


def raw_frames(name: str, part: str) -> set[tuple[str, int]]:
    """The same, with odometry sequences under the raw drive's name and numbers."""
    if name != "odom":
        return frames(name, part)
    by_name = {str(sequence.number): sequence for sequence in sequences().values()}
    return {(by_name[s].drive.folder, by_name[s].first + n) for s, n in frames(name, part)}


@pytest.mark.parametrize("name", [*OURS, "benchmark"])
def test_no_validation_frame_nor_its_neighbours_stand_in_train_from_either_side(name: str) -> None:
    train = frames(name, "train")
    near = {(folder, n + step) for folder, n in frames(name, "val") for step in (-1, 0, 1)}
    assert not train & near


@pytest.mark.parametrize("name", OURS)
def test_five_frame_windows_of_train_and_val_share_no_image(name: str) -> None:
    window = (-2, -1, 0, 1, 2)
    train = {(folder, n + step) for folder, n in frames(name, "train") for step in window}
    val = {(folder, n + step) for folder, n in frames(name, "val") for step in window}
    assert not train & val


@pytest.mark.parametrize("name", OURS)
def test_about_a_tenth_is_held_out_and_the_guard_is_small(name: str) -> None:
    total = len(read_split(name, "all"))
    val, train = len(read_split(name, "val")), len(read_split(name, "train"))
    assert 0.08 < val / total < 0.12
    assert 0 < total - val - train < 0.02 * total


@pytest.mark.parametrize("name", OURS)
def test_train_val_and_guard_are_the_union(name: str) -> None:
    parts = [kitti_rules.run_lines(RUNS[name](), part) for part in ("train", "val", "guard")]
    assert sorted(line for part in parts for line in part) == sorted(read_split(name, "all"))
    assert list(parts[0]) == read_split(name, "train") and list(parts[1]) == read_split(name, "val")


@pytest.mark.parametrize("name", [*OURS, "benchmark"])
@pytest.mark.parametrize("part", ["train", "val"])
def test_both_sides_go_together(name: str, part: str) -> None:
    sides = {side: {line[:-2] for line in read_split(name, part) if line.endswith(side)} for side in "lr"}
    assert sides["l"] == sides["r"]


@pytest.mark.parametrize("train_name", OURS)
@pytest.mark.parametrize("val_name", OURS)
def test_a_frame_held_out_of_one_list_is_in_training_of_none(train_name: str, val_name: str) -> None:
    assert not raw_frames(train_name, "train") & raw_frames(val_name, "val")


def test_validation_is_the_same_in_every_process_and_release() -> None:
    program = (
        "import hashlib, splits;"
        "lines = [l for s in ('eigen_zhou', 'eigen_full', 'odom') for l in splits.read_split(s, 'val')];"
        "print(hashlib.sha256('\\n'.join(lines).encode()).hexdigest())"
    )
    root = Path(kitti_rules.__file__).parents[1]
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    # The rule is a promise: scores on the validation part can be compared only while it stands.
    assert digests == {"1c134d2475e1965d8b14eb7ff39b0dbaf1e7e5231247a389fd7ddd679cbff619"}


def test_block_is_the_middle_tenth() -> None:
    held_out = hold_out(500, frozenset())
    assert held_out.val == frozenset(range(225, 275))
    assert held_out.guard == frozenset({221, 222, 223, 224, 275, 276, 277, 278})
    assert [held_out.part(n) for n in (220, 221, 225, 274, 275, 279)] == [
        "train", "guard", "val", "val", "guard", "train"
    ]  # fmt: skip


def test_guard_counts_moving_frames_so_a_standstill_does_not_shorten_it() -> None:
    held_out = hold_out(526, frozenset(range(275, 301)))  # the car stops right after the block
    assert max(held_out.val) == 274
    assert held_out.guard == frozenset({221, 222, 223, 224, *range(275, 305)})


def test_short_drives_stay_in_training() -> None:
    assert not hold_out(SHORTEST_DRIVE - 1, frozenset()).val
    assert len(hold_out(SHORTEST_DRIVE, frozenset()).val) == SHORTEST_DRIVE // 10


@given(st.integers(0, 3000), st.sets(st.integers(0, 3000), max_size=200))
def test_any_drive_is_cut_cleanly(frame_count: int, static: set[int]) -> None:
    held_out = hold_out(frame_count, frozenset(static))
    assert not held_out.val & held_out.guard
    assert all(0 <= n < frame_count for n in held_out.val | held_out.guard)
    train = set(range(frame_count)) - held_out.val - held_out.guard
    assert not {n + step for n in held_out.val for step in range(-GUARD, GUARD + 1)} & train
    moving = frame_count - len({n for n in static if n < frame_count})
    if moving >= SHORTEST_DRIVE:
        assert 0.08 < len(held_out.val - static) / moving < 0.12
