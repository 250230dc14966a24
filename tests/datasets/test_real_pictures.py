"""Real KITTI pictures, where they are at hand: geometry must make the two eyes agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from geometry.warp import warp
from selfsup_depth.datasets import DatasetRequest, FootageOptions, ReaderOptions, build_dataset
from selfsup_depth.datasets.augmentation import augment, collate

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TRAINING_SIZE = {"height": 192, "width": 640}

road_stereo = pytest.mark.skipif(not (DATA / "road_stereo").is_dir(), reason=f"no road_stereo in {DATA}")
odometry = pytest.mark.skipif(not (DATA / "kitti_odometry_02").is_dir(), reason=f"no kitti_odometry_02 in {DATA}")


@road_stereo
def test_road_stereo_is_read_as_it_lies():
    request = DatasetRequest(**TRAINING_SIZE, frame_ids=(0, 1, "s"), data_path=DATA / "road_stereo")
    train = build_dataset("stereo_folder", request)
    assert (train.report.listed, train.report.kept) == (564, 282)
    assert train.report.left_out == {"neighbour frame +1 missing": 282}
    assert train.baseline_m == pytest.approx(0.5372, abs=1e-3)
    scene = train.items[0]
    assert (scene.folder, scene.frame, scene.side) == ("000001", 10, "l")
    assert train[0].intrinsics[0, 0].tolist() == pytest.approx([369.11776, 0.0, 314.45993])
    inside = DatasetRequest(**TRAINING_SIZE, frame_ids=(0, "s"), data_path=DATA / "road_stereo" / "train")
    assert len(build_dataset("stereo_folder", inside)) == 564


@road_stereo
def test_road_stereo_is_a_folder_like_any_other():
    request = DatasetRequest(**TRAINING_SIZE, frame_ids=(0, 1, "s"), data_path=DATA / "road_stereo")
    folder, before = (build_dataset(name, request) for name in ("folder", "stereo_folder"))
    assert folder.items == before.items
    assert folder.report == before.report
    for index in (0, 100, 281):
        assert torch.equal(folder[index].images, before[index].images)
        assert torch.equal(folder[index].intrinsics, before[index].intrinsics)
    assert folder[100].intrinsics[0, 0, 0] != folder[0].intrinsics[0, 0, 0]  # a camera for each scene


def on_the_image(depth: torch.Tensor) -> torch.Tensor:
    """LiDAR depth [1, h, w] scattered onto [1, 1, 192, 640]."""
    _, rows, columns = depth.nonzero(as_tuple=True)
    small = torch.zeros(1, 1, 192, 640)
    v, u = (rows + 0.5) * 192 / depth.shape[1], (columns + 0.5) * 640 / depth.shape[2]
    small[0, 0, v.long(), u.long()] = depth[0, rows, columns]
    return small


@road_stereo
def test_lidar_depth_brings_the_right_view_onto_the_left_one():
    request = DatasetRequest(
        **TRAINING_SIZE, frame_ids=(0, "s"), data_path=DATA / "road_stereo", part="val", with_depth=True
    )
    dataset = build_dataset("stereo_folder", request)
    assert len(dataset) == 15
    assert dataset.report.left_out == {"no ground-truth depth": 15}
    ratios = []
    for index in range(len(dataset)):
        batch = augment(collate([dataset[index]]))
        depth, source = on_the_image(batch.depth[0]), batch.sources["s"]
        warped = warp(source.image, depth, batch.target.intrinsics, source.intrinsics, batch.stereo_T_target)
        known = (depth > 0) & warped.valid
        assert known.float().mean() > 0.15
        error = (warped.image - batch.target.image).abs().mean(1, keepdim=True)[known].mean()
        ratios.append(error / (source.image - batch.target.image).abs().mean(1, keepdim=True)[known].mean())
    assert torch.stack(ratios).max() < 0.7
    assert torch.stack(ratios).mean() < 0.5


@odometry
def test_odometry_sequence_is_read_as_it_lies():
    request = DatasetRequest(
        **TRAINING_SIZE,
        frame_ids=(0, -1, 1, "s"),
        data_path=DATA / "kitti_odometry_02",
        lines=tuple(f"2 {frame} {side}" for frame in range(20) for side in "lr"),
    )
    dataset = build_dataset("kitti_odom", request)
    assert dataset.report.left_out == {"neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2}
    assert dataset.baseline_m == pytest.approx(0.5327, abs=1e-3)
    assert dataset.source.poses("2").shape[1:] == (4, 4)
    scale_x, scale_y = 640 / 1241, 192 / 376
    expected = [718.856 * scale_x, 718.856 * scale_y, 607.6928 * scale_x, 185.7157 * scale_y]
    K = dataset[0].intrinsics[0]
    assert [K[0, 0].item(), K[1, 1].item(), K[0, 2].item(), K[1, 2].item()] == pytest.approx(expected, rel=1e-5)


@odometry
def test_frames_of_one_odometry_camera_are_a_folder():
    frames = DATA / "kitti_odometry_02" / "sequences" / "02" / "image_2"
    options = ReaderOptions(footage=FootageOptions(fov=81.6))
    request = DatasetRequest(**TRAINING_SIZE, frame_ids=(0, -1, 1), data_path=frames, part="test", options=options)
    dataset = build_dataset("folder", request)
    assert [item.frame for item in dataset.items] == list(range(1, 19))
    assert dataset[0].intrinsics[0, 0, 0].item() == pytest.approx(718.856 * 640 / 1241, rel=1e-3)
    times = [dataset.source.time_s(item) for item in dataset.items]
    assert times[0] == pytest.approx(0.1036117)
    faster = replace(request, options=ReaderOptions(footage=FootageOptions(fov=81.6, fps=5.0)))
    assert [item.frame for item in build_dataset("folder", faster).items][:6] == [2, 4, 6, 8, 10, 12]


@odometry
def test_right_and_left_agree_at_some_depth_only_with_the_sign_of_the_baseline():
    request = DatasetRequest(
        **TRAINING_SIZE,
        frame_ids=(0, "s"),
        data_path=DATA / "kitti_odometry_02",
        lines=("2 0 l", "2 0 r", "2 15 l"),
    )
    dataset = build_dataset("kitti_odom", request)
    batch = augment(collate([dataset[i] for i in range(3)]))
    source, T = batch.sources["s"], batch.stereo_T_target

    def best_error(stereo_T_target: torch.Tensor) -> float:
        errors = []
        for inverse_depth in torch.linspace(0.02, 0.25, 24):
            depth = torch.full_like(source.image[:, :1], 1.0 / float(inverse_depth))
            image = warp(source.image, depth, batch.target.intrinsics, source.intrinsics, stereo_T_target).image
            errors.append((image - batch.target.image).abs().mean(1))
        patches = torch.nn.functional.avg_pool2d(torch.stack(errors, 1)[..., 64:576], 9, 4)
        return float(patches.amin(1).mean())

    backwards = T.clone()
    backwards[:, 0, 3] *= -1
    assert best_error(T) < 0.7 * best_error(backwards)


@odometry
@pytest.mark.parametrize("part", ["train", "val"])
def test_one_odometry_sequence_alone_is_trained_and_validated_on(part):
    request = DatasetRequest(
        **TRAINING_SIZE, frame_ids=(0, -1, 1, "s"), data_path=DATA / "kitti_odometry_02", part=part
    )
    dataset = build_dataset("kitti_odom", request)
    assert sorted({item.frame for item in dataset.items}) == {"train": list(range(1, 16)), "val": [18]}[part]
    assert {item.side for item in dataset.items} == {"l", "r"}
