"""A prepared set is mapped, not read; what is not one, is of another size, or is damaged is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from prepared_sets import prepare_pairs, prepare_video
from stereo_footage import write_stereo_folder
from torch.utils.data import DataLoader

from selfsup_depth.datasets import (
    DatasetRequest,
    FootageOptions,
    ReaderOptions,
    ViewDataset,
    build_dataset,
    build_source,
    collate,
)
from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.datasets.prepared_files import FORMAT
from selfsup_depth.errors import UserError
from splits import SplitLine

pytest.importorskip("cv2", reason="the sets of these tests are made from videos (extra `video`)")


def ask(folder: Path, **changes: object) -> DatasetRequest:
    return DatasetRequest(**({"height": 32, "width": 64, "data_path": folder} | changes))  # type: ignore[arg-type]


@pytest.fixture
def walk(tmp_path) -> Path:
    return prepare_video(tmp_path / "set")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pairs")
    return prepare_pairs(root / "set", write_stereo_folder(root / "wall"))


def test_images_are_mapped_and_copied_one_at_a_time(walk):
    source = Prepared(ask(walk))
    view = source.items()[0]
    image = source.read_image(view)
    (mapped,) = source._shards.values()
    assert isinstance(mapped, np.memmap)
    assert mapped.shape == (8, 3, 32, 64)
    image.zero_()  # what is done to an image does not reach the set
    assert source.read_image(view).any()


def test_a_worker_gets_no_copy_of_the_images(walk):
    source = Prepared(ask(walk))
    for view in source.items():
        source.read_image(view)
    sent = pickle.dumps(source)
    assert len(sent) < 25_000 < sum(path.stat().st_size for path in walk.glob("*.npy"))
    same = pickle.loads(sent)
    assert torch.equal(same.read_image(source.items()[0]), source.read_image(source.items()[0]))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_loader_workers_read_what_this_process_reads(walk, start):
    data = build_dataset("prepared", ask(walk, frame_ids=(0, -1, 1, "s"), is_train=True))
    data[0]  # some of it is mapped already
    loader = DataLoader(data, batch_size=4, collate_fn=collate, num_workers=1, multiprocessing_context=start)
    for batch in loader:
        expected = collate([data[index] for index in batch.indices])
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.intrinsics, expected.intrinsics)


def test_a_frame_is_called_by_its_video_and_its_time(walk):
    source = Prepared(ask(walk))
    assert source.whereabouts(SplitLine("rig", 12, "l")) == "rig.avi at 1.20 s, left image"
    assert source.whereabouts(SplitLine("rig", 12, "r")) == "rig.avi at 1.20 s, right image"
    assert source.whereabouts(SplitLine("rig", 99, "l")) == "rig 99 l"  # there is none


def test_of_two_videos_each_camera_has_its_own(walk):
    """As of sets made with --right_video, where the file of a frame tells its side."""
    manifest = json.loads((walk / "prepared.json").read_text())
    assert manifest["videos"] == {"rig": ["rig.avi"]}
    (walk / "prepared.json").write_text(json.dumps(manifest | {"videos": {"rig": ["left.mp4", "right.mp4"]}}))
    source = Prepared(ask(walk))
    assert source.whereabouts(SplitLine("rig", 3, "l")) == "left.mp4 at 0.30 s"
    assert source.whereabouts(SplitLine("rig", 3, "r")) == "right.mp4 at 0.30 s"


def test_a_video_without_times_and_a_set_of_an_earlier_version_count_frames(walk):
    manifest = json.loads((walk / "prepared.json").read_text())
    (walk / "prepared.json").write_text(json.dumps({key: manifest[key] for key in manifest if key != "videos"}))
    facts = json.loads((walk / "facts_00000.json").read_text())
    for frame in facts["frames"]:
        frame["time_s"] = None
    (walk / "facts_00000.json").write_text(json.dumps(facts))
    assert Prepared(ask(walk)).whereabouts(SplitLine("rig", 3, "l")) == "rig, frame 3, left image"


def test_an_image_of_a_folder_is_called_by_its_name(pairs):
    assert Prepared(ask(pairs, frame_ids=(0, -1, 1, "s"))).whereabouts(SplitLine("wall", 2, "r")) == "wall 2 r"


def test_the_end_of_footage_is_held_out(walk):
    of_part = {part: ask(walk, frame_ids=(0, -1, 1), part=part) for part in ("train", "val")}
    training, validation = (build_dataset("prepared", request) for request in of_part.values())
    assert {item.side for item in training.items} == {"l", "r"}
    assert [item.frame for item in validation.items] == [19 - 1]  # 18 and 19 are held out; 19 has no frame after it
    assert max(item.frame for item in training.items) == 15  # 16 and 17 belong to neither; 16 is looked at
    assert training.report.left_out["held out for validation: 2 frames, both sides"] == 4
    every = build_source("prepared", ask(walk, part="test")).items()
    assert len(every) == 20


def test_too_little_footage_says_how_much_is_needed(walk):
    with pytest.raises(UserError, match="record more frames"):
        build_dataset("prepared", ask(walk, frame_ids=(0, -7, 7), part="train"))


def test_a_list_of_frames(walk, tmp_path):
    data = build_dataset("prepared", ask(walk, lines=("rig 3 l", "rig 4 r"), frame_ids=(0, 1)))
    assert data.items == [SplitLine("rig", 3, "l"), SplitLine("rig", 4, "r")]
    with pytest.raises(UserError, match="'rig 99 l' is not in .*, whose images are named like 'rig 0 l'"):
        build_dataset("prepared", ask(walk, lines=("rig 99 l",)))


def test_parts_of_the_originals_stay_parts(pairs):
    requests = [ask(pairs, part=part) for part in ("train", "val", "test")]
    training, validation, testing = (build_source("prepared", request) for request in requests)
    assert len(training.items()) == 8  # both sides of frames 1 to 4 of 6
    assert [item.side for item in validation.items()] == ["l"]
    assert testing.items() == validation.items()
    # both parts have an image of this name; each finds its own
    same = SplitLine("wall", 1, "l")
    assert same in training.items() and same in validation.items()
    assert not torch.equal(training.read_image(same), validation.read_image(same))
    assert training.neighbour(SplitLine("nowhere", 1, "l"), 1) is None
    assert not training.has_image(SplitLine("nowhere", 1, "l"))
    assert not training.has_depth(SplitLine("nowhere", 1, "l"))
    assert training.image_path(SplitLine("nowhere", 1, "l")).endswith("nowhere 1 l")
    assert training.image_path(same).endswith("left_00000.npy, row 1")


def test_another_size_is_refused(walk):
    with pytest.raises(UserError, match="was prepared for --height 32 --width 64, but --height 64 --width 64 is asked"):
        Prepared(ask(walk, height=64))


def test_options_of_footage_are_decided_already(walk):
    footage = ReaderOptions(footage=FootageOptions(fps=5.0))
    with pytest.raises(UserError, match="--fps 5.0 means nothing to --dataset prepared, because it is decided"):
        build_source("prepared", ask(walk, options=footage))
    assert build_source("video", ask(walk, options=footage)).items()  # there they said how it was prepared


def test_what_is_no_prepared_set_is_refused(tmp_path, walk):
    with pytest.raises(UserError, match="is not a prepared set .*make one with prepare_data.py"):
        Prepared(ask(tmp_path))
    manifest = walk / "prepared.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"format": FORMAT + 1}))
    with pytest.raises(UserError, match=f"is of format {FORMAT + 1}, but this version reads format {FORMAT}"):
        Prepared(ask(walk))
    del told["made_from"]
    manifest.write_text(json.dumps(told))
    with pytest.raises(UserError, match=r"prepared.json cannot be read as a part of a prepared set \('made_from'\)"):
        Prepared(ask(walk))
    manifest.write_text("[]")
    with pytest.raises(UserError, match="it holds no object"):
        Prepared(ask(walk))


@pytest.mark.parametrize("damage", ["missing", "no json", "no frames"])
def test_damaged_facts_are_said(walk, damage):
    facts = walk / "facts_00001.json"
    if damage == "missing":
        facts.unlink()
    else:
        facts.write_text("{" if damage == "no json" else '{"cameras": [], "stereo": [], "frames": [{}]}')
    told = "is missing: copy" if damage == "missing" else "cannot be read as a part .* delete"
    with pytest.raises(UserError, match=f"facts_00001.json {told} .* prepare it again"):
        Prepared(ask(walk))


@pytest.mark.parametrize("damage", ["missing", "cut off", "another size", "too few"])
def test_damaged_images_are_said(walk, damage):
    images = walk / "left_00000.npy"
    if damage == "missing":
        images.unlink()
    elif damage == "cut off":
        images.write_bytes(images.read_bytes()[:-100])
    else:
        np.save(images, np.zeros((8, 3, 8, 8) if damage == "another size" else (2, 3, 32, 64), np.uint8))
    source = Prepared(ask(walk))
    with pytest.raises(UserError, match="left_00000.npy cannot be read as a part .* prepare it again"):
        source.read_image(SplitLine("rig", 5, "l"))


def test_damaged_depth_is_said(pairs, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in pairs.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "depth_00000.npz").write_bytes(b"PK nothing")
    data = ViewDataset("prepared", Prepared(ask(copy)), ask(copy))
    with pytest.raises(UserError, match="depth_00000.npz cannot be read as a part of a prepared set"):
        data.depth(0)


def test_a_set_of_an_earlier_version_knows_less_and_is_read(walk):
    manifest = walk / "prepared.json"
    told = json.loads(manifest.read_text())
    assert (told.pop("recorded_size"), told.pop("camera_is_guess")) == ([96, 64], False)
    manifest.write_text(json.dumps(told))
    prepared = Prepared(ask(walk))
    assert (prepared.recorded_size, prepared.camera_is_guess) == (None, False)
