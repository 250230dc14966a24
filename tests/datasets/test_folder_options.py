"""What is known about a folder of footage that its files do not say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from calibration_files import opencv_pair, opencv_single, ros_camera
from folder_files import HEIGHT, WIDTH, write_camera, write_frames, write_pairs
from PIL import ExifTags, Image

from selfsup_depth.datasets import DatasetRequest, FootageOptions, ReaderOptions, ViewDataset, build_dataset
from selfsup_depth.errors import UserError
from splits import SplitLine

VGA = (640, 480)


def opened(path: Path, frame_ids: tuple = (0, -1, 1), part: str = "test", **options: object) -> ViewDataset:
    footage = FootageOptions(**options)  # type: ignore[arg-type]
    request = DatasetRequest(HEIGHT, WIDTH, frame_ids, path, part, options=ReaderOptions(footage=footage))  # type: ignore[arg-type]
    return build_dataset("folder", request)


def numbers(dataset: ViewDataset) -> list[int]:
    return [item.frame for item in dataset.items]


# ------------------------------------------------------------------ cameras


def test_a_field_of_view_of_one_camera(tmp_path):
    dataset = opened(write_frames(tmp_path / "clip", range(3)), fov=90.0)
    assert torch.allclose(dataset[0].intrinsics[0], torch.tensor([[20.0, 0, 20], [0, 20, 12], [0, 0, 1]]))


def test_a_field_of_view_and_a_baseline_make_a_pair(tmp_path):
    dataset = opened(write_pairs(tmp_path / "rig", range(3)), (0, "s"), fov=90.0, baseline=0.1)
    assert dataset.baseline_m == pytest.approx(0.1)
    assert dataset[0].stereo_T_target[:3, 3].tolist() == pytest.approx([-0.1, 0.0, 0.0])


def test_a_baseline_replaces_that_of_the_file(tmp_path):
    path = write_pairs(tmp_path / "rig", range(3))
    write_camera(path, baseline_m=120.0 / 1000)
    assert opened(path, (0, "s"), baseline=0.06).baseline_m == pytest.approx(0.06)
    with pytest.raises(UserError, match=r"--baseline 0.1 means nothing to --dataset folder, because it is of one cam"):
        opened(path / "left", baseline=0.1)


def write_exif(path: Path, film_mm: int) -> None:
    """As a photograph of this focal length, in 35 mm film's."""
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = film_mm
        picture.save(path, exif=exif)


def test_a_zoom_within_a_clip_is_refused_where_exif_tells_the_camera(tmp_path):
    path = write_frames(tmp_path / "clip", range(6), "a_{}.jpg")
    for number in range(5):  # the last tells nothing
        write_exif(path / f"a_{number}.jpg", 26)
    assert len(opened(path)) == 4
    write_exif(path / "a_4.jpg", 27)
    with pytest.raises(UserError, match=r"EXIF of .*a_0\.jpg tells .* 0\.\d+ .* that of .*a_4\.jpg 0\.\d.*--fov"):
        opened(path)
    with pytest.raises(UserError, match=r"another zoom or lens into a folder of their own"):
        opened(path, guess_fov=60.0)
    assert len(opened(path, fov=60.0)) == 4
    (path / "a_4.jpg").rename(path / "b_1.jpg")
    assert len(opened(path, (0,))) == 6  # a clip of its own


def test_both_eyes_have_one_lens_where_exif_tells_the_camera(tmp_path):
    path = write_pairs(tmp_path / "rig", range(3), "{:06d}.jpg")
    for number in range(3):
        for side in ("left", "right"):
            write_exif(path / side / f"{number:06d}.jpg", 26)
    assert opened(path, (0, "s"), baseline=0.1).baseline_m == pytest.approx(0.1)
    write_exif(path / "right" / "000001.jpg", 52)
    with pytest.raises(UserError, match=r"right/000001\.jpg 1\.\d"):
        opened(path, (0, "s"), baseline=0.1)
    (path / "right" / "000001.jpg").unlink()
    assert len(opened(path, (0,), baseline=0.1)) == 3


def test_a_calibration_from_elsewhere(tmp_path):
    path = write_frames(tmp_path / "clip", range(3))
    given = write_camera(tmp_path, "calib.json", fx=36.0)
    assert opened(path, calibration=given)[0].intrinsics[0, 0, 0] == 36.0


def test_an_undistorted_camera_of_ros(tmp_path):
    path = write_frames(tmp_path / "clip", range(3), size=VGA)
    ros_camera(path / "camera_info.yaml", distortion=[0.0] * 5)
    focal = opened(path)[0].intrinsics[0, 0, 0].item()
    assert focal == pytest.approx(512.5 * WIDTH / 640)


def test_distortion_is_for_preparation(tmp_path):
    path = write_frames(tmp_path / "clip", range(3), size=VGA)
    opencv_single(path / "calib.yml")
    message = r"calib\.yml tells of lens distortion, but images are used as they lie here: undistort them once with"
    with pytest.raises(UserError, match=message):
        opened(path)


