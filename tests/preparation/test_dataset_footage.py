"""Any data set as a prepared set: training reads from it, bit for bit, what it reads from the originals."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from colmap_files import write_colmap
from lens_footage import BARREL, see_wall
from PIL import Image
from rich.console import Console
from stereo_footage import write_stereo_folder
from tum_files import write_tum
from video_files import write_calibration

from selfsup_depth.assembly import build_training_set, build_validation_set
from selfsup_depth.config import DataConfig, FootageConfig, TrainConfig
from selfsup_depth.datasets import DatasetRequest, ViewDataset, build_dataset
from selfsup_depth.datasets.cameras import Camera
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.dataset_footage import DatasetFootage
from selfsup_depth.preparation.output import Contents
from selfsup_depth.preparation.run import Task, prepare
from selfsup_depth.preparation.undistorted_source import through_pinholes
from splits import SplitLine
from tests.datasets.conftest import OneCamera, Trees

EVERY = [
    ("kitti", (0, -1, 1), True), ("kitti_depth", (0, 1), True), ("kitti_odom", (0, -1, 1), True),
    ("stereo_folder", (0, -1, 1), True), ("stereo_folder", (0, 1), False), ("simsin", (0, -1, 1), True),
    ("folder", (0, 1), False), ("motorcycle", (0,), True), ("tum", (0, -1, 1), False), ("colmap", (0, 1), False),
]  # fmt: skip
#: of `lens_footage`
CALIBRATION = {"image_width": 160, "image_height": 120, "fx": 110.0, "fy": 108.0, "cx": 78.5, "cy": 63.0}


def originals(root: Path, name: str) -> dict[str, object]:
    """Options of data of this kind, written for the test."""
    trees = Trees(root)
    drive = "2011_09_26/2011_09_26_drive_0001_sync"
    (root / "lists").mkdir(parents=True)
    folder = {"kitti": drive, "kitti_depth": drive, "kitti_odom": "9"}.get(name, "")
    (root / "lists" / "train_files.txt").write_text(f"{folder} 1 l\n{folder} 2 r\n{folder} 1 r\n")
    (root / "lists" / "val_files.txt").write_text(f"{folder} 2 l\n")
    listed = {"split": str(root / "lists")} if folder else {}
    if name == "motorcycle":
        return {}
    if name == "folder":
        for frame in range(12):
            image = see_wall(BARREL, origin=np.array([0.2 * frame, 0, 0]))[0]
            Image.fromarray(image).save(_made(root / "walk") / f"frame_{frame:03d}.png")
        write_calibration(root / "walk", **CALIBRATION)
        return {"data_path": root / "walk"}
    if name in ("tum", "colmap"):
        write = {"tum": write_tum, "colmap": write_colmap}[name]
        return {"data_path": write(root / "freiburg3_wall", frames=12)}
    if name == "stereo_folder":
        return {"data_path": write_stereo_folder(root / "wall", frames=6)}  # names of train/ and val/ are the same
    written = {"kitti": trees.kitti_raw, "kitti_depth": trees.kitti_depth, "kitti_odom": trees.kitti_odom,
               "simsin": trees.simsin}[name]  # fmt: skip
    return {"data_path": written(frames=5), **listed}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def options(root: Path, name: str, frame_ids: tuple[int, ...], stereo: bool) -> TrainConfig:
    data = DataConfig(
        dataset=name, frame_ids=frame_ids, use_stereo=stereo, height=64, width=96, **originals(root, name)
    )  # type: ignore[arg-type]
    return TrainConfig(data=data)


def prepared(config: TrainConfig, folder: Path, depth: str = "validation", least: float = 0.0) -> TrainConfig:
    """Prepares what a training would read; returns the options that read it then."""
    readers = replace(config, footage=replace(config.footage, min_motion=0.0))
    parts = build_training_set(readers, through_pinholes), build_validation_set(readers, through_pinholes)
    footage = DatasetFootage(*parts, depth)  # type: ignore[arg-type]
    size = (config.data.height, config.data.width)
    task = Task(footage, Contents({}, footage.identity()), size, least, 2, frames_of_a_shard=3)
    prepare(task, folder, Console(file=io.StringIO()))
    data = replace(config.data, dataset="prepared", data_path=folder, split=None, png=False)
    return TrainConfig(data=data)


def same(a: ViewDataset, b: ViewDataset) -> None:
    """Every sample and what is known of it."""
    assert len(a) == len(b) > 0
    for index in range(len(a)):
        one, other = a[(3, index)], b[(3, index)]
        assert one.name == other.name
        assert one.frame_ids == other.frame_ids
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.intrinsics, other.intrinsics)
        assert one.augmentation == other.augmentation
        for field in ("stereo_T_target", "depth"):
            left, right = getattr(one, field), getattr(other, field)
            assert (left is None) == (right is None), field
            assert left is None or torch.equal(left, right), field
        for read in ("world_T_camera", "time_s"):
            left, right = (getattr(each.source, read)(each.items[index]) for each in (a, b))
            assert (left is None) == (right is None), read
            assert left is None or np.array_equal(left, right), read
    if "s" in a.request.frame_ids:
        assert b.baseline_m == a.baseline_m


@pytest.mark.parametrize(("name", "frame_ids", "stereo"), EVERY, ids=[f"{e[0]}-{len(e[1])}-{e[2]}" for e in EVERY])
def test_training_from_a_prepared_set_is_training_from_the_originals(tmp_path, name, frame_ids, stereo):
    config = options(tmp_path / "originals", name, frame_ids, stereo)
    copies = prepared(config, tmp_path / "prepared")
    same(build_training_set(config), build_training_set(copies))
    same(build_validation_set(config), build_validation_set(copies))
    source = build_training_set(copies).source
    assert source.made_from == name
    assert source.poses_up_to_scale == (name == "colmap")


def test_depth_is_kept_as_asked(tmp_path):
    config = options(tmp_path / "originals", "stereo_folder", (0, 1), True)
    for depth, kept in (("validation", (False, True)), ("all", (True, True))):
        copies = prepared(config, tmp_path / depth, depth)
        found = build_training_set(copies).has_depth, build_validation_set(copies).has_depth
        assert found == kept
    whole = build_training_set(copies)
    assert np.array_equal(whole.depth(0), build_training_set(config).depth(0))
    assert whole.image(0).shape == (3, 64, 96)


def test_a_lens_is_undistorted_once(tmp_path):
    """The reader of folders refuses its images; prepared, they are what a pinhole camera would have taken."""
    config = options(tmp_path / "originals", "folder", (0, 1), False)
    walk = tmp_path / "originals" / "walk"
    _made(walk / "depth")
    write_calibration(walk, **CALIBRATION, distortion=list(BARREL.distortion))
    for frame in (0, 11):
        depth = see_wall(BARREL, origin=np.array([0.2 * frame, 0, 0]))[1]
        Image.fromarray(np.round(depth * 256).astype(np.uint16)).save(walk / "depth" / f"frame_{frame:03d}.png")
    with pytest.raises(UserError, match="prepare_data.py"):
        build_training_set(config)
    data = build_validation_set(prepared(config, tmp_path / "prepared"))
    sample, item = data[0], data.items[0]
    K = sample.intrinsics[0]
    expected = see_wall(Camera(K.double(), (96, 64)), origin=np.array([0.2 * item.frame, 0, 0]))[0]
    assert np.abs(sample.images[0].permute(1, 2, 0).numpy().astype(int) - expected)[2:-2, 2:-2].mean() < 1.0
    truth = see_wall(Camera(scaled(K, 160 / 96, 120 / 64), (160, 120)), origin=np.array([0.2 * item.frame, 0, 0]))[1]
    assert np.abs(data.depth(0) / truth - 1).max() < 0.02


def scaled(K: torch.Tensor, x: float, y: float) -> torch.Tensor:
    return K.double() * torch.tensor([[x], [y], [1.0]], dtype=torch.float64)


def test_frames_that_hardly_moved_are_dropped_and_their_neighbours_closed_up(tmp_path):
    walk = _made(tmp_path / "walk")
    steps = [0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    for frame, step in enumerate(steps):
        image = see_wall(Camera(BARREL.intrinsics, BARREL.size), origin=np.array([0.3 * step, 0, 0]))[0]
        Image.fromarray(image).save(walk / f"frame_{frame:03d}.png")
    write_calibration(walk, **CALIBRATION)
    data = DataConfig(dataset="folder", data_path=walk, frame_ids=(0, 1), height=64, width=96)
    config = TrainConfig(data=data, footage=FootageConfig(min_motion=0.5))
    training = build_training_set(prepared(config, tmp_path / "prepared", least=0.5))
    assert [item.frame for item in training.items][:5] == [0, 1, 4, 5, 7]
    source = training.source
    first = training.items[1]
    assert source.neighbour(first, 1).frame == 4
    assert source.neighbour(first, -1).frame == 0


def test_frames_to_score_are_kept_even_if_nothing_moved(tmp_path):
    """They are looked at alone. Frame 4, to be scored, is also a neighbour of frame 3 in training, from where it did
    not move."""
    walk = _made(tmp_path / "walk")
    _made(walk / "depth")
    for frame, step in enumerate([0, 1, 2, 3, 3, 4]):
        image, depth = see_wall(Camera(BARREL.intrinsics, BARREL.size), origin=np.array([0.3 * step, 0, 0]))
        Image.fromarray(image).save(walk / f"frame_{frame:03d}.png")
        Image.fromarray(np.round(depth * 256).astype(np.uint16)).save(walk / "depth" / f"frame_{frame:03d}.png")
    write_calibration(walk, **CALIBRATION)
    (tmp_path / "train_files.txt").write_text("frame 1 l\nframe 2 l\nframe 3 l\n")
    (tmp_path / "val_files.txt").write_text("frame 4 l\n")
    data = DataConfig(dataset="folder", data_path=walk, split=str(tmp_path), frame_ids=(0, 1), height=64, width=96)
    config = prepared(TrainConfig(data=data, footage=FootageConfig(min_motion=0.5)), tmp_path / "prepared", least=0.5)
    assert [item.frame for item in build_validation_set(config).items] == [4]
    assert [item.frame for item in build_training_set(config).items] == [1, 2, 3]


def test_neighbours_of_frames_to_score_are_kept_where_they_exist(tmp_path):
    """Reports show what training would look at around them."""
    config = options(tmp_path / "originals", "stereo_folder", (0, -1, 1), True)
    validation = build_validation_set(prepared(config, tmp_path / "prepared"))
    assert validation.request.frame_ids == (0,)
    source, middle = validation.source, validation.items[1]
    assert all(source.has_image(source.neighbour(middle, frame)) for frame in (-1, 1, "s"))
    assert source.neighbour(validation.items[0], -1) is None
    original = build_validation_set(config).source
    assert torch.equal(source.read_image(source.neighbour(middle, "s")),
                       original.read_image(original.neighbour(middle, "s")))


def test_a_gap_in_the_recording_stays_a_gap(tmp_path):
    """KITTI's frames are numbered: where one is missing, its neighbours are two steps apart."""
    root = tmp_path / "originals"
    config = options(root, "kitti", (0, -2, 2), False)
    drive = "2011_09_26/2011_09_26_drive_0001_sync"
    (root / drive / "image_02" / "data" / "0000000001.jpg").unlink()
    (root / "lists" / "train_files.txt").write_text(f"{drive} 2 l\n")
    source = build_training_set(prepared(config, tmp_path / "prepared")).source
    target = SplitLine(drive, 2, "l")
    assert source.neighbour(target, -2) == SplitLine(drive, 0, "l")
    assert source.neighbour(target, -1) is None


