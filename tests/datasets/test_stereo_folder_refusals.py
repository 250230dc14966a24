"""Footage of one's own that cannot be used: what is said, of which part, and what to do."""

from __future__ import annotations

import pytest

from selfsup_depth.datasets import build_dataset
from selfsup_depth.errors import UserError

NEIGHBOURS = (0, -1, 1, "s")


def clip(count: int) -> list[str]:
    return [f"clip_{number:04d}" for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [6, 8, 14])
def test_a_short_clip_can_be_trained_on_and_validated(trees, ask, count):
    path = trees.stereo_folder(names=clip(count))
    train = build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS))
    val = build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS, part="val"))
    assert train.report.kept == 2 * (count - 5)
    assert [val.name(i) for i in range(len(val))] == [f"clip {count - 1} l"]
    assert train.report.left_out["held out for validation: 2 frames, both sides"] == 4


def test_a_clip_too_short_for_both_parts(trees, ask):
    path = trees.stereo_folder(names=clip(5))
    message = (
        r"none of the 10 items listed for training can be used .*2 x neighbour frame -1 missing, for example none "
        r"before .*left/clip_0001\.png.*: without a validation list .* at least 6 in a row.*put others into "
        r".*data/val/left and .*data/val/right, or list both parts in train_files\.txt and val_files\.txt"
    )
    with pytest.raises(UserError, match=message):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS))


def test_images_for_validation_beside_a_short_clip_leave_all_of_it_to_training(trees, ask):
    trees.stereo_folder(names=clip(3), parts=("val",))
    path = trees.stereo_folder(names=clip(3))
    for part, kept in (("train", 2), ("val", 1)):
        dataset = build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS, part=part))
        assert dataset.report.kept == kept
        assert dataset.source.folder == str(path / "val" if part == "val" else path)


def test_one_pair_leaves_nothing_for_validation(trees, ask):
    path = trees.stereo_folder(names=clip(1))
    assert len(build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s")))) == 2
    with pytest.raises(UserError, match=r"there is nothing for validation in .*at least 2 in a row.*data/val/left"):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s"), part="val"))


def test_a_held_out_scene_without_a_whole_sample(trees, ask):
    path = trees.stereo_folder(names=["a_1", "a_2", "a_3", "b_1", "b_2"])
    with pytest.raises(UserError, match=r"none of the 2 items listed for validation .* the last tenth of the scenes"):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS, part="val"))


def test_train_without_val(trees, ask):
    path = trees.stereo_folder(names=clip(8), parts=("train",))
    with pytest.raises(UserError, match=r"data/val/left is missing: expected images for validation.*give .*data/train"):
        build_dataset("stereo_folder", ask(data_path=path, part="val"))


@pytest.mark.parametrize("only", ["train", "val"])
def test_a_part_without_the_other_is_shared(trees, ask, only):
    path = trees.stereo_folder(names=clip(8), parts=(only,)) / only
    asked = [ask(data_path=path, frame_ids=NEIGHBOURS, part=part) for part in ("train", "val")]
    train, val = (build_dataset("stereo_folder", request) for request in asked)
    assert {train.items[i].frame for i in range(len(train))} == {2, 3, 4}
    assert [item.frame for item in val.items] == [7]


def test_no_right_folder(trees, ask):
    path = trees.stereo_folder(names=clip(8))
    for image in (path / "right").iterdir():
        image.unlink()
    with pytest.raises(UserError, match=r"stereo image missing, for example .*data/right/clip_0001\.png.*same name"):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s"), lines=("clip 1 l",)))
    (path / "right").rmdir()
    with pytest.raises(UserError, match=r"data/right does not exist, but --use_stereo needs the right images for"):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS))
    assert len(build_dataset("stereo_folder", ask(data_path=path, part="val", with_depth=True))) == 1


def test_names_without_numbers(trees, ask):
    path = trees.stereo_folder(names=["a", "b", "c"])
    with pytest.raises(UserError, match=r"left/a\.png and all other names have no number.*--frame_ids 0 -1 1 .*_0001"):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=NEIGHBOURS))
    assert len(build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, "s")))) == 4


def test_no_images_at_all(trees, ask):
    path = trees.stereo_folder(names=())
    (path / "left").mkdir()
    with pytest.raises(UserError, match=r"nothing for training in .*: put images into .*data/left and"):
        build_dataset("stereo_folder", ask(data_path=path, frame_ids=(0, -1)))


def test_listed_images_that_are_elsewhere(trees, ask):
    path = trees.stereo_folder(names=clip(3))
    with pytest.raises(UserError, match=r"left/clip_0009\.png\): check that --data_path is the folder that the list"):
        build_dataset("stereo_folder", ask(data_path=path, lines=("clip 9 l",)))


def test_a_list_of_two_columns_is_quoted(trees, ask):
    path = trees.stereo_folder(names=clip(3))
    (path / "train_files.txt").write_text("clip 1 l\nclip 0002 left\n")
    with pytest.raises(UserError, match=r"train_files\.txt, line 2: the line 'clip 0002 left' must be '<scene>"):
        build_dataset("stereo_folder", ask(data_path=path))


def test_numbered_pairs_that_leave_no_sample_for_validation(trees, ask):
    path = trees.simsin(frames=4)
    for name in ("train_files.txt", "val_files.txt"):
        (path / name).unlink()
    square = {"height": 16, "width": 16}
    with pytest.raises(UserError, match=r"simsin: none of .* for training .*at least 6 in a row\), or list both parts"):
        build_dataset("simsin", ask(data_path=path, frame_ids=NEIGHBOURS, **square))
    with pytest.raises(UserError, match=r"items listed for training .*: check that --data_path is the folder that"):
        build_dataset("simsin", ask(data_path=path, lines=("apartment_0/009_0",), **square))
