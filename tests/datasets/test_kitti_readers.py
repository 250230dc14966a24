"""KITTI raw, KITTI depth and KITTI odometry, from small trees in their layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfsup_depth.datasets import ReaderOptions, build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.datasets.kitti_odom import DIVIDED
from selfsup_depth.errors import UserError
from splits import SplitLine

DATE = "2011_09_26"
DRIVE = f"{DATE}/{DATE}_drive_0001_sync"
BASELINE_X = (-9.5 - 19.0 * 0.005) / 20.0 - (1.2 - 19.0 * 0.003) / 20.0
BASELINE_Y = (0.06 - 5.5 * 0.005) / 21.0 - (0.03 - 5.5 * 0.003) / 21.0
BASELINE = [BASELINE_X, BASELINE_Y, 0.002]


def lines(*rest: str) -> tuple[str, ...]:
    return tuple(f"{DRIVE} {each}" for each in rest)


# --- raw


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_raw_frames_and_sides_are_found_whatever_the_format(trees, ask, suffix):
    path = trees.kitti_raw(suffix=suffix)
    dataset = build_dataset("kitti", ask(data_path=path, lines=lines("1 l", "2 3"), frame_ids=(0, -1, 1, "s")))
    names = [
        "image_02/data/0000000001",
        "image_02/data/0000000000",
        "image_02/data/0000000002",
        "image_03/data/0000000001",
    ]
    expected = [read_image(str(path / DRIVE / f"{name}{suffix}")) for name in names]
    assert torch.equal(dataset[0].images, torch.stack(expected))
    assert torch.equal(dataset[1].images[0], read_image(str(path / DRIVE / f"image_03/data/0000000002{suffix}")))
    assert dataset.name(0) == f"{DRIVE} 1 l"


def test_png_option_prefers_but_does_not_insist(trees, ask):
    path = trees.kitti_raw(suffix=".jpg")
    trees.kitti_raw(suffix=".png")
    for png, suffix in ((False, "jpg"), (True, "png")):
        dataset = build_dataset("kitti", ask(data_path=path, lines=lines("1 l"), options=ReaderOptions(png=png)))
        assert dataset.source.image_path(dataset.items[0]).endswith(f"0000000001.{suffix}")
    (path / DRIVE / "image_02/data/0000000001.png").unlink()
    dataset = build_dataset("kitti", ask(data_path=path, lines=lines("1 l"), options=ReaderOptions(png=True)))
    assert dataset.source.image_path(dataset.items[0]).endswith("0000000001.jpg")


def test_neither_format_is_an_error_that_names_a_file(trees, ask):
    with pytest.raises(UserError, match=r"target image missing, for example .*image_02/data/0000000009\.jpg"):
        build_dataset("kitti", ask(data_path=trees.kitti_raw(), lines=lines("9 l")))


def test_ends_of_a_drive_have_no_neighbours(trees, ask):
    every = lines(*(f"{frame} l" for frame in range(4)))
    dataset = build_dataset("kitti", ask(data_path=trees.kitti_raw(4), lines=every, frame_ids=(0, -1, 1)))
    assert [dataset.name(i).split()[1] for i in range(len(dataset))] == ["1", "2"]
    assert dataset.report.left_out == {"neighbour frame -1 missing": 1, "neighbour frame +1 missing": 1}


def test_calibrated_geometry_is_the_drives_own(trees, ask):
    request = ask(data_path=trees.kitti_raw(), lines=lines("1 l", "1 r"), frame_ids=(0, "s"))
    dataset = build_dataset("kitti", request)
    left, right = dataset[0], dataset[1]
    expected = torch.tensor([[20.0, 0, 19.5], [0, 21.0, 6.0], [0, 0, 1]])  # half a pixel to the corner origin
    assert torch.allclose(left.intrinsics, expected.expand(2, 3, 3))
    assert torch.allclose(left.stereo_T_target[:3, 3], torch.tensor(BASELINE))
    assert torch.allclose(right.stereo_T_target[:3, 3], -torch.tensor(BASELINE))
    assert torch.equal(left.stereo_T_target[:3, :3], torch.eye(3))
    assert dataset.baseline_m == pytest.approx(float(np.linalg.norm(BASELINE)), abs=1e-6)


def test_published_intrinsics_keep_the_true_baseline(trees, ask):
    options = ReaderOptions(kitti_intrinsics="published")
    request = ask(data_path=trees.kitti_raw(), lines=lines("1 l"), frame_ids=(0, "s"), options=options, width=80)
    sample = build_dataset("kitti", request)[0]
    expected = torch.tensor([[0.58 * 80, 0, 40.0], [0, 1.92 * 12, 6.0], [0, 0, 1]])
    assert torch.allclose(sample.intrinsics[0], expected)
    assert torch.allclose(sample.stereo_T_target[:3, 3], torch.tensor(BASELINE))


def test_without_calibration_calibrated_is_an_error_and_published_nominal(trees, ask):
    path = trees.kitti_raw(calibrated=False)
    asked = {"data_path": path, "lines": lines("1 l", "1 r"), "frame_ids": (0, "s")}
    with pytest.raises(UserError, match=r"2011_09_26/calib_cam_to_cam\.txt is missing.*--kitti_intrinsics published"):
        build_dataset("kitti", ask(**asked))
    dataset = build_dataset("kitti", ask(**asked, options=ReaderOptions(kitti_intrinsics="published")))
    assert dataset[0].stereo_T_target[:3, 3].tolist() == pytest.approx([-0.54, 0, 0])
    assert dataset[1].stereo_T_target[:3, 3].tolist() == pytest.approx([0.54, 0, 0])
    assert dataset.baseline_m == pytest.approx(0.54)


def test_a_calibration_missing_for_one_date_is_said_at_once(trees, ask):
    path = trees.kitti_raw()
    (path / DATE).rename(path / "2011_09_28")
    trees.kitti_raw()
    (path / "2011_09_28" / "calib_cam_to_cam.txt").unlink()
    listed = (*lines("1 l"), f"2011_09_28/{DATE}_drive_0001_sync 1 l")
    with pytest.raises(UserError, match="2011_09_28/calib_cam_to_cam.txt is missing"):
        build_dataset("kitti", ask(data_path=path, lines=listed))


def test_resized_copies_scale_the_calibration_and_crops_are_refused(trees, ask):
    path = trees.kitti_raw()
    calibration = path / DATE / "calib_cam_to_cam.txt"
    calibration.write_text(calibration.read_text().replace("40 12", "80 24"))
    sample = build_dataset("kitti", ask(data_path=path, lines=lines("1 l")))[0]
    assert torch.allclose(sample.intrinsics[0, 0], torch.tensor([10.0, 0.0, 9.75]))
    calibration.write_text(calibration.read_text().replace("80 24", "40 14"))
    with pytest.raises(UserError, match=r"calib_cam_to_cam\.txt is for images of 40x14, but .*jpg has 40x12"):
        build_dataset("kitti", ask(data_path=path, lines=lines("1 l")))


def test_scans_become_depth_at_the_calibrated_size(trees, ask):
    path = trees.kitti_raw()
    (path / DRIVE / "velodyne_points/data/0000000002.bin").unlink()
    dataset = build_dataset("kitti", ask(data_path=path, lines=lines("1 l", "2 l"), with_depth=True))
    assert dataset.report.left_out == {"no ground-truth depth": 1}
    depth = dataset[0].depth
    assert depth.shape == (1, 12, 40)
    assert np.array_equal(dataset.depth(0), depth[0].numpy())
    # 5 m ahead of the scanner: u = (19 * 5.003 + 1.2 - 19 * 0.003) / 5.003 = 19.2, v = 5.5 (a half: row 6)
    assert depth[0].nonzero().tolist() == [[6, 19]]
    assert depth.max().item() == pytest.approx(5.003, abs=1e-5)


@pytest.mark.parametrize(("kind", "pixel", "value"), [("published", [5, 18], 5.003), ("eigen", [5, 18], 5.0)])
def test_published_depth_by_name(trees, ask, kind, pixel, value):
    path = trees.kitti_raw()
    point = np.array([[5.0, 0.0, -0.2, 0.3]], dtype=np.float32)
    point.tofile(path / DRIVE / "velodyne_points/data/0000000001.bin")  # v = 6.34, rounds to 6, less 1
    request = ask(data_path=path, lines=lines("1 l"), with_depth=True, options=ReaderOptions(lidar_depth=kind))
    depth = build_dataset("kitti", request)[0].depth[0]
    assert depth.nonzero().tolist() == [pixel]
    assert depth.max().item() == pytest.approx(value, abs=1e-5)


def test_lines_without_side_are_refused(trees, ask):
    for line in (f"{DRIVE} 1 x", "image 7"):
        with pytest.raises(UserError, match=f"kitti, lines given: the line '{line}' names no camera"):
            build_dataset("kitti", ask(data_path=trees.kitti_raw(), lines=(line,)))


def test_a_line_at_fault_is_quoted_with_its_place(trees, ask):
    path, lists = trees.kitti_raw(), trees.root / "lists"
    lists.mkdir()
    for text, message in (
        (f"{DRIVE} 0000000001 x", rf"kitti, .*lists/train_files\.txt, line 3: the line '{DRIVE} 0000000001 x' names"),
        ("2 three", r"lists/train_files\.txt, line 3: split line '2 three': expected three columns"),
    ):
        (lists / "train_files.txt").write_text(f"{DRIVE} 1 l\n\n{text}\n")
        with pytest.raises(UserError, match=message):
            build_dataset("kitti", ask(data_path=path, split=str(lists)))
    with pytest.raises(UserError, match="kitti, split benchmark, test: the line 'image 0' names no camera"):
        build_dataset("kitti", ask(data_path=path, split="benchmark", part="test"))


def test_archives_that_were_not_unpacked_are_thought_of(trees, ask):
    path = trees.kitti_raw()
    with pytest.raises(UserError, match="1 x target image missing.*and that the archives are unpacked"):
        build_dataset("kitti", ask(data_path=path, lines=(f"{DRIVE} 9 l",)))
    with pytest.raises(UserError, match=r"none before .*image_02/data/0000000000\.jpg\): give footage in which frames"):
        build_dataset("kitti", ask(data_path=path, lines=(f"{DRIVE} 0 l",), frame_ids=(0, -1)))


def test_default_list_is_eigen_zhou(trees, ask):
    dataset = build_dataset("kitti", ask(data_path=trees.kitti_raw(6)))
    assert dataset.report.listed > 30_000
    assert dataset.name(0).startswith(DRIVE)


# --- improved ground truth


@pytest.mark.parametrize("layout", ["inside the drive", "official train", "official val", "official under data path"])
def test_improved_depth_is_found_in_each_layout(trees, ask, layout, tmp_path):
    path = trees.kitti_depth()
    drive = path / DRIVE / "proj_depth"
    elsewhere = tmp_path / "annotated"
    elsewhere.mkdir()
    options = ReaderOptions()
    if layout != "inside the drive":
        part = "val" if layout.endswith("val") else "train"
        root = path if layout.endswith("data path") else elsewhere
        target = root / part / f"{DATE}_drive_0001_sync"
        target.mkdir(parents=True)
        drive.rename(target / "proj_depth")
        options = ReaderOptions(depth_path=None if root == path else elsewhere)
    request = ask(data_path=path, lines=lines("1 l", "2 r"), with_depth=True, options=options)
    dataset = build_dataset("kitti_depth", request)
    assert [float(dataset[i].depth.unique()) for i in range(2)] == [2.0, 3.0]


def test_items_without_improved_depth_are_left_out_and_depth_is_none(trees, ask):
    path = trees.kitti_depth()
    (path / DRIVE / "proj_depth/groundtruth/image_02/0000000000.png").unlink()
    listed = lines("0 l", "1 l")
    assert build_dataset("kitti_depth", ask(data_path=path, lines=listed)).depth(0) is None
    dataset = build_dataset("kitti_depth", ask(data_path=path, lines=listed, with_depth=True))
    assert dataset.report.left_out == {"no ground-truth depth": 1}


def test_a_depth_path_that_is_no_folder_is_refused(trees, ask):
    options = ReaderOptions(depth_path="/nowhere/annotated")
    with pytest.raises(UserError, match="--depth_path /nowhere/annotated is not a folder"):
        build_dataset("kitti_depth", ask(data_path=trees.kitti_depth(), lines=lines("1 l"), options=options))


# --- odometry


def test_odometry_layout(trees, ask):
    path = trees.kitti_odom()
    dataset = build_dataset("kitti_odom", ask(data_path=path, lines=("9 1 l", "9 1 r"), frame_ids=(0, 1, "s")))
    folder = path / "sequences" / "09"
    files = ["image_2/000001.png", "image_2/000002.png", "image_3/000001.png"]
    assert torch.equal(dataset[0].images, torch.stack([read_image(str(folder / name)) for name in files]))
    assert torch.allclose(dataset[0].intrinsics[0, 0], torch.tensor([20.0, 0.0, 19.5]))
    assert torch.allclose(dataset[1].stereo_T_target[:3, 3], -torch.tensor(BASELINE))


def test_odometry_poses_are_read_as_an_extra(trees, ask):
    dataset = build_dataset("kitti_odom", ask(data_path=trees.kitti_odom(), lines=("9 1 l",)))
    poses = dataset.source.poses("9")
    assert poses[1, :3, 3].tolist() == [0.5, 0.0, 2.0]


def test_odometry_has_no_depth(trees, ask):
    with pytest.raises(UserError, match="kitti_odom has no ground-truth depth"):
        build_dataset("kitti_odom", ask(data_path=trees.kitti_odom(), lines=("9 1 l",), with_depth=True))


def test_odometry_with_lines_of_the_raw_data_is_refused(trees, ask):
    with pytest.raises(UserError, match=r"lines given: the line '.* 1 l' does not begin with a sequence number"):
        build_dataset("kitti_odom", ask(data_path=trees.kitti_odom(), lines=lines("1 l")))


def test_odometry_images_of_another_size_than_calibrated_are_refused(trees, ask):
    path = trees.kitti_odom()
    calibration = path / "sequences" / "09" / "calib.txt"
    calibration.write_text(calibration.read_text().replace("19.0", "38.0"))
    with pytest.raises(UserError, match=r"calib\.txt puts the principal point at \(38, 6\).*published"):
        build_dataset("kitti_odom", ask(data_path=path, lines=("9 1 l",)))
    options = ReaderOptions(kitti_intrinsics="published")
    assert len(build_dataset("kitti_odom", ask(data_path=path, lines=("9 1 l",), options=options))) == 1


def test_odometry_calibration_is_needed_or_published(trees, ask):
    path = trees.kitti_odom()
    (path / "sequences" / "09" / "calib.txt").unlink()
    with pytest.raises(UserError, match=r"sequences/09/calib\.txt is missing"):
        build_dataset("kitti_odom", ask(data_path=path, lines=("9 1 l",)))


def test_odometry_of_other_sequences_than_the_list_is_divided_itself(trees, ask):
    path = trees.kitti_odom(30)
    train, val = (build_dataset("kitti_odom", ask(data_path=path, part=p, frame_ids=(0, -1, 1))) for p in DIVIDED)
    assert val.items == [SplitLine("9", frame, side) for frame in (27, 28) for side in "lr"]
    assert train.items == [SplitLine("9", frame, side) for frame in range(1, 25) for side in "lr"]
    why = "(the list odom has no images here for training)"
    assert train.report.left_out == {
        f"held out for validation: 3 frames, both sides {why}": 6,
        f"next to frames held out for validation: 2 frames, both sides {why}": 4,
        "neighbour frame -1 missing": 2,
    }
    looked_at = [{item.frame + n for item in part.items for n in (-1, 0, 1)} for part in (train, val)]
    assert not looked_at[0] & looked_at[1]


def test_odometry_with_sequences_of_the_list_keeps_to_the_list(trees, ask):
    path = trees.kitti_odom()
    (path / "sequences" / "09").rename(path / "sequences" / "00")
    folder = path / "sequences" / "00" / "image_2"
    (folder / "000000.png").rename(folder / "000226.png")  # the list's first frame of validation
    train, val = (build_dataset("kitti_odom", ask(data_path=path, part=part)) for part in DIVIDED)
    assert {(item.folder, item.frame) for item in train.items} == {("0", 2), ("0", 3)}
    assert val.items == [SplitLine("0", 226, "l")]
    assert "held out" not in " ".join(train.report.left_out)


@pytest.mark.parametrize("listed", DIVIDED)
def test_odometry_with_a_list_of_ones_own_is_not_divided(trees, ask, listed):
    path = trees.kitti_odom()
    (path / f"{listed}_files.txt").write_text("9 1 l\n")
    assert len(build_dataset("kitti_odom", ask(data_path=path, part=listed))) == 1
    (other,) = set(DIVIDED) - {listed}
    with pytest.raises(UserError, match="target image missing.*check --data_path and --split"):
        build_dataset("kitti_odom", ask(data_path=path, part=other))


def test_odometry_too_short_to_be_divided_says_what_is_needed(trees, ask):
    with pytest.raises(UserError, match="record more frames .of one scene at least 6 in a row."):
        build_dataset("kitti_odom", ask(data_path=trees.kitti_odom(), frame_ids=(0, -1, 1)))
    (trees.root / "sequences" / "09").rename(trees.root / "sequences" / "begun")
    with pytest.raises(UserError, match="target image missing.*check --data_path and --split"):
        build_dataset("kitti_odom", ask(data_path=trees.root))