def test_frames_that_do_not_stand_in_one_order_are_refused():
    class Tangled(OneCamera):
        def neighbour(self, item, frame):
            return {(0, 0): item, (0, 1): SplitLine("clip", 1), (0, 2): SplitLine("clip", 4)}.get(
                (item.frame, frame), SplitLine("clip", item.frame + 1) if frame == 1 else SplitLine("clip", 5)
            )

        def items(self):
            return [SplitLine("clip", 0), SplitLine("clip", 1)]

    request = DatasetRequest(12, 40, (0, 1, 2))
    data = ViewDataset("tangled", Tangled(request), request)
    with pytest.raises(UserError, match="their neighbours do not stand in one order"):
        DatasetFootage(data, data, "validation")


def test_other_pixels_or_other_options_are_another_set(tmp_path):
    config = options(tmp_path / "originals", "stereo_folder", (0, 1), True)

    def identity() -> dict:
        return DatasetFootage(build_training_set(config), build_validation_set(config), "all").identity()

    before = identity()
    assert identity() == before
    first = next((tmp_path / "originals" / "wall" / "train" / "left").glob("*.png"))
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(first)
    assert identity() != before


def test_cameras_stand_in_one_order_whichever_was_listed_first(tmp_path):
    config = options(tmp_path / "originals", "kitti", (0, -1, 1), True)  # frame 1 of the left, 2 of the right camera
    parts = build_training_set(config), build_validation_set(config)
    moments = list(DatasetFootage(*parts, "validation").moments(None))
    cameras = {tuple(moment.load()) for moment in moments}
    assert ("left", "right") in cameras
    assert ("right", "left") not in cameras


