"""Plain folders of stereo pairs."""

from __future__ import annotations

import json

import pytest
import torch

from selfsup_depth.datasets import ReaderOptions, build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError


def all_names(dataset) -> list[str]:
    return [dataset.name(i) for i in range(len(dataset))]


def test_train_and_val_folders_are_the_parts(trees, ask):
    path = trees.stereo_folder(parts=("train", "val"), names=("a_1", "a_2"))
    train = build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s")))
    assert all_names(train) == ["a 1 l", "a 1 r", "a 2 l", "a 2 r"]
    assert train.source.folder.endswith("/train")
    for part in ("val", "test"):
        dataset = build_dataset("stereo_folder", ask(data_path=path, part=part))
        assert all_names(dataset) == ["a 1 l", "a 2 l"]
        assert dataset.source.folder.endswith("/val")


def test_a_part_as_data_path_finds_the_other_and_the_calibration_above(trees, ask):
    path = trees.stereo_folder(parts=("train", "val"), names=("a_1", "a_2"))
    for own in ("train", "val"):
        for part in ("train", "val"):
            dataset = build_dataset("stereo_folder", ask(data_path=path / own, part=part))
            assert dataset.source.folder == str(path / part)
            assert dataset.report.left_out == {}
    assert build_dataset("stereo_folder", ask(data_path=path / "train", part="test")).source.folder == str(
        path / "train"
    )


def test_without_parts_the_last_tenth_of_the_scenes_is_held_out(trees, ask):
    path = trees.stereo_folder(names=[f"s{scene:02d}_{frame}" for scene in range(20) for frame in range(2)])
    train = build_dataset("stereo_folder", ask(data_path=path))
    val = build_dataset("stereo_folder", ask(data_path=path, part="val"))
    assert {name.split()[0] for name in all_names(val)} == {"s18", "s19"}
    assert {name.split()[0] for name in all_names(train)} == {f"s{scene:02d}" for scene in range(18)}
    assert train.report.left_out == {"held out for validation: 4 frames, both sides": 8}
    assert train.report.listed == 80
    assert len(build_dataset("stereo_folder", ask(data_path=path, part="test"))) == 40


def test_of_one_sequence_the_end_is_held_out_with_a_guard(trees, ask):
    path = trees.stereo_folder(names=[f"{frame:03d}" for frame in range(20)])
    train = build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, -1, 1)))
    val = build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, -1, 1), part="val"))
    seen = {int(name.split()[1]) + offset for name in all_names(train) for offset in (-1, 0, 1)}
    used = {int(name.split()[1]) + offset for name in all_names(val) for offset in (-1, 0, 1)}
    assert used == {17, 18, 19}
    assert max(seen) == 16
    assert train.report.left_out["held out for validation: 2 frames, both sides"] == 4
    assert train.report.left_out["next to frames held out for validation: 2 frames, both sides"] == 4
    assert train.report.listed == 40 == train.report.kept + sum(train.report.left_out.values())


def test_neighbours_belong_to_the_scene(trees, ask):
    path = trees.stereo_folder(parts=("train",))
    dataset = build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, -1, 1, "s")))
    assert all_names(dataset) == ["a 2 l", "a 2 r", "b 2 l", "b 2 r"]
    files = ["right/a_2.png", "right/a_1.png", "right/a_3.png", "left/a_2.png"]
    expected = torch.stack([read_image(str(path / "train" / name)) for name in files])
    assert torch.equal(dataset[1].images, expected)


def test_one_camera_for_all(trees, ask):
    path = trees.stereo_folder(parts=("train",), cx_right=22.0)
    dataset = build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s")))
    left, right = dataset[0], dataset[1]
    assert left.intrinsics[0].tolist() == [[30.0, 0.0, 19.0], [0.0, 31.0, 5.0], [0.0, 0.0, 1.0]]
    assert left.intrinsics[:, 0, 2].tolist() == [19.0, 22.0]
    assert right.intrinsics[:, 0, 2].tolist() == [22.0, 19.0]
    assert left.stereo_T_target[:3, 3].tolist() == [-0.25, 0.0, 0.0]
    assert right.stereo_T_target[:3, 3].tolist() == [0.25, 0.0, 0.0]
    assert dataset.baseline_m == 0.25


def test_a_camera_for_each_scene(trees, ask):
    scenes = {"a": {"fx": 33.0}, "b": {"baseline_m": 0.5}}
    path = trees.stereo_folder(parts=("train",), scenes=scenes)
    dataset = build_dataset("stereo_folder", ask(data_path=path))
    by_scene = {dataset.items[i].folder: i for i in range(len(dataset)) if dataset.items[i].side == "l"}
    assert dataset[by_scene["a"]].intrinsics[0, 0, 0] == 33.0
    assert dataset[by_scene["b"]].intrinsics[0, 0, 0] == 30.0
    assert dataset.source.stereo_T_target(dataset.items[by_scene["b"]])[0, 3] == -0.5


