"""prepare_data.py on footage as cameras and people leave it: prepared rightly, or refused in words; nothing is lost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video_files import set_frame_times, wall_walk, write_calibration, write_video

import prepare_data
from selfsup_depth.datasets import DatasetRequest, build_source
from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.errors import UserError
from splits import SplitLine

cv2 = pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")
SIZE = ["--height", "64", "--width", "96"]
FRAMES = 14


def frames(folder: Path, mode: str = "RGB", **calibration: object) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(wall_walk(FRAMES)):
        Image.fromarray(image).convert(mode).save(folder / f"walk_{number:04d}.png")
    write_calibration(folder, **calibration)
    return folder


def prepare(data_path: Path, dataset: str, *more: str) -> Path:
    out = data_path.parent / "prepared"
    words = ["--dataset", dataset, "--data_path", str(data_path), "--output_directory", str(out), *SIZE, *more]
    assert prepare_data.main(words) == 0
    return out


def opened(folder: Path) -> Prepared:
    return Prepared(DatasetRequest(64, 96, data_path=folder))


def marks(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of change of every file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


def sixteen_bits(image: Path) -> None:
    Image.fromarray(np.asarray(Image.open(image).convert("L")).astype(np.uint16) * 257).save(image)


def turned(image: Path) -> None:
    Image.open(image).rotate(90, expand=True).save(image)


def cut_off(image: Path) -> None:
    image.write_bytes(image.read_bytes()[:500])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P"])
def test_alpha_and_grey_become_what_training_reads_and_originals_stay(tmp_path, mode):
    folder = frames(tmp_path / "my walk", mode)
    before = marks(folder)
    prepared = opened(prepare(folder, "folder"))
    assert marks(folder) == before
    originals = build_source("folder", DatasetRequest(64, 96, data_path=folder))
    for view in prepared.items():
        assert np.array_equal(prepared.read_image(view), originals.read_image(view))
        assert np.array_equal(prepared.intrinsics(view, 96, 64), originals.intrinsics(view, 96, 64))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (sixteen_bits, r"walk_0007.png has more than 8 bits a channel .*: convert it to 8 bits"),
        (turned, r"walk_0007.png has 64x96, the same shape turned by a quarter .* into a folder of their own"),
        (cut_off, r"walk_0007.png cannot be read as an image"),
    ],
)
def test_one_bad_picture_is_named_and_mended_the_same_command_finishes(tmp_path, spoil, message):
    folder = frames(tmp_path / "walk")
    bad = folder / "walk_0007.png"
    good = bad.read_bytes()
    spoil(bad)
    with pytest.raises(UserError, match=message):
        prepare(folder, "folder")
    bad.write_bytes(good)
    assert len(opened(prepare(folder, "folder")).items()) == 9  # 14 without what is held out, guards and an end


def test_a_calibration_for_another_resolution(tmp_path):
    folder = frames(tmp_path / "walk", image_width=192, image_height=128, fx=120.0, fy=120.0, cx=96.0, cy=64.0)
    prepared = opened(prepare(folder, "folder"))
    K = prepared.intrinsics(prepared.items()[0], 96, 64)
    assert K.tolist() == [[60.0, 0, 48], [0, 60, 32], [0, 0, 1]]
    with pytest.raises(UserError, match=r"is that of images of about 96x64, but the size given is 192x128"):
        prepare(frames(tmp_path / "other" / "walk", image_width=192, image_height=128), "folder")


def test_a_video_of_an_odd_size(tmp_path):
    path = tmp_path / "mein Büro 書斎.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (95, 63))
    for image in wall_walk(8):
        writer.write(np.ascontiguousarray(image[:63, :95, ::-1]))
    writer.release()
    write_calibration(tmp_path, image_width=95, image_height=63)
    prepared = opened(prepare(path, "video"))
    K = prepared.intrinsics(SplitLine("mein_Büro_書斎", 2, "l"), 96, 64)
    assert K[0, 2].item() == pytest.approx(48 * 96 / 95)
    assert K[1, 2].item() == pytest.approx(32 * 64 / 63)
    assert prepared.recorded_size == (95, 63)


def test_a_video_of_a_variable_frame_rate_is_taken_by_time(tmp_path):
    path = set_frame_times(write_video(tmp_path / "uneven.mp4", wall_walk(24)), [0.05, 0.15, 0.05, 0.15] * 6)
    write_calibration(tmp_path)
    prepared = opened(prepare(path, "video", "--fps", "5"))
    times = [prepared.time_s(SplitLine("uneven", 2 * number, "l")) for number in range(12)]
    assert times == pytest.approx([0.2 * number for number in range(12)], abs=1e-3)


def test_left_and_right_of_different_counts_are_counted(tmp_path, capsys):
    rig = tmp_path / "rig"
    for side, count in (("left", 16), ("right", 12)):
        write_video(rig / f"{side}.avi", wall_walk(count, side))
        for number, image in enumerate(wall_walk(count, side)):
            (tmp_path / "pictures" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / "pictures" / side / f"wall_{number:04d}.png")
    write_calibration(rig, stereo=True)
    write_calibration(tmp_path / "pictures", stereo=True)
    out = prepare(rig, "video", "--use_stereo", "--frame_ids", "0")
    assert "dropped 4: without a frame of the other camera at the same time" in capsys.readouterr().out
    assert json.loads((out / "prepared.json").read_text())["frames"]["kept"] == 12
    out.rename(tmp_path / "of the videos")
    prepare(tmp_path / "pictures", "folder", "--use_stereo", "--frame_ids", "0")  # pairs are held out, not the rest
    told = capsys.readouterr().out
    assert "left out 4: stereo image missing" in told and "left out 4: target image missing" in told
    assert "validation: 1 of 1 listed samples" in told


def test_a_video_without_decodable_frames_leaves_nothing_behind(tmp_path):
    path = write_video(tmp_path / "empty.mp4", wall_walk(4))
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    size = int.from_bytes(content[start - 8 : start - 4], "big") - 8
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    with pytest.raises(UserError, match="empty.mp4 has no frame that can be decoded: .*convert it"):
        prepare(path, "video", "--fov", "60")
    assert [entry.name for entry in tmp_path.iterdir()] == ["empty.mp4"]