def identity_of(config: TrainConfig) -> dict:
    parts = build_training_set(config, through_pinholes), build_validation_set(config, through_pinholes)
    return DatasetFootage(*parts, "validation").identity()


def two_clips(root: Path) -> TrainConfig:
    """Each with a calibration of its own; depth of all frames."""
    for clip in ("first", "second"):
        _made(root / clip / "depth")
        for frame in range(12):
            image, depth = see_wall(Camera(BARREL.intrinsics, BARREL.size), origin=np.array([0.2 * frame, 0, 0]))
            Image.fromarray(image).save(root / clip / f"frame_{frame:03d}.png")
            Image.fromarray(np.round(depth * 256).astype(np.uint16)).save(
                root / clip / "depth" / f"frame_{frame:03d}.png"
            )
        write_calibration(root / clip, **CALIBRATION)
    return TrainConfig(
        data=DataConfig(dataset="folder", data_path=root, frame_ids=(0, 1), height=64, width=96, num_workers=1)
    )


@pytest.mark.parametrize("change", [{"fx": 112.0}, {"distortion": [-0.05, 0.0, 0.0, 0.0]}], ids=["focal", "lens"])
def test_another_calibration_of_any_clip_is_another_set(tmp_path, change):
    config = two_clips(tmp_path)
    before = identity_of(config)
    assert identity_of(config) == before
    write_calibration(tmp_path / "second", **CALIBRATION | change)
    assert identity_of(config) != before


