"""Teacher maps beside samples: mirrored like them, the same from a cache as computed, none but what was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from selfsup_depth.datasets import augment, collate
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Sample
from selfsup_depth.teachers.cache import TeacherCache, open_cache
from selfsup_depth.teaching import TaughtDataset, fill_cache, missing_from, teach
from selfsup_depth.tutors import NetworkTutor, Question, TrueDepthTutor
from tests.teaching_doubles import HEIGHT, WIDTH, Counting, Samples

CPU = torch.device("cpu")


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


def test_a_network_is_not_told_depth(cache: TeacherCache) -> None:
    samples = Samples(with_depth=True)
    filled(cache, samples)
    samples.depth_factor = 1.5
    assert TaughtDataset(samples, cache)[0].teacher is not None
