"""From images to teacher maps beside them: computed at every step, or read from a cache made beforehand.

A teacher always sees the image as it was recorded, neither mirrored nor jittered (DistDepth, spec D.4.1);
where the sample is mirrored, its map is mirrored afterwards. So a cached map and a computed one are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from selfsup_depth.config import DistillConfig
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Batch, Sample
from selfsup_depth.teachers import TeacherAbsent, TeacherInfo
from selfsup_depth.teachers.cache import MANIFEST, Manifest, TeacherCache, open_cache, read_manifest
from selfsup_depth.tutors import TRUE_DEPTH, Question, Tutor, build_tutor, tutor_info
from selfsup_depth.workers import begin_worker

DepthOf = Callable[[int], np.ndarray | None]


def teach(batch: Batch, tutor: Tutor) -> Batch:
    """The batch with the tutor's maps of its targets, mirrored like them."""
    flip = batch.flip
    recorded = _mirrored(batch.target.image, flip)
    depth = batch.depth
    if depth is not None and flip is not None:
        # chosen on the device: to ask it which are mirrored would be to wait for it
        depth = [torch.where(mirrored, each.flip(-1), each) for each, mirrored in zip(depth, flip, strict=True)]
    maps = tutor(Question(recorded, batch.names, depth))
    return replace(batch, teacher=_mirrored(maps.to(recorded.device), flip))


def _mirrored(maps: Tensor, flip: Tensor | None) -> Tensor:
    return maps if flip is None else torch.where(flip.view(-1, 1, 1, 1), maps.flip(-1), maps)


class TaughtDataset(Dataset[Sample]):
    """Samples of a data set with their cached teacher maps, read by the loader's workers.

    Args:
        told: the depth of an index, if the teacher was told it: a map of another depth is refused.
    """

    def __init__(self, samples: Dataset[Sample], cache: TeacherCache, told: DepthOf | None = None) -> None:
        self.samples, self.cache, self.told = samples, cache, told

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, key: object) -> Sample:
        return self._taught(self.samples[key])  # type: ignore[index]

    def __getitems__(self, keys: Sequence[Any]) -> list[Sample]:
        """Those of a batch, which the samples may fetch together."""
        together = getattr(self.samples, "__getitems__", None)
        found = together(keys) if together else [self.samples[key] for key in keys]
        return [self._taught(sample) for sample in found]

    def _taught(self, sample: Sample) -> Sample:
        depth = None if self.told is None else self.told(sample.index)
        return replace(sample, teacher=self.cache.read(sample.name, sample.images[0], depth))


