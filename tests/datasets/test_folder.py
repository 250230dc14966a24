"""A folder of one's own footage: frames, pairs, sequences, parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from folder_files import HEIGHT, WIDTH, write_camera, write_depth, write_frames, write_pairs

from selfsup_depth.datasets import DatasetRequest, ViewDataset, build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError

NEIGHBOURS = (0, -1, 1)


def opened(path: Path, **changes: object) -> ViewDataset:
    request = {"height": HEIGHT, "width": WIDTH, "frame_ids": NEIGHBOURS, "data_path": path} | changes
    return build_dataset("folder", DatasetRequest(**request))  # type: ignore[arg-type]


def names(dataset: ViewDataset) -> list[str]:
    return [dataset.name(index) for index in range(len(dataset))]


# ------------------------------------------------------------------ one camera


def test_frames_of_one_camera(tmp_path):
    path = write_frames(tmp_path / "clip", range(12), "frame_{:04d}.jpg")
    write_camera(path)
    train = opened(path)
    assert names(train) == [f"frame {number} l" for number in range(1, 8)]
    assert names(opened(path, part="val")) == ["frame 10 l"]
    assert len(opened(path, part="test")) == 10
    sample = train[0]
    expected = [read_image(str(path / f"frame_{number:04d}.jpg")) for number in (1, 0, 2)]
    assert torch.equal(sample.images, torch.stack(expected))
    assert sample.intrinsics[0].tolist() == [[30.0, 0.0, 19.0], [0.0, 31.0, 11.0], [0.0, 0.0, 1.0]]
    assert sample.stereo_T_target is None
    assert train.baseline_m is None


def test_one_camera_has_no_stereo(tmp_path):
    path = write_frames(tmp_path / "clip", range(12))
    write_camera(path)
    with pytest.raises(UserError, match=r"--use_stereo needs left/ and right/ in .*clip, but there are frames of one"):
        opened(path, frame_ids=(0, "s"))


def test_depth_of_one_camera_lies_beside_the_frames(tmp_path):
    path = write_frames(tmp_path / "clip", range(12))
    write_camera(path)
    write_depth(path / "depth", [10, 11])
    val = opened(path, part="val", frame_ids=(0,), with_depth=True)
    assert names(val) == ["- 11 l"]
    assert val[0].depth.unique().tolist() == [4.0]


# ------------------------------------------------------------------ pairs


def test_pairs(tmp_path):
    path = write_pairs(tmp_path / "rig", range(12))
    write_camera(path, baseline_m=0.25, cx_right=22.0)
    train = opened(path, frame_ids=(0, -1, 1, "s"))
    assert names(train)[:3] == ["- 1 l", "- 1 r", "- 2 l"]
    left, right = train[0], train[1]
    assert torch.equal(left.images[3], read_image(str(path / "right/000001.png")))
    assert torch.equal(right.images[1], read_image(str(path / "right/000000.png")))
    assert left.intrinsics[:, 0, 2].tolist() == [19.0, 19.0, 19.0, 22.0]
    assert left.stereo_T_target[:3, 3].tolist() == [-0.25, 0.0, 0.0]
    assert right.stereo_T_target[:3, 3].tolist() == [0.25, 0.0, 0.0]
    assert train.baseline_m == 0.25


def test_pairs_without_a_baseline_are_two_videos(tmp_path):
    path = write_pairs(tmp_path / "rig", range(12))
    write_camera(path)
    dataset = opened(path)
    assert names(dataset)[:2] == ["- 1 l", "- 1 r"]
    assert dataset.baseline_m is None
    with pytest.raises(UserError, match=r"--use_stereo needs the distance of the cameras, which .*calib\.json does"):
        opened(path, frame_ids=(0, "s"))


def test_right_without_left(tmp_path):
    write_frames(tmp_path / "rig" / "right", range(3))
    write_frames(tmp_path / "rig" / "other", range(3))
    with pytest.raises(UserError, match=r"rig has right/ but no left/: .* give .*rig/right as --data_path"):
        opened(tmp_path / "rig")


# ------------------------------------------------------------------ sequences


def trips(root: Path) -> Path:
    """Two sequences of one camera and one of two, numbered anew in each."""
    write_frames(root / "hall", range(6))
    write_frames(root / "garden", range(10, 15), "img_{:03d}.png")
    write_pairs(root / "street", range(5))
    write_camera(root, baseline_m=0.25)
    return root


def test_sub_folders_are_sequences(tmp_path):
    test = opened(trips(tmp_path), part="test")
    assert names(test) == [
        *(f"garden {number} l" for number in range(11, 14)),
        *(f"hall {number} l" for number in range(1, 5)),
        *(f"street {number} l" for number in range(1, 4)),
    ]
    assert test.source.image_path(test.items[0]) == f"{tmp_path}/garden/img_011.png"
    train = opened(tmp_path)
    assert {name.split()[0] for name in names(train)} == {"garden", "hall"}
    assert train.report.left_out["held out for validation: 5 frames, both sides"] == 10
    assert {name.split()[0] for name in names(opened(tmp_path, part="val"))} == {"street"}


def test_stereo_is_learnt_from_the_sequences_that_have_it(tmp_path):
    trips(tmp_path)
    (tmp_path / "val").mkdir()
    (tmp_path / "street").rename(tmp_path / "avenue")
    write_pairs(tmp_path / "val", range(2))
    dataset = opened(tmp_path, frame_ids=(0, "s"))
    assert {name.split()[0] for name in names(dataset)} == {"avenue"}
    assert dataset.report.left_out == {"stereo image missing": 11}


def test_each_sequence_can_have_its_own_camera(tmp_path):
    trips(tmp_path)
    write_camera(tmp_path / "hall", fx=33.0)
    dataset = opened(tmp_path, part="test")
    focal = {item.folder: dataset[index].intrinsics[0, 0, 0].item() for index, item in enumerate(dataset.items)}
    assert focal == {"garden": 30.0, "hall": 33.0, "street": 30.0}


def test_scenes_of_one_file_are_named_by_sequence(tmp_path):
    trips(tmp_path)
    write_camera(tmp_path, scenes={"garden": {"fx": 32.0}, "hall": {"fx": 33.0}, "street": {"fx": 34.0}})
    dataset = opened(tmp_path, part="test")
    focal = {item.folder: dataset[index].intrinsics[0, 0, 0].item() for index, item in enumerate(dataset.items)}
    assert focal == {"garden": 32.0, "hall": 33.0, "street": 34.0}


def test_a_sequence_of_several_clips(tmp_path):
    for name in ("a", "b"):
        write_frames(tmp_path / "day1", range(4), name + "_{:02d}.png")
    write_camera(tmp_path)
    assert names(opened(tmp_path, part="test")) == [f"day1/{clip} {n} l" for clip in "ab" for n in (1, 2)]


def test_sequences_that_are_named(tmp_path):
    write_frames(trips(tmp_path) / "more" / "deep", range(3))
    (tmp_path / "sequences.txt").write_text("# the good ones\nhall\n\n./more/deep/\n")
    assert {name.split()[0] for name in names(opened(tmp_path, part="test"))} == {"hall", "more/deep"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hall\nhal\n", r"sequences\.txt, line 2: .*/hal has neither frames nor left/ and right/"),
        ("hall\n./hall/\n", r"sequences\.txt names a sub-folder twice"),
        ("# none\n", r"sequences\.txt names no sub-folder: add lines"),
    ],
)
def test_sequences_that_are_not_there(tmp_path, text, message):
    (trips(tmp_path) / "sequences.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        opened(tmp_path)


def test_a_list_of_sequences_that_is_no_text(tmp_path):
    (trips(tmp_path) / "sequences.txt").write_bytes(b"h\xe4ll\n")
    with pytest.raises(UserError, match=r"sequences\.txt cannot be read .*: save it as UTF-8 text"):
        opened(tmp_path)


def test_frames_beside_sub_folders_with_frames_are_ambiguous(tmp_path):
    write_frames(trips(tmp_path), range(3))
    message = r"has frames of its own and sub-folders with frames \(garden, hall, street\).*sequences\.txt"
    with pytest.raises(UserError, match=message):
        opened(tmp_path, part="test")
    (tmp_path / "sequences.txt").write_text(".\n")
    assert names(opened(tmp_path, part="test")) == ["- 1 l"]


@pytest.mark.parametrize("hidden", [".thumbnails", "notes"])
def test_folders_without_frames_are_no_sequences(tmp_path, hidden):
    write_frames(tmp_path, range(12))
    write_camera(tmp_path)
    (tmp_path / hidden).mkdir()
    (tmp_path / hidden / ("a.png" if hidden.startswith(".") else "a.txt")).touch()
    (tmp_path / "._000000.png").write_text("what macOS leaves")
    assert len(opened(tmp_path, part="test")) == 10


# ------------------------------------------------------------------ parts


def test_parts_of_one_camera(tmp_path):
    write_frames(tmp_path / "train", range(5))
    write_frames(tmp_path / "val", range(20, 23))
    write_camera(tmp_path)
    assert names(opened(tmp_path)) == ["- 1 l", "- 2 l", "- 3 l"]
    for path in (tmp_path, tmp_path / "train"):
        assert names(opened(path, part="val")) == ["- 21 l"]
    assert names(opened(tmp_path, part="test")) == ["- 21 l"]
    assert names(opened(tmp_path / "train", part="test")) == ["- 1 l", "- 2 l", "- 3 l"]


def test_parts_of_sequences(tmp_path):
    trips(tmp_path / "train")
    write_frames(tmp_path / "val" / "yard", range(3))
    write_camera(tmp_path)
    assert {name.split()[0] for name in names(opened(tmp_path))} == {"garden", "hall", "street"}
    assert names(opened(tmp_path, part="val")) == ["yard 1 l"]


def test_val_beside_the_frames(tmp_path):
    write_frames(tmp_path, range(5))
    write_frames(tmp_path / "val", range(20, 23))
    write_camera(tmp_path)
    assert names(opened(tmp_path)) == ["- 1 l", "- 2 l", "- 3 l"]
    assert names(opened(tmp_path, part="val")) == ["- 21 l"]


def test_train_without_val(tmp_path):
    write_frames(tmp_path / "train", range(12))
    write_camera(tmp_path)
    with pytest.raises(UserError, match=r"/val is missing: .*give .*/train as --data_path, whose end is then held out"):
        opened(tmp_path, part="val")
    assert names(opened(tmp_path / "train", part="val")) == ["- 10 l"]


def test_long_sequences_are_divided_into_blocks(tmp_path):
    path = write_frames(tmp_path / "clip", range(240), size=(2, 2))
    write_camera(path, image_width=2, image_height=2, cx=1.0, cy=1.0, fx=2.0, fy=2.0)
    held_out = [item.frame for item in opened(path, part="val").items]
    assert held_out == [*range(54, 66), *range(174, 186)]
    train = opened(path)
    seen = {item.frame + offset for item in train.items for offset in NEIGHBOURS}
    assert not seen & {frame + offset for frame in held_out for offset in NEIGHBOURS}
    assert train.report.left_out["held out for validation"] == 24
    assert train.report.left_out["next to frames held out for validation"] == 8


def test_a_list_chooses_frames(tmp_path):
    path = trips(tmp_path)
    (path / "train_files.txt").write_text("hall 2 l\nstreet 1 r\nhall 77 l\nattic 3 l\n")
    dataset = opened(path)
    assert names(dataset) == ["hall 2 l", "street 1 r"]
    assert dataset.report.examples["target image missing"] == [f"{path}/hall/000077.png", f"{path}/garden/attic_3.jpg"]
    with pytest.raises(UserError, match="the line 'hall 2 2' must be '<scene> <number> <side>' with side l or r"):
        opened(path, lines=("hall 2 2",))


def test_a_list_that_asks_for_the_right_image_of_one_camera(tmp_path):
    dataset = opened(trips(tmp_path), lines=("hall 2 r", "hall 2 l"))
    assert names(dataset) == ["hall 2 l"]
    assert dataset.report.examples["target image missing"] == [f"{tmp_path}/hall/right/000002"]
