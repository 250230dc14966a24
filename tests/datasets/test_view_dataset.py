"""What every data set does alike: index, read, resize, count what is left out."""

from __future__ import annotations

import os
import pickle
import shlex
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from selfsup_depth.datasets import DATASETS, FootageOptions, ReaderOptions, ViewDataset, build_dataset
from selfsup_depth.datasets.augmentation import collate, draw_augmentation
from selfsup_depth.datasets.images import read_resized
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Augmentation


def test_sample_holds_the_frames_asked_for_in_order(one_camera, ask):
    dataset = ViewDataset("clip", one_camera(ask()), ask(frame_ids=(0, 1, -1)))
    sample = dataset[0]
    assert sample.frame_ids == (0, 1, -1)
    assert sample.images.shape == (3, 3, 12, 40)
    assert sample.images.dtype == torch.uint8
    assert sample.images[:, 0, 0, 0].tolist() == [20, 40, 0]
    assert sample.intrinsics.shape == (3, 3, 3)
    assert sample.intrinsics.dtype == torch.float32
    assert (sample.stereo_T_target, sample.depth) == (None, None)
    assert sample.name == dataset.name(0) == "clip 1"


def test_only_the_frames_asked_for_are_read(trees, ask, monkeypatch):
    dataset = build_dataset("stereo_folder", ask(data_path=trees.stereo_folder(parts=("train",)), frame_ids=(0, "s")))
    read: list[str] = []
    monkeypatch.setattr(
        "selfsup_depth.datasets.source.read_resized", lambda path, *size: read.append(path) or read_resized(path, *size)
    )
    dataset[0]
    assert [Path(path).parent.name for path in read] == ["left", "right"]


def test_items_with_missing_frames_are_left_out_with_count_and_reason(one_camera, ask):
    dataset = ViewDataset("clip", one_camera(ask()), ask(frame_ids=(0, -1, 1)))
    report = dataset.report
    assert [dataset.name(i) for i in range(len(dataset))] == ["clip 1"]
    assert (report.listed, report.kept) == (6, 1)
    assert report.left_out == {
        "neighbour frame -1 missing": 2,  # of frames 0 and 4
        "neighbour frame +1 missing": 2,  # of frames 2 and 5
        "target image missing": 1,  # frame 3
    }
    assert report.listed == report.kept + sum(report.left_out.values())
    assert report.examples["target image missing"] == ["clip/3.png"]


def test_target_alone_keeps_all_but_the_missing_one(one_camera, ask):
    dataset = ViewDataset("clip", one_camera(ask()), ask())
    assert len(dataset) == 5


def test_nothing_left_names_where_and_an_example(one_camera, ask):
    with pytest.raises(UserError, match=r"none of the 6 items listed for training .* /somewhere .*clip/10\.png"):
        ViewDataset("clip", one_camera(ask()), ask(data_path="/somewhere", frame_ids=(0, 10)))


@pytest.mark.parametrize(("part", "purpose"), [("train", "training"), ("val", "validation"), ("test", "testing")])
def test_what_no_item_is_left_for_is_said(one_camera, ask, part, purpose):
    class Depthless(one_camera):
        has_depth_maps = True

    request = ask(part=part, with_depth=True)
    with pytest.raises(UserError, match=f"none of the 6 items listed for {purpose} .*: add the depth maps"):
        ViewDataset("clip", Depthless(request), request)


def test_files_missing_from_a_list_are_looked_for_elsewhere(one_camera, ask):
    class Nowhere(one_camera):
        def has_image(self, view):
            return False

    with pytest.raises(UserError, match=r"6 x target image missing.*: check that --data_path is the folder that the"):
        ViewDataset("clip", Nowhere(ask()), ask())


def test_an_empty_list_is_an_error(one_camera, ask):
    class Nothing(one_camera):
        def items(self):
            return []

    with pytest.raises(UserError, match="nothing: there is nothing for training in the built-in data: give an"):
        ViewDataset("nothing", Nothing(ask()), ask())