class NamedSamples(Protocol):
    """A data set whose items have names, and depth, that can be asked for without reading the images."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Sample: ...

    def name(self, index: int) -> str: ...
    def depth(self, index: int) -> np.ndarray | None: ...


def missing_from(cache: TeacherCache, samples: NamedSamples) -> list[int]:
    """Indices of the samples that the cache has no whole map of."""
    return [index for index in range(len(samples)) if not cache.has(samples.name(index))]


def fill_cache(
    cache: TeacherCache, samples: NamedSamples, missing: Sequence[int], tutor: Tutor, device: torch.device,
    *, batch_size: int = 8, num_workers: int = 0,
) -> None:  # fmt: skip
    """Ask the tutor about the missing samples and keep what it says. A killed run goes on where it was.

    Args:
        samples: of the recorded targets (frame 0 first), not augmented.
    """
    loader: DataLoader[Sample] = DataLoader(
        Subset(samples, missing),  # type: ignore[arg-type]
        batch_size=batch_size,
        collate_fn=list,
        num_workers=num_workers if len(missing) > batch_size else 0,
        worker_init_fn=begin_worker,
        # the loader must not draw from the global generator, on which a run's numbers depend
        generator=torch.Generator(),
    )
    with _progress(f"asking the teacher {tutor.info.name} once") as progress:
        task = progress.add_task("", total=len(missing))
        for chunk in loader:
            images = torch.stack([sample.images[0] for sample in chunk])
            depth = [sample.depth for sample in chunk if sample.depth is not None] or None
            question = Question(images.to(device).float() / 255, [sample.name for sample in chunk], depth)
            for sample, answer in zip(chunk, tutor(question).cpu(), strict=True):
                cache.write(sample.name, sample.images[0], answer, sample.depth if tutor.needs_depth else None)
            progress.advance(task, len(chunk))


@contextmanager
def _progress(text: str) -> Iterator[Progress]:
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        yield progress


@dataclass(frozen=True)
class Teaching:
    """How a training gets its teacher maps: from a cache, or from a tutor at every step."""

    info: TeacherInfo
    cache: TeacherCache | None
    tutor: Tutor | None  # None: the cache has everything, and no teacher is held in memory
    told: DepthOf | None = None  # what the teacher of the cache was told beside images

    def samples(self, training: Dataset[Sample]) -> Dataset[Sample]:
        """The training samples, with their cached maps where there is a cache."""
        return training if self.cache is None else TaughtDataset(training, self.cache, self.told)

    def complete(self, batch: Batch) -> Batch:
        """The batch with its maps, computed now unless they came with the samples."""
        return batch if self.tutor is None else teach(batch, self.tutor)


def set_up_teaching(
    settings: DistillConfig,
    recorded: NamedSamples,
    device: torch.device,
    *,
    num_workers: int,
    say: Callable[[str], None],
) -> Teaching:
    """The teaching that the options ask for. With a cache, every map is in it before training starts.

    Args:
        recorded: the training items as recorded: frame 0 at the training size, not augmented; with depth, of all
            of them, if the tutor is `true_depth`.
        say: told in words what is done.

    Raises:
        UserError: when the teacher or the cache cannot be used.
    """
    sees_depth = settings.distill == TRUE_DEPTH
    if settings.teacher_cache is None:
        tutor = build_tutor(settings, device)
        return Teaching(tutor.info, None, tutor)
    info, cache = _filled_cache(settings, settings.teacher_cache, recorded, device, num_workers, say)
    return Teaching(info, cache, None, recorded.depth if sees_depth else None)


def _filled_cache(
    settings: DistillConfig, folder: Path, recorded: NamedSamples, device: torch.device, num_workers: int,
    say: Callable[[str], None],
) -> tuple[TeacherInfo, TeacherCache]:  # fmt: skip
    """Who made the cache, and the cache with all maps.

    A tutor is built if there is something to ask it, or if nothing but its weights can tell who it is.
    """
    size = (recorded[0].images.shape[-2], recorded[0].images.shape[-1])
    asked = f"{settings.distill}, size {settings.teacher_size}"
    made = _maker_of_complete(folder, recorded, size)
    if made and made.teacher == tutor_info(settings):
        say(f"teacher cache {folder}: {len(recorded)} of {len(recorded)} maps are there")
        return made.teacher, open_cache(folder, made.teacher, size)
    try:
        tutor = build_tutor(settings, device)
    except TeacherAbsent as error:
        if made is None or made.asked != asked:
            raise _with_state(error, folder, asked, recorded, size) from error
        say(f"{error} The cached maps are complete and are used as they are.")
        return made.teacher, open_cache(folder, made.teacher, size)
    cache = open_cache(folder, tutor.info, size, asked)
    missing = missing_from(cache, recorded)
    say(f"teacher cache {folder}: {_state(cache, recorded, missing)}")
    if missing:
        fill_cache(cache, recorded, missing, tutor, device, num_workers=num_workers)
    return tutor.info, cache


def _maker_of_complete(folder: Path, recorded: NamedSamples, size: tuple[int, int]) -> Manifest | None:
    """Who made the cache, if no map is missing: it serves without weights."""
    if not (folder / MANIFEST).is_file():
        return None
    made = read_manifest(folder)
    return None if missing_from(open_cache(folder, made.teacher, size), recorded) else made


def _state(cache: TeacherCache, recorded: NamedSamples, missing: Sequence[int]) -> str:
    """How many maps there are, in words."""
    told = f"{len(recorded) - len(missing)} of {len(recorded)} maps are there"
    damaged = sum(cache.is_damaged(recorded.name(index)) for index in missing)
    return f"{told}, {damaged} of the others damaged, to be made anew" if damaged else told


def _with_state(
    error: TeacherAbsent, folder: Path, asked: str, recorded: NamedSamples, size: tuple[int, int]
) -> TeacherAbsent:
    """That a teacher is absent, and why a cache that it was asked for once does not serve without it."""
    made = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    if made is None or made.asked != asked:
        return error
    cache = open_cache(folder, made.teacher, size)
    state = _state(cache, recorded, missing_from(cache, recorded))
    return TeacherAbsent(f"{error} It is needed, because --teacher_cache {folder} is not complete: {state}.")


def refuse_gaps(untold: Sequence[str], told: Sequence[str], dataset: str, *, has_depth_maps: bool) -> None:
    """With a teacher that sees depth, no other items shall be trained on than without it.

    Args:
        untold: names of the training items without depth.
        told: names of those with depth.
        has_depth_maps: whether the data set can have any.

    Raises UserError when an item has none.
    """
    if not untold:
        return
    if not has_depth_maps:
        raise UserError(
            f"--distill {TRUE_DEPTH} tells the data set's own depth, but --dataset {dataset} has none: choose a "
            "teacher that needs no depth, such as dpt_hybrid."
        )
    remedy = "add the missing depth maps (docs/datasets.md), or leave those items out of the training list (--split)"
    if told and all(name.endswith(" r") for name in untold) and not any(name.endswith(" r") for name in told):
        remedy = (
            "only left images have depth, so give a folder as --split whose train_files.txt and val_files.txt list "
            f"those alone (lines like '{told[0]}')"
        )
    raise UserError(
        f"--distill {TRUE_DEPTH} tells the data set's own depth, but {len(untold)} of the {len(untold) + len(told)} "
        f"training items of --dataset {dataset} have no ground-truth depth, for example {untold[0]}: {remedy}, or "
        "choose a teacher that needs no depth, such as dpt_hybrid."
    )
