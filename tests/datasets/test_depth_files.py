"""Depth maps as PFM and as numpy arrays."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from selfsup_depth.datasets.depth_files import read_depth_npy, read_depth_pfm, read_pfm
from selfsup_depth.errors import UserError

BOTTOM_UP = (4.0, 5.0, 6.0, 1.0, 2.0, 3.0)  # two rows of three, the lower first
TOP_DOWN = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.fixture
def pfm(tmp_path):
    def write(content: bytes) -> str:
        path = tmp_path / "map.pfm"
        path.write_bytes(content)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("header", "order"),
    [
        (b"Pf\n3 2\n-1.0\n", "<"),
        (b"Pf\n3 2\n1.0\n", ">"),
        (b"Pf\r\n3 2\r\n-1.000000\r\n", "<"),
        (b"Pf 3 2 -1e0 ", "<"),
    ],
)
def test_rows_come_from_the_bottom_in_either_byte_order(pfm, header, order):
    values = read_pfm(pfm(header + struct.pack(f"{order}6f", *BOTTOM_UP)))
    assert values.dtype == np.float32
    assert values.tolist() == TOP_DOWN
    assert values.flags.writeable and values.flags.c_contiguous


def test_data_that_begins_like_white_space_are_not_eaten(pfm):
    first = struct.unpack("<f", b"\n \t\n")[0]
    values = read_pfm(pfm(b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", first, 1.0)))
    assert values.tolist() == [[first, 1.0]]


def test_three_channels(pfm):
    rows = np.arange(12, dtype="<f4").reshape(2, 2, 3)
    path = pfm(b"PF\n2 2\n-1.0\n" + rows.tobytes())
    assert np.array_equal(read_pfm(path), rows[::-1])
    with pytest.raises(UserError, match=r"map\.pfm has shape \(2, 2, 3\) where one depth map"):
        read_depth_pfm(path)
    grey = np.repeat(np.array([1.0, 2.0, np.nan, 4.0], "<f4"), 3)
    assert read_depth_pfm(pfm(b"PF\n2 2\n-1.0\n" + grey.tobytes())).tolist() == [[0.0, 4.0], [1.0, 2.0]]


def test_what_is_no_distance_is_unknown(pfm):
    values = struct.pack("<4f", float("inf"), float("nan"), -1.0, 2.5)
    assert read_depth_pfm(pfm(b"Pf\n4 1\n-1.0\n" + values)).tolist() == [[0.0, 0.0, 0.0, 2.5]]


@pytest.mark.parametrize("length", [0, 23, 25])
def test_a_pfm_of_the_wrong_length(pfm, length):
    with pytest.raises(UserError, match=rf"map\.pfm holds {length} bytes of pixels where 3x2 needs 24: .*truncated"):
        read_pfm(pfm(b"Pf\n3 2\n-1.0\n" + bytes(length)))


@pytest.mark.parametrize("content", [b"", b"P6\n3 2\n255\n", b"Pf\n3\n", b"Pf\n-3 2\n-1.0\n", b"Pf\n3 2\nlittle\n"])
def test_what_is_no_pfm(pfm, content):
    with pytest.raises(UserError, match=r"map\.pfm is not a PFM file: expected 'Pf', width, height and scale, found"):
        read_pfm(pfm(content))


def test_a_missing_pfm(tmp_path):
    with pytest.raises(UserError, match=r"none\.pfm cannot be read as a depth map"):
        read_pfm(str(tmp_path / "none.pfm"))


def test_numpy_maps(tmp_path):
    path = tmp_path / "map.npy"
    np.save(path, np.array([[[1.5], [np.nan]], [[-2.0], [np.inf]]]))  # float64 with a channel
    depth = read_depth_npy(str(path))
    assert depth.dtype == np.float32
    assert depth.tolist() == [[1.5, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("values", [np.array([{"depth": 1}], dtype=object), np.ones((2, 3, 4)), np.ones(5)])
def test_arrays_that_are_no_map(tmp_path, values):
    np.save(tmp_path / "map.npy", values, allow_pickle=True)
    with pytest.raises(UserError, match=r"map\.npy (cannot be read as a depth map|has shape)"):
        read_depth_npy(str(tmp_path / "map.npy"))