def test_calibration_of_a_larger_size_is_scaled_and_of_another_shape_refused(trees, ask):
    path = trees.stereo_folder(parts=("train",), image_width=80, image_height=24, cx=38.0, cy=10.0)
    sample = build_dataset("stereo_folder", ask(data_path=path))[0]
    assert torch.allclose(sample.intrinsics[0], torch.tensor([[15.0, 0, 19.0], [0, 15.5, 5.0], [0, 0, 1]]))
    path = trees.stereo_folder(parts=("train",), image_width=40, image_height=16)
    with pytest.raises(UserError, match=r"calib\.json is for images of 40x16, but .*a_1\.png has 40x12"):
        build_dataset("stereo_folder", ask(data_path=path))


def test_images_of_one_side_only_are_left_out_with_counts(trees, ask):
    path = trees.stereo_folder(parts=("train",), names=("a_1", "a_2", "a_3"))
    (path / "train/right/a_2.png").unlink()
    (path / "train/left/a_3.png").unlink()
    dataset = build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s")))
    assert all_names(dataset) == ["a 1 l", "a 1 r"]
    assert dataset.report.left_out == {"stereo image missing": 2, "target image missing": 2}


def test_depth_is_of_the_left_views_at_its_own_size(trees, ask):
    path = trees.stereo_folder(parts=("train", "val"), names=("a_1", "a_2"))
    (path / "val/depth/a_1.png").unlink()
    dataset = build_dataset("stereo_folder", ask(data_path=path, part="val", with_depth=True))
    assert all_names(dataset) == ["a 2 l"]
    assert dataset.report.left_out == {"no ground-truth depth": 1}
    assert dataset[0].depth.shape == (1, 6, 20)
    assert dataset.depth(0).min() == 4.0
    train = build_dataset("stereo_folder", ask(data_path=path))
    assert train.depth(all_names(train).index("a 1 r")) is None


def test_lines_of_a_split_choose_the_items(trees, ask):
    path = trees.stereo_folder()
    dataset = build_dataset("stereo_folder", ask(data_path=path, lines=("b 3 r", "a 1 l"), frame_ids=(0, "s")))
    assert all_names(dataset) == ["b 3 r", "a 1 l"]
    assert dataset.report.left_out == {}
    with pytest.raises(UserError, match="lines given: the line 'b 3 left' must be '<scene> <number> <side>'"):
        build_dataset("stereo_folder", ask(data_path=path, lines=("b 3 left",)))
    (path / "val_files.txt").write_text("a 3 l\n")
    assert all_names(build_dataset("stereo_folder", ask(data_path=path, part="val"))) == ["a 3 l"]


def test_png_is_preferred_when_asked(trees, ask):
    path = trees.stereo_folder(parts=("train",), names=("a_1",))
    (path / "train/left/a_1.png").rename(path / "train/left/a_1.jpg")
    (path / "train/left/a_1.png").write_bytes((path / "train/left/a_1.jpg").read_bytes())
    for png, suffix in ((False, ".jpg"), (True, ".png")):
        dataset = build_dataset("stereo_folder", ask(data_path=path, options=ReaderOptions(png=png)))
        assert dataset.source.image_path(dataset.items[0]).endswith(suffix)


def test_a_folder_of_something_else_is_refused(trees, ask):
    with pytest.raises(UserError, match=r"data/left is missing: expected left/ and right/ \(or train/ with both\)"):
        build_dataset("stereo_folder", ask(data_path=trees.root))


def test_a_missing_calibration_is_shown_how_to_write(trees, ask):
    path = trees.stereo_folder(parts=("train",))
    (path / "calib.json").unlink()
    with pytest.raises(UserError, match=r'train/calib\.json is missing .*"baseline_m": 0\.12.*"centre"'):
        build_dataset("stereo_folder", ask(data_path=path))


def test_a_scene_missing_from_the_calibration_is_named_at_once(trees, ask):
    path = trees.stereo_folder(parts=("train",), scenes={"a": {}})
    with pytest.raises(UserError, match=r"calib\.json has no entry for scene 'b'"):
        build_dataset("stereo_folder", ask(data_path=path))


def test_normalised_intrinsics_of_any_scene_are_refused(trees, ask):
    normalised = {"fx": 0.58, "fy": 1.92, "cx": 0.5, "cy": 0.5}
    path = trees.stereo_folder(parts=("train",), scenes={"a": {}, "b": normalised})
    with pytest.raises(UserError, match=r"calib\.json, scene b: .*normalised"):
        build_dataset("stereo_folder", ask(data_path=path))


def test_yaml_calibration(trees, ask):
    path = trees.stereo_folder(parts=("train",), names=("000001_1", "000001_2"))
    content = json.loads((path / "calib.json").read_text())
    (path / "calib.json").unlink()
    text = "\n".join(f"{key}: {value}" for key, value in content.items())
    (path / "calib.yaml").write_text(text)
    assert build_dataset("stereo_folder", ask(data_path=path)).baseline_m == 0.25
    (path / "calib.yaml").write_text(text + "\nscenes:\n  000001: {fx: 30.0}\n")
    with pytest.raises(UserError, match="need quotes in YAML"):
        build_dataset("stereo_folder", ask(data_path=path))
    (path / "calib.yaml").write_text(text + "\nscenes:\n  '000001': {fx: 32.0}\n")
    assert build_dataset("stereo_folder", ask(data_path=path))[0].intrinsics[0, 0, 0] == 32.0
