"""What is seen of files without decoding them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfsup_depth.preflight.stored_files import look_at, look_at_files

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (30, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm"])
def test_a_complete_file_is_complete(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(PIXELS).save(path)
    seen = look_at(str(path))
    assert (seen.size, seen.bits, seen.frames, seen.is_complete) == ((40, 30), 8, 1, True)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_file_that_was_cut_off_is_not(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(PIXELS).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert not look_at(str(path)).is_complete


@pytest.mark.parametrize("content", [b"", b"this is no image"])
def test_nor_is_one_that_is_no_image(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    seen = look_at(str(tmp_path / "a.jpg"))
    assert not seen.is_complete and seen.size is None
    assert not look_at(str(tmp_path / "gone.jpg")).is_complete


def test_sixteen_bits_are_seen_in_grey_and_in_colour(tmp_path):
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 200).save(tmp_path / "grey.png")
    write_png_of_16_bits(tmp_path / "colour.png")
    assert [look_at(str(tmp_path / name)).bits for name in ("grey.png", "colour.png")] == [16, 16]


def write_png_of_16_bits(path: Path) -> None:
    """Colour, which Pillow cannot write."""
    import struct
    import zlib

    rows = b"".join(b"\0" + (PIXELS[row].astype(">u2") * 257).tobytes() for row in range(30))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40, 30, 16, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def test_an_animation_has_frames(tmp_path):
    frames = [Image.fromarray(np.roll(PIXELS, n, 0)) for n in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    assert look_at(str(tmp_path / "a.webp")).frames == 3


def test_equal_files_have_equal_fingerprints_and_no_others(tmp_path):
    for name, pixels in (("a", PIXELS), ("b", PIXELS), ("c", PIXELS[::-1])):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    a, b, c = (look_at(str(tmp_path / f"{name}.png")).fingerprint for name in "abc")
    assert a == b != c


def test_a_sample_is_drawn_from_many_files_and_says_of_how_many(tmp_path):
    paths = []
    for number in range(9):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(PIXELS).save(paths[-1])
    seen = look_at_files(paths, 4, np.random.default_rng(0))
    again = look_at_files(paths, 4, np.random.default_rng(0))
    assert (len(seen.looked_at), seen.of) == (4, 9) and seen == again


@pytest.mark.parametrize("path", ["walk.mp4", "nyu_depth_v2_labeled.mat, image 3", "gone.png"])
def test_data_that_are_not_in_image_files_have_none(path):
    seen = look_at_files([path], 4, np.random.default_rng(0))
    assert (seen.looked_at, seen.of) == ((), 0)
