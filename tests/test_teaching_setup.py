"""Setting up teaching: from a cache or from a tutor, none built in vain, no stale map, no image without its teacher."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stereo_footage import write_stereo_folder

from selfsup_depth import assembly, cli
from selfsup_depth.config import DistillConfig, TrainConfig
from selfsup_depth.datasets import ViewDataset, augment, collate
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Sample
from selfsup_depth.teachers import TeacherAbsent
from selfsup_depth.teaching import Teaching, set_up_teaching
from selfsup_depth.tutors import Tutor, build_tutor, tutor_info
from tests.datasets.indoor_files import write_picture, write_unisin
from tests.teachers.teacher_files import write_isl_file
from tests.teaching_doubles import Counting, Samples

CPU = torch.device("cpu")


def set_up(samples: Samples, tmp_path: Path, **options: object) -> tuple[Teaching, list[str]]:
    said: list[str] = []
    settings = DistillConfig(distill="true_depth", **options)  # type: ignore[arg-type]
    return set_up_teaching(settings, samples, CPU, num_workers=0, say=said.append), said


def test_without_a_cache_the_tutor_teaches_every_batch(tmp_path: Path) -> None:
    samples = Samples(with_depth=True)
    teaching, _ = set_up(samples, tmp_path)
    assert teaching.samples(samples) is samples
    batch = teaching.complete(augment(collate([samples[0]])))
    assert batch.teacher is not None


def test_with_a_cache_everything_is_asked_beforehand_and_no_tutor_is_kept(tmp_path: Path) -> None:
    samples = Samples(with_depth=True)
    teaching, said = set_up(samples, tmp_path, teacher_cache=tmp_path / "c")
    assert teaching.tutor is None
    assert "0 of 5 maps are there" in said[0]
    batch = augment(collate([teaching.samples(Samples())[0]]))  # without depth now
    assert teaching.complete(batch).teacher is not None
    _, said = set_up(samples, tmp_path, teacher_cache=tmp_path / "c")
    assert "5 of 5 maps are there" in said[0]


def test_a_complete_cache_serves_where_the_teacher_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(settings: DistillConfig, device: torch.device) -> Tutor:
        raise TeacherAbsent("the weights are not here.")

    samples = Samples(with_depth=True)
    set_up(samples, tmp_path, teacher_cache=tmp_path / "c")
    monkeypatch.setattr("selfsup_depth.teaching.tutor_info", lambda settings: None)
    monkeypatch.setattr("selfsup_depth.teaching.build_tutor", gone)
    teaching, said = set_up(samples, tmp_path, teacher_cache=tmp_path / "c")
    assert teaching.info.name == "true_depth"
    assert "used as they are" in said[0]
    for options in ({"teacher_cache": tmp_path / "empty"}, {}):
        with pytest.raises(UserError, match="the weights are not here"):
            set_up(samples, tmp_path, **options)
    with pytest.raises(UserError, match="the weights are not here"):  # a cache that lacks maps is no substitute
        set_up(Samples(6, with_depth=True), tmp_path, teacher_cache=tmp_path / "c")
    with pytest.raises(UserError, match="the weights are not here"):  # nor one of another size
        set_up(samples, tmp_path, teacher_cache=tmp_path / "c", teacher_size="64")


def test_a_cache_is_no_substitute_for_a_teacher_that_is_broken(tmp_path: Path, monkeypatch) -> None:
    def broken(settings: DistillConfig, device: torch.device) -> Tutor:
        raise UserError("the file is truncated.")

    samples = Samples(with_depth=True)
    set_up(samples, tmp_path, teacher_cache=tmp_path / "c")
    monkeypatch.setattr("selfsup_depth.teaching.tutor_info", lambda settings: replace(Counting.info, identity="cut"))
    monkeypatch.setattr("selfsup_depth.teaching.build_tutor", broken)
    with pytest.raises(UserError, match="truncated"):
        set_up(samples, tmp_path, teacher_cache=tmp_path / "c")


def network_teacher(tmp_path: Path, samples: Samples, **options: object) -> list[str]:
    """What is said when a file of DPT-Hybrid is asked for, with a cache."""
    said: list[str] = []
    settings = DistillConfig(
        distill=str(tmp_path / "dpt_hybrid_nyu.pt"), teacher_cache=tmp_path / "c", teacher_size="native",
    )  # fmt: skip
    set_up_teaching(replace(settings, **options), samples, CPU, num_workers=0, say=said.append)  # type: ignore[arg-type]
    return said


class Small(Samples):
    """As large as the teacher's patch."""

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        sample = super().__getitem__(key)
        return replace(sample, images=sample.images.repeat_interleave(4, -1).repeat_interleave(4, -2))