def test_other_depth_is_another_set(tmp_path):
    config = two_clips(tmp_path)
    before = identity_of(config)
    for path in (tmp_path / "second" / "depth").glob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)) + np.uint16(256)).save(path)
    after = identity_of(config)
    assert after["depth"] != before["depth"]
    assert {**after, "depth": before["depth"]} == before


def test_other_poses_are_another_set(tmp_path):
    config = options(tmp_path / "originals", "tum", (0, -1, 1), False)
    before = identity_of(config)
    path = next((tmp_path / "originals").rglob("groundtruth.txt"))
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    path.write_text("".join(" ".join([row[0], str(float(row[1]) + 1.0), *row[2:]]) + "\n" for row in rows))
    assert identity_of(config) != before


def test_another_distance_of_the_cameras_is_another_set(tmp_path):
    config = options(tmp_path / "originals", "stereo_folder", (0, 1), True)
    before = identity_of(config)
    path = tmp_path / "originals" / "wall" / "calib.json"
    path.write_text(path.read_text().replace('"baseline_m": 0.5', '"baseline_m": 0.6'))
    assert identity_of(config) != before


def test_a_set_for_other_frames_is_refused(tmp_path):
    config = options(tmp_path / "originals", "stereo_folder", (0, 1), False)
    copies = prepared(config, tmp_path / "prepared")
    for frame_ids, reason in (((0, -1), r"prepared for --frame_ids 0 1, but 0 -1 is asked for"), ((0,), None)):
        request = DatasetRequest(64, 96, frame_ids, copies.data.data_path)
        if reason is None:
            assert len(build_dataset("prepared", request)) > 0
            continue
        with pytest.raises(UserError, match=reason):
            build_dataset("prepared", request)
    with pytest.raises(UserError, match="prepared without images of a second camera, which --use_stereo needs"):
        build_dataset("prepared", DatasetRequest(64, 96, (0, "s"), copies.data.data_path))