def test_stereo_of_one_camera_is_refused(one_camera, ask):
    with pytest.raises(UserError, match="--use_stereo needs a data set of stereo pairs: clip has one camera"):
        ViewDataset("clip", one_camera(ask()), ask(frame_ids=(0, "s")))


def test_stereo_partner_of_a_view_without_side_is_left_out(one_camera, ask):
    class Claims(one_camera):
        has_stereo = True

    with pytest.raises(UserError, match="5 x stereo image missing.*: add the images of the other camera"):
        ViewDataset("clip", Claims(ask()), ask(frame_ids=(0, "s")))


def test_depth_of_a_data_set_without_any_is_refused(one_camera, ask):
    with pytest.raises(UserError, match="clip has no ground-truth depth"):
        ViewDataset("clip", one_camera(ask()), ask(with_depth=True))


def test_monocular_data_has_no_baseline_and_no_depth(one_camera, ask):
    dataset = ViewDataset("clip", one_camera(ask()), ask())
    assert dataset.baseline_m is None
    assert dataset.depth(0) is None


def test_baseline_is_the_median_of_the_items(trees, ask):
    scenes = {"a": {"baseline_m": 0.1}, "b": {"baseline_m": 0.3}, "c": {"baseline_m": 0.7}}
    path = trees.stereo_folder(names=("a_1", "b_1", "c_1"), parts=("train",), scenes=scenes)
    assert build_dataset("stereo_folder", ask(data_path=path)).baseline_m == pytest.approx(0.3)


def test_images_and_intrinsics_are_resized_together(one_camera, ask):
    sample = ViewDataset("clip", one_camera(ask()), ask(height=24, width=20))[0]
    assert sample.images.shape == (1, 3, 24, 20)
    assert torch.equal(sample.intrinsics[0], torch.tensor([[15.0, 0, 9.5], [0, 62.0, 10.0], [0, 0, 1]]))


def test_shrinking_is_antialiased(one_camera, ask):
    class Stripes(one_camera):
        def read_image(self, view):
            return torch.tensor([255, 0, 0, 255], dtype=torch.uint8).repeat(10).expand(3, 12, 40)

    small = ViewDataset("clip", Stripes(ask()), ask(height=12, width=10))[0].images
    assert small[..., 2:-2].min() > 100
    assert small[..., 2:-2].max() < 155


def test_augmentation_depends_on_seed_epoch_and_index_alone(one_camera, ask):
    dataset = ViewDataset("clip", one_camera(ask()), ask(is_train=True, seed=7))
    assert dataset[(3, 2)].augmentation == draw_augmentation(7, 3, 2)
    assert dataset[2].augmentation == draw_augmentation(7, 0, 2)
    assert ViewDataset("clip", one_camera(ask()), ask(seed=7))[(3, 2)].augmentation == Augmentation()


def test_results_do_not_depend_on_workers(one_camera, ask):
    dataset = ViewDataset("clip", one_camera(ask()), ask(is_train=True))
    keys = [(5, 0), (5, 2), (5, 4), (5, 1)]
    batches = {}
    for workers in (0, 2):
        loader = DataLoader(dataset, 2, sampler=keys, num_workers=workers, collate_fn=collate)
        batches[workers] = list(loader)
    for alone, together in zip(batches[0], batches[2], strict=True):
        assert alone.augmentations == together.augmentations
        assert torch.equal(alone.images, together.images)


def test_data_sets_travel_to_spawned_workers(trees, ask):
    dataset = build_dataset("kitti_odom", ask(data_path=trees.kitti_odom(), lines=("9 1 l",), frame_ids=(0, -1, "s")))
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[0].images, dataset[0].images)