def test_a_complete_cache_of_the_same_file_needs_no_teacher_to_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, **options: object) -> None:
        raise AssertionError("loaded")

    file = write_isl_file(tmp_path / "dpt_hybrid_nyu.pt", "dpt_hybrid")
    assert "0 of 2 maps are there" in network_teacher(tmp_path, Small(2))[0]
    monkeypatch.setattr("selfsup_depth.tutors.load_teacher", load)
    assert network_teacher(tmp_path, Small(2)) == [f"teacher cache {tmp_path / 'c'}: 2 of 2 maps are there"]
    with pytest.raises(AssertionError, match="loaded"):  # something is left to be asked
        network_teacher(tmp_path, Small(3))
    with pytest.raises(AssertionError, match="loaded"):  # another size, and so another teacher
        network_teacher(tmp_path, Small(2), teacher_size="64")
    write_isl_file(file, "dpt_hybrid", seed=1)
    with pytest.raises(AssertionError, match="loaded"):
        network_teacher(tmp_path, Small(2))


def test_a_complete_cache_of_other_weights_is_refused(tmp_path: Path) -> None:
    file = write_isl_file(tmp_path / "dpt_hybrid_nyu.pt", "dpt_hybrid")
    network_teacher(tmp_path, Small(1))
    write_isl_file(file, "dpt_hybrid", seed=1)
    with pytest.raises(UserError, match="was made by another teacher, dpt_hybrid_nyu"):
        network_teacher(tmp_path, Small(1))


def test_a_damaged_map_is_made_anew_and_is_why_an_absent_teacher_is_needed(tmp_path: Path) -> None:
    file = write_isl_file(tmp_path / "dpt_hybrid_nyu.pt", "dpt_hybrid")
    network_teacher(tmp_path, Small(2))
    for path in (tmp_path / "c").rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    file.rename(tmp_path / "elsewhere.pt")
    said = "there is no such file .* is not complete: 0 of 2 maps are there, 2 of the others damaged"
    with pytest.raises(TeacherAbsent, match=said):
        network_teacher(tmp_path, Small(2))
    (tmp_path / "elsewhere.pt").rename(file)
    assert "0 of 2 maps are there, 2 of the others damaged, to be made anew" in network_teacher(tmp_path, Small(2))[0]
    assert "2 of 2 maps are there" in network_teacher(tmp_path, Small(2))[0]


def test_a_cache_at_another_teacher_size_is_said_to_be_that(tmp_path: Path) -> None:
    write_isl_file(tmp_path / "dpt_hybrid_nyu.pt", "dpt_hybrid")
    network_teacher(tmp_path, Small(1))
    said = "made by the same teacher, dpt_hybrid_nyu, at another --teacher_size: it saw images at the size of the input"
    with pytest.raises(UserError, match=said):
        network_teacher(tmp_path, Small(1), teacher_size="64")


# ------------------------------------------------------------------ true depth


def test_a_cached_map_of_a_depth_that_has_changed_is_refused(tmp_path: Path) -> None:
    samples = Samples(with_depth=True)
    for _ in range(2):  # while the cache is made, and when it is found
        teaching, _ = set_up(samples, tmp_path, teacher_cache=tmp_path / "c")
        taught = teaching.samples(Samples())  # which does not read depth
        assert taught[0].teacher is not None
        samples.depth_factor = 1.5
        with pytest.raises(UserError, match="'scene 0 l' was made from another depth"):
            taught[0]
        samples.depth_factor = 1.0