def test_rectification_is_for_preparation(tmp_path):
    path = write_pairs(tmp_path / "rig", range(3), size=VGA)
    file = opencv_pair(path, [-0.12, 0.0, 0.0]) / "intrinsics.yml"
    file.write_text(file.read_text().replace("D1", "unused").replace("D2", "unused2"))
    with pytest.raises(UserError, match=r"tells of cameras that are not rectified.*rectify them once with prepare_dat"):
        opened(path, (0, "s"))
    dataset = opened(path)  # each camera alone can be learnt from
    rig = dataset.source.rig(dataset.items[0])
    assert (rig.is_rectified, rig.baseline_m) == (False, pytest.approx(0.12))
    both = dataset.source.intrinsics(SplitLine("-", 1, "r"), *VGA)
    assert both[0, 0] == 515.0
    there = dataset.source.stereo_T_target(SplitLine("-", 1, "l"))
    back = dataset.source.stereo_T_target(SplitLine("-", 1, "r"))
    assert torch.allclose(there @ back, torch.eye(4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_motion": 2.0}, r"--min_motion 2.0 means nothing to --dataset folder, .*prepare_data\.py"),
        ({"stereo_layout": "side_by_side"}, "--stereo_layout side_by_side means nothing to --dataset folder"),
        ({"right_video": Path("r.mp4")}, r"--right_video r\.mp4 means nothing to --dataset folder"),
        ({"fps": 5.0}, r"--fps 5 needs the time of each frame, but .*clip/times\.txt is missing: .*--frame_step N"),
    ],
)
def test_options_that_mean_nothing_here(tmp_path, options, message):
    write_camera(write_frames(tmp_path / "clip", range(3)))
    with pytest.raises(UserError, match=message):
        opened(tmp_path / "clip", **options)


# ------------------------------------------------------------------ frames in time


def test_every_third_frame(tmp_path):
    path = write_frames(tmp_path / "clip", range(12))
    write_camera(path)
    dataset = opened(path, frame_step=3)
    assert numbers(dataset) == [3, 6]
    assert dataset.source.neighbour(dataset.items[0], 1) == SplitLine("-", 6, "l")
    train = opened(path, part="train", frame_ids=(0,), frame_step=3)
    assert train.report.left_out["passed over by --frame_step"] == 8
    assert train.report.listed == 12


def test_a_list_may_name_any_frame_of_a_thinned_sequence(tmp_path):
    path = write_frames(tmp_path / "clip", range(12))
    write_camera(path)
    (path / "test_files.txt").write_text("- 4 l\n- 10 l\n")
    dataset = opened(path, frame_step=3)
    assert numbers(dataset) == [4]
    assert dataset.source.neighbour(dataset.items[0], -1) == SplitLine("-", 1, "l")


def test_numbers_in_steps_are_consecutive_and_gaps_are_not(tmp_path):
    path = write_frames(tmp_path / "clip", [0, 5, 10, 15, 40, 45, 50, 55], "frame_{:04d}.png")
    write_camera(path)
    assert numbers(opened(path)) == [5, 10, 45, 50]
    assert opened(path).report.left_out == {"neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2}


def test_frames_a_second(tmp_path):
    path = write_frames(tmp_path / "clip", range(31))
    write_camera(path)
    (path / "times.txt").write_text("".join(f"{100 + number / 30:.6f}\n" for number in range(31)))
    dataset = opened(path, fps=10.0)
    assert numbers(dataset) == list(range(3, 30, 3))
    assert dataset.source.time_s(dataset.items[0]) == pytest.approx(100.1)
    assert numbers(opened(path, fps=10.0, frame_step=2)) == [6, 12, 18, 24]
    train = opened(path, part="train", frame_ids=(0,), fps=10.0)
    assert train.report.left_out["passed over by --fps"] == 20


def test_times_above_the_frames(tmp_path):
    """KITTI's odometry sequences have them beside image_2."""
    path = write_frames(tmp_path / "image_2", range(3))
    write_camera(path)
    (tmp_path / "times.txt").write_text("0\n0.1\n0.2\n")
    dataset = opened(path)
    assert [dataset.source.time_s(SplitLine("-", number, "l")) for number in range(4)] == [0.0, 0.1, 0.2, None]
    assert dataset.source.time_s(SplitLine("other", 1, "l")) is None


def test_no_times(tmp_path):
    path = write_pairs(tmp_path / "rig", range(3))
    (tmp_path / "times.txt").write_text("0\n0.1\n0.2\n")  # of something else
    write_camera(path)
    dataset = opened(path)
    assert dataset.source.time_s(dataset.items[0]) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\n0.1\n", "has 2 times, but there are 3 frames"),
        ("0\n0.1\nthree\n", "must have the seconds of a frame in each line"),
        ("0\n0.2\n0.1\n", "must have ascending times in seconds"),
        ("0\n0.1\nnan\n", "must have ascending times in seconds"),
    ],
)
def test_times_that_do_not_fit(tmp_path, text, message):
    path = write_frames(tmp_path / "clip", range(3))
    write_camera(path)
    (path / "times.txt").write_text(text)
    with pytest.raises(UserError, match=rf"times\.txt {message}"):
        opened(path, fps=10.0)


def test_times_of_several_clips_in_one_folder(tmp_path):
    path = write_frames(tmp_path / "clip", range(3), "a_{:02d}.png")
    write_frames(path, range(3), "b_{:02d}.png")
    write_camera(path)
    (path / "times.txt").write_text("0\n0.1\n0.2\n0.3\n0.4\n0.5\n")
    with pytest.raises(UserError, match=r"times\.txt gives the times of one clip, but the images of .* several"):
        opened(path, fps=10.0)

