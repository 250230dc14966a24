"""From videos to a prepared set: which frames, which cameras, which names."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from lens_footage import BARREL, see_wall
from stereo_footage import BASELINE, FOCAL, wall
from video_files import set_frame_times, turn_video, wall_walk, write_calibration, write_video

from selfsup_depth.datasets.cameras import Camera
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.selection import STANDING_STILL
from splits import SplitLine

pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")


def as_array(image: torch.Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


def names(prepared, **request) -> list[str]:
    return [f"{view.folder} {view.frame} {view.side}" for view in prepared.items()]


def dropped(prepared) -> dict[str, int]:
    with open(f"{prepared.root}/prepared.json", encoding="utf-8") as file:
        return json.load(file)["frames"]["dropped"]


def test_every_frame_with_its_time_and_camera(tmp_path, videos):
    images = wall_walk(30)
    path = write_video(tmp_path / "a walk" / "Spaziergang über 山.avi", images)
    write_calibration(path.parent)
    prepared = videos.prepare(path)
    assert [view.frame for view in prepared.items()] == list(range(27))  # the end is held out
    for number in (0, 5, 13, 26):
        view = SplitLine("Spaziergang_über_山", number, "l")
        assert np.array_equal(as_array(prepared.read_image(view)), images[number])
        assert prepared.time_s(view) == pytest.approx(number / 10)
        K = prepared.intrinsics(view, 96, 64)
        assert K.tolist() == [[FOCAL, 0, 48], [0, FOCAL, 32], [0, 0, 1]]
        assert prepared.world_T_camera(view) is None
        assert prepared.stereo_T_target(view) is None


def test_a_guess_is_another_set_than_the_same_camera_that_is_known(tmp_path, videos):
    path = write_video(tmp_path / "walk.avi", wall_walk(4))
    guessed, told = (videos.task(path, **camera) for camera in ({"guess_fov": 60.0}, {"fov": 60.0}))
    assert guessed.footage.camera_is_guess and not told.footage.camera_is_guess
    assert guessed.contents.fingerprint != told.contents.fingerprint
    prepared = videos.prepare(path, guess_fov=60.0)
    assert prepared.camera_is_guess
    assert prepared.recorded_size == (96, 64)
    assert prepared.intrinsics(SplitLine("walk", 1, "l"), 96, 64)[0, 0] == pytest.approx(48 / np.tan(np.radians(30)))


def test_a_phone_held_upright_with_the_calibration_of_one_held_level(tmp_path, videos):
    path = turn_video(write_video(tmp_path / "upright.mp4", wall_walk(3)), 90)
    write_calibration(tmp_path)
    message = r"calib.yaml is for images of 96x64, but .*upright.mp4 has 64x96, the same shape turned by a quarter"
    with pytest.raises(UserError, match=message):
        videos.task(path)


def test_of_several_videos_the_shape_counts_that_suits_training_least(tmp_path, videos):
    for name, images in (("level", wall_walk(3)), ("upright", [np.rot90(image) for image in wall_walk(3)])):
        write_video(tmp_path / f"{name}.avi", images)
    assert videos.task(tmp_path, guess_fov=60.0).footage.recorded_size == (64, 96)


def test_footage_is_made_smaller_with_its_camera(tmp_path, videos):
    large = [np.kron(image, np.ones((2, 2, 1), np.uint8)) for image in wall_walk(4)]  # each pixel four times
    path = write_video(tmp_path / "walk.avi", large)
    write_calibration(tmp_path, image_width=192, image_height=128, fx=120.0, fy=120.0, cx=96.0, cy=64.0)
    prepared = videos.prepare(path)
    view = SplitLine("walk", 1, "l")
    assert prepared.intrinsics(view, 96, 64).tolist() == [[FOCAL, 0, 48], [0, FOCAL, 32], [0, 0, 1]]
    assert np.abs(as_array(prepared.read_image(view)).astype(int) - wall_walk(4)[1]).mean() < 4


def test_a_pair_of_videos(tmp_path, videos):
    write_video(tmp_path / "rig" / "left.avi", wall_walk(30))
    write_video(tmp_path / "rig" / "right.avi", wall_walk(30, "right"))
    write_calibration(tmp_path / "rig", stereo=True)
    prepared = videos.prepare(tmp_path / "rig")
    assert prepared.has_stereo
    assert names(prepared)[:4] == ["rig 0 l", "rig 0 r", "rig 1 l", "rig 1 r"]
    partner = prepared.neighbour(SplitLine("rig", 7, "l"), "s")
    assert np.array_equal(as_array(prepared.read_image(partner)), wall_walk(30, "right")[7])
    assert prepared.stereo_T_target(SplitLine("rig", 7, "l"))[0, 3] == -BASELINE
    assert prepared.stereo_T_target(partner)[0, 3] == BASELINE
    validation = videos.read(prepared.root, part="val")
    assert {view.side for view in validation.items()} == {"l"}


def test_stereo_needs_the_distance_of_its_cameras(tmp_path, videos):
    both = [np.concatenate([left, left], axis=1) for left in wall_walk(4)]
    path = write_video(tmp_path / "walk.avi", both)
    write_calibration(tmp_path)
    with pytest.raises(UserError, match="does not tell the distance of the two cameras: .*--baseline"):
        videos.prepare(path, stereo_layout="side_by_side")
    prepared = videos.prepare(path, stereo_layout="side_by_side", baseline=0.2)
    assert prepared.stereo_T_target(SplitLine("walk", 0, "l"))[0, 3] == -0.2


def test_a_video_without_calibration_says_what_to_write(tmp_path, videos):
    path = write_video(tmp_path / "walk.avi", wall_walk(4))
    with pytest.raises(UserError, match=r"calib.json .*\"image_width\": 96, .*--fov"):
        videos.prepare(path)
    K = videos.prepare(path, fov=90.0).intrinsics(SplitLine("walk", 0, "l"), 96, 64)
    assert K[0, 0] == pytest.approx(48)


def test_implausible_cameras_are_refused(tmp_path, videos):
    path = write_video(tmp_path / "walk.avi", wall_walk(4))
    write_calibration(tmp_path, fx=4000.0, fy=4000.0)
    with pytest.raises(UserError, match="field of view|implausible"):
        videos.prepare(path)


def test_a_lens_is_undistorted(tmp_path, videos):
    images = [see_wall(BARREL, origin=np.array([0.2 * frame, 0, 0]))[0] for frame in range(6)]
    path = write_video(tmp_path / "walk.avi", images)
    fx, fy, cx, cy = (BARREL.intrinsics[row, column].item() for row, column in ((0, 0), (1, 1), (0, 2), (1, 2)))
    camera = {"image_width": 160, "image_height": 120, "fx": fx, "fy": fy, "cx": cx, "cy": cy}
    write_calibration(tmp_path, **camera, distortion=list(BARREL.distortion))
    prepared = videos.prepare(path)
    view = SplitLine("walk", 2, "l")
    K = prepared.intrinsics(view, 96, 64)
    expected = see_wall(Camera(K, (96, 64)), origin=np.array([0.4, 0, 0]))[0]
    assert np.abs(as_array(prepared.read_image(view)).astype(int) - expected)[2:-2, 2:-2].mean() < 1.0


def test_a_camera_that_stands_still_gives_nothing_to_learn(tmp_path, videos):
    images = [*wall_walk(6), *[wall_walk(6)[5]] * 5, *wall_walk(9)[6:]]
    path = write_video(tmp_path / "walk.avi", images)
    write_calibration(tmp_path)
    prepared = videos.prepare(path, least=STANDING_STILL)
    assert dropped(prepared) == {"moved by less than 0.25 pixels since the last one kept": 5}
    every = videos.read(prepared.root, part="test")
    assert [view.frame for view in every.items()] == [0, 1, 2, 3, 4, 5, 11, 12, 13]
    assert every.neighbour(SplitLine("walk", 5, "l"), 1).frame == 11  # the camera has not left the place meanwhile
    assert every.neighbour(SplitLine("walk", 11, "l"), -2).frame == 4


def test_frames_by_time(tmp_path, videos):
    path = write_video(tmp_path / "walk.avi", wall_walk(20), fps=20)
    write_calibration(tmp_path)
    prepared = videos.prepare(path, fps=5)
    every = videos.read(prepared.root, part="test")
    assert [view.frame for view in every.items()] == [0, 4, 8, 12, 16]
    assert dropped(prepared) == {"between the frames that --fps 5 takes": 15}


def test_nothing_is_compared_across_a_cut(tmp_path, videos):
    elsewhere = [wall(60.0 + 0.15 * frame, 3.0)[0] for frame in range(5)]
    path = write_video(tmp_path / "walk.avi", [*wall_walk(5), *elsewhere])
    write_calibration(tmp_path)
    prepared = videos.read(videos.prepare(path).root, part="test")
    assert prepared.neighbour(SplitLine("walk", 3, "l"), 1).frame == 4
    assert prepared.neighbour(SplitLine("walk", 4, "l"), 1) is None
    assert prepared.neighbour(SplitLine("walk", 5, "l"), -1) is None
    assert prepared.neighbour(SplitLine("walk", 5, "l"), 1).frame == 6


def test_nothing_is_compared_across_a_pause_of_the_recording(tmp_path, videos):
    path = set_frame_times(write_video(tmp_path / "walk.mp4", wall_walk(5)), [0.05, 0.05, 3.0, 0.05, 0.05])
    write_calibration(tmp_path)
    prepared = videos.read(videos.prepare(path).root, part="test")
    assert prepared.neighbour(SplitLine("walk", 2, "l"), 1) is not None  # a mean rate of 1.6 a second: no pause yet
    path = set_frame_times(write_video(tmp_path / "long.mp4", wall_walk(40)), [0.05] * 20 + [3.0] + [0.05] * 19)
    prepared = videos.read(videos.prepare(path, tmp_path / "long").root, part="test")
    assert prepared.neighbour(SplitLine("long", 20, "l"), 1) is None
    assert prepared.neighbour(SplitLine("long", 21, "l"), 1) is not None


def test_a_folder_of_videos_is_one_set_of_several_sequences(tmp_path, videos):
    for name, frames in (("b", 6), ("a", 9)):
        write_video(tmp_path / "clips" / f"{name}.avi", wall_walk(frames))
    write_calibration(tmp_path / "clips")
    prepared = videos.prepare(tmp_path / "clips")
    assert names(prepared) == [f"a {frame} l" for frame in range(9)]  # the last one is for validation
    assert names(videos.read(prepared.root, part="val")) == [f"b {frame} l" for frame in range(6)]


def test_a_video_that_changed_between_its_ends_is_another_set(tmp_path, videos):
    path = write_video(tmp_path / "walk.avi", wall_walk(6))
    write_calibration(tmp_path)
    before = videos.task(path).contents.fingerprint
    assert videos.task(path).contents.fingerprint == before
    os.utime(path, ns=(0, os.stat(path).st_mtime_ns + 1))
    assert videos.task(path).contents.fingerprint != before


def test_originals_are_not_touched(tmp_path, videos):
    path = write_video(tmp_path / "walk.avi", wall_walk(6))
    calibration = write_calibration(tmp_path)
    before = [(file.read_bytes(), os.stat(file).st_mtime_ns) for file in (path, calibration)]
    videos.prepare(path, least=STANDING_STILL)
    assert [(file.read_bytes(), os.stat(file).st_mtime_ns) for file in (path, calibration)] == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["calib.yaml", "prepared", "walk.avi"]
