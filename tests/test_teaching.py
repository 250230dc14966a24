"""Teacher maps beside samples: mirrored like them, the same from a cache as computed, none but what was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.config import DistillConfig
from selfsup_depth.datasets import augment, collate
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Augmentation, Sample
from selfsup_depth.teachers import TeacherAbsent
from selfsup_depth.teachers.cache import TeacherCache, open_cache
from selfsup_depth.teachers.contract import TeacherInfo
from selfsup_depth.teaching import TaughtDataset, Teaching, fill_cache, missing_from, set_up_teaching, teach
from selfsup_depth.tutors import NetworkTutor, Question, TrueDepthTutor, Tutor, build_tutor

HEIGHT, WIDTH = 12, 16
CPU = torch.device("cpu")


class Counting:
    """A teacher that is not symmetric: brightness weighted by the column; counts the images it saw."""

    info = TeacherInfo("counting", "relative_disparity", "counting 1")

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.mean(1, keepdim=True) * torch.arange(1.0, images.shape[-1] + 1)


class Samples:
    """A data set of random images whose augmentation depends on the epoch."""

    def __init__(self, count: int = 5, with_depth: bool = False) -> None:
        self.count, self.with_depth = count, with_depth
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"scene {index} l"

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        self.read.append(index)
        generator = torch.Generator().manual_seed(index)
        images = torch.randint(0, 256, (1, 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=generator)
        depth = 1 + torch.rand(1, 2 * HEIGHT, 2 * WIDTH, generator=generator) if self.with_depth else None
        drawn = Augmentation(flip=(epoch + index) % 2 == 1, jitter=(1.1, 0.9, 1.0, 0.05) if epoch else None)
        return Sample((0,), images, torch.eye(3)[None], depth=depth, index=index, name=self.name(index),
                      augmentation=drawn)  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path) -> TeacherCache:
    return open_cache(tmp_path / "cache", Counting.info, (HEIGHT, WIDTH))


def filled(cache: TeacherCache, samples: Samples, **options: int) -> Counting:
    teacher = Counting()
    fill_cache(cache, samples, missing_from(cache, samples), NetworkTutor(teacher), CPU, **options)
    return teacher


@pytest.mark.parametrize("epoch", [0, 1])
def test_cached_maps_are_the_computed_ones_within_float16(cache: TeacherCache, epoch: int) -> None:
    samples = Samples()
    filled(cache, samples, batch_size=2)
    taught = TaughtDataset(samples, cache)
    keys = [(epoch, index) for index in range(len(samples))]
    cached = augment(collate([taught[key] for key in keys]))
    computed = teach(augment(collate([samples[key] for key in keys])), NetworkTutor(Counting()))
    assert cached.teacher is not None
    assert cached.teacher.dtype == torch.float32
    assert torch.allclose(cached.teacher, computed.teacher, rtol=2**-10)


def test_the_teacher_sees_images_as_recorded_and_its_map_is_mirrored_with_them() -> None:
    samples = Samples()
    plain, mirrored = samples[(1, 1)], samples[(1, 0)]  # 1 + 1 is not mirrored, 1 + 0 is
    batch = teach(augment(collate([plain, mirrored])), NetworkTutor(Counting()))
    for sample, answer, flip in zip((plain, mirrored), batch.teacher, (False, True), strict=True):
        recorded = Counting()(sample.images.float() / 255)[0]
        assert torch.allclose(answer, recorded.flip(-1) if flip else recorded)
    assert not torch.equal(batch.target.network_image, batch.target.image)  # jitter was drawn, and not shown


def test_the_teacher_is_asked_once_per_image(cache: TeacherCache) -> None:
    samples = Samples()
    assert filled(cache, samples, batch_size=2).seen == 5
    samples.read.clear()
    assert missing_from(cache, samples) == []
    assert samples.read == []  # found out from names alone
    assert filled(cache, samples).seen == 0


def test_an_interrupted_filling_goes_on_where_it_was(cache: TeacherCache) -> None:
    filled(cache, Samples(3))
    assert filled(cache, Samples(5)).seen == 2


def test_a_map_of_another_image_stops_the_training(cache: TeacherCache) -> None:
    samples = Samples()
    filled(cache, samples)

    class Changed(Samples):
        def __getitem__(self, key: int | tuple[int, int]) -> Sample:
            sample = super().__getitem__(key)
            return replace(sample, images=255 - sample.images)

    with pytest.raises(UserError, match="another image"):
        TaughtDataset(Changed(), cache)[0]


def test_true_depth_is_told_as_a_disparity_up_to_scale_and_shift() -> None:
    samples = Samples(with_depth=True)
    batch = augment(collate([samples[(0, 1)], samples[(0, 2)]]))  # one mirrored, one not
    told = teach(batch, TrueDepthTutor()).teacher
    assert told is not None
    maps = []
    assert batch.depth is not None
    for answer, depth in zip(told, batch.depth, strict=True):
        size = (HEIGHT, WIDTH)
        # sampling is on the recorded side of a mirror
        known = {0: F.interpolate(1 / depth[None], size, mode="nearest-exact")[0],
                 1: F.interpolate(1 / depth.flip(-1)[None], size, mode="nearest-exact")[0].flip(-1)}  # fmt: skip
        fits = [torch.corrcoef(torch.stack([answer.flatten(), other.flatten()]))[0, 1] for other in known.values()]
        assert max(fits) > 0.99999
        maps.append(answer)
    assert len({round(float(answer.max() / answer.min()), 3) for answer in maps}) == 2  # other constants for each


def test_true_depth_says_nothing_where_there_is_no_depth() -> None:
    depth = torch.ones(1, HEIGHT, WIDTH)
    depth[:, :, 3] = 0
    told = TrueDepthTutor()(Question(torch.zeros(1, 3, HEIGHT, WIDTH), ["a"], [depth]))
    assert told[0, 0, :, 3].isnan().all()
    assert told.isnan().sum() == HEIGHT


def test_true_depth_needs_true_depth() -> None:
    with pytest.raises(ValueError, match="true depth"):
        TrueDepthTutor()(Question(torch.zeros(1, 3, HEIGHT, WIDTH), ["a"]))


# ------------------------------------------------------------------ setting up


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
    monkeypatch.setattr("selfsup_depth.teaching.build_tutor", broken)
    with pytest.raises(UserError, match="truncated"):
        set_up(samples, tmp_path, teacher_cache=tmp_path / "c")


@pytest.mark.parametrize(("asked", "expected"), [("trained", "trained"), ("native", "native"), ("384", 384)])
def test_the_teacher_size_is_passed_on(asked: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def load(name: str, **options: object) -> Counting:
        given.update(options, name=name)
        return Counting()

    monkeypatch.setattr("selfsup_depth.tutors.load_teacher", load)
    build_tutor(DistillConfig(distill="dpt_hybrid", teacher_size=asked), CPU)
    assert given == {"name": "dpt_hybrid", "device": CPU, "size": expected}