def test_implausible_intrinsics_are_refused_with_the_image(one_camera, ask):
    class Normalised(one_camera):
        K = torch.tensor([[0.58, 0, 0.5], [0, 1.92, 0.5], [0, 0, 1]])

    with pytest.raises(UserError, match=r"intrinsics of clip/0\.png are implausible: .*normalised"):
        ViewDataset("clip", Normalised(ask()), ask())


@pytest.mark.parametrize("frame_ids", [(), (1, 0), (0, -1, -1), (0, "right"), (0, 1.5)])
def test_frame_ids_that_make_no_sense_are_refused(ask, frame_ids):
    with pytest.raises(UserError, match="--frame_ids"):
        ask(frame_ids=frame_ids)


def test_unknown_data_set_lists_the_known_ones(ask):
    with pytest.raises(UserError, match="nyu.*" + ", ".join(DATASETS)):
        build_dataset("nyu", ask())


def test_a_large_index_lists_each_directory_once(trees, ask, monkeypatch):
    path = trees.kitti_raw()
    lines = tuple(
        f"2011_09_26/2011_09_26_drive_{n % 40:04d}_sync {n // 40} {side}" for n in range(22_500) for side in "lr"
    )
    listed: list[str] = []
    asked: list[object] = []
    scandir = os.scandir
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", lambda folder: listed.append(folder) or scandir(folder))
        patched.setattr(os.path, "exists", asked.append)
        patched.setattr(Path, "exists", asked.append)
        dataset = build_dataset("kitti", ask(data_path=path, lines=lines, frame_ids=(0, -1, 1, "s")))
    assert dataset.report.listed == 45_000
    assert dataset.report.kept == len(dataset) == 4  # frames 1 and 2 of the one drive that exists
    assert len(listed) == len(set(listed)) <= 2 * 40 + 1
    assert asked == []


def test_splits_that_cannot_be_read_are_refused(trees, ask):
    path = trees.kitti_raw()
    with pytest.raises(UserError, match="--split eigen_zoo cannot be read for kitti: .*"):
        build_dataset("kitti", ask(data_path=path, split="eigen_zoo"))
    with pytest.raises(UserError, match=r"'a b c' is not 'folder frame side'"):
        build_dataset("kitti", ask(data_path=path, lines=("a b c",)))


def test_lists_in_the_data_folder_are_used_before_the_default(trees, ask):
    path = trees.kitti_raw()
    (path / "train_files.txt").write_text("2011_09_26/2011_09_26_drive_0001_sync 2 r\n")
    dataset = build_dataset("kitti", ask(data_path=path))
    assert dataset.name(0) == "2011_09_26/2011_09_26_drive_0001_sync 2 r"
    assert dataset.report.listed == 1


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in ("motorcycle", "video")])
def test_readers_from_disk_need_a_folder_that_exists(name, ask):
    with pytest.raises(UserError, match="give its folder as --data_path"):
        build_dataset(name, ask(lines=("a 0 l",)))
    with pytest.raises(UserError, match="--data_path /nowhere/at/all is not a folder"):
        build_dataset(name, ask(lines=("a 0 l",), data_path="/nowhere/at/all"))


def test_a_video_is_a_file_that_has_to_be_prepared(ask):
    with pytest.raises(UserError, match="give its file as --data_path"):
        build_dataset("video", ask())
    footage = FootageOptions(fov=65.0, right_video=Path("the right.mp4"), guess_fov=60.0)
    with pytest.raises(UserError, match=r"--data_path /nowhere/a\.mp4 is not prepared for reading") as error:
        build_dataset("video", ask(data_path="/nowhere/a.mp4", options=ReaderOptions(footage=footage)))
    command = str(error.value).split("run python ")[1].split(", then")[0]
    assert shlex.split(command) == [
        "prepare_data.py", "--dataset", "video", "--data_path", "/nowhere/a.mp4", "--fov", "65.0", "--right_video",
        "the right.mp4", "--height", "12", "--width", "40", "--output_directory", "OUT",
    ]  # fmt: skip