@pytest.mark.parametrize("options", [(), ("--teacher_cache", "cache")])
def test_true_depth_is_told_of_every_image_or_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """With a cache and without: items are not left out, or a student with this teacher saw fewer than one without."""
    monkeypatch.chdir(tmp_path)
    for stem in ("000_0", "000_1", "001_0", "001_1", "002_0", "002_1"):
        write_picture(tmp_path / "room_0" / f"{stem}.png", 0, width=32, height=32)
        np.save(tmp_path / "room_0" / f"{stem}_depth.npy", np.ones((32, 32), np.float32))
    assert told_with(tmp_path, "simsin", *options).report.kept == 4  # 002 is held out
    (tmp_path / "room_0" / "001_0_depth.npy").unlink()
    said = "1 of the 4 training items of --dataset simsin have no ground-truth depth, for example room_0/001_0 1 l: add"
    with pytest.raises(UserError, match=f"--distill true_depth .*{said} .*such as dpt_hybrid"):
        told_with(tmp_path, "simsin", *options)


def told_with(root: Path, dataset: str, *options: str) -> ViewDataset:
    """The training set where true depth is the teacher."""
    words = ["--dataset", dataset, "--data_path", str(root), "--use_stereo", "--frame_ids", "0", "--height", "64"]
    config = cli.parse(TrainConfig, [*words, "--width", "64", "--distill", "true_depth", *options])
    training = assembly.build_training_set(config)
    teaching = assembly.build_teaching(config, training, CPU, 0, lambda text: None)
    assert teaching is not None
    assert teaching.complete(augment(collate([teaching.samples(training)[0]]))).teacher is not None
    return training


@pytest.mark.parametrize("options", [(), ("--teacher_cache", "cache")])
def test_true_depth_of_pairs_with_left_depth_alone_is_told_of_a_list_of_left_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    footage = write_stereo_folder(tmp_path / "footage")
    with pytest.raises(UserError, match="6 of the 12 .* example wall 0 r: only left images have depth, .*--split"):
        told_with(footage, "stereo_folder", *options)
    with pytest.raises(UserError) as raised:
        told_with(footage, "folder", *options)
    line = str(raised.value).partition("(lines like '")[2].partition("'")[0]
    assert line == "wall 0 l"
    lists = tmp_path / "lists"
    lists.mkdir()
    for part, frames in (("train", range(6)), ("val", range(3))):  # as the sentence says
        lines = (line.replace("0", str(frame)) for frame in frames)
        (lists / f"{part}_files.txt").write_text("\n".join(lines))
    assert told_with(footage, "stereo_folder", "--split", str(lists), *options).report.kept == 6


@pytest.mark.parametrize("options", [(), ("--teacher_cache", "cache")])
def test_true_depth_of_data_that_has_none_names_the_option(tmp_path: Path, options: tuple[str, ...]) -> None:
    write_unisin(tmp_path / "unisin", sequences=("hall_0", "hall_1"))
    said = "--distill true_depth .*--dataset unisin has none: choose a teacher that needs no depth, such as dpt_hybrid"
    with pytest.raises(UserError, match=said):
        told_with(tmp_path / "unisin", "unisin", *options)


# ------------------------------------------------------------------ which teacher


@pytest.mark.parametrize(("asked", "expected"), [("trained", "trained"), ("native", "native"), ("384", 384)])
def test_the_teacher_size_is_passed_on(asked: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def load(name: str, **options: object) -> Counting:
        given.update(options, name=name)
        return Counting()

    monkeypatch.setattr("selfsup_depth.tutors.load_teacher", load)
    settings = DistillConfig(distill="dpt_hybrid", teacher_size=asked, teacher_precision="bf16")
    build_tutor(settings, CPU)
    assert given == {"name": "dpt_hybrid", "device": CPU, "size": expected, "precision": "bf16"}
    monkeypatch.setattr("selfsup_depth.tutors.told_by_files", lambda name, **asked: (name, asked))
    assert tutor_info(settings) == ("dpt_hybrid", {"size": expected, "precision": "bf16"})


def test_true_depth_is_known_by_its_name() -> None:
    settings = DistillConfig(distill="true_depth")
    assert tutor_info(settings) == build_tutor(settings, CPU).info
