"""From images to teacher maps beside them: computed at every step, or read from a cache made beforehand.

A teacher always sees the image as it was recorded, neither mirrored nor jittered (DistDepth, spec D.4.1);
where the sample is mirrored, its map is mirrored afterwards. So a cached map and a computed one are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from selfsup_depth.config import DistillConfig
from selfsup_depth.structures import Batch, Sample
from selfsup_depth.teachers import TeacherAbsent, TeacherInfo
from selfsup_depth.teachers.cache import MANIFEST, TeacherCache, open_cache, read_manifest
from selfsup_depth.tutors import Question, Tutor, build_tutor


def teach(batch: Batch, tutor: Tutor) -> Batch:
    """The batch with the tutor's maps of its targets, mirrored like them."""
    flip = batch.flip
    recorded = _mirrored(batch.target.image, flip)
    depth = batch.depth
    if depth is not None and flip is not None:
        depth = [each.flip(-1) if mirrored else each for each, mirrored in zip(depth, flip.tolist(), strict=True)]
    maps = tutor(Question(recorded, batch.names, depth))
    return replace(batch, teacher=_mirrored(maps.to(recorded.device), flip))


def _mirrored(maps: Tensor, flip: Tensor | None) -> Tensor:
    return maps if flip is None else torch.where(flip.view(-1, 1, 1, 1), maps.flip(-1), maps)


class TaughtDataset(Dataset[Sample]):
    """Samples of a data set with their cached teacher maps, read by the loader's workers."""

    def __init__(self, samples: Dataset[Sample], cache: TeacherCache) -> None:
        self.samples, self.cache = samples, cache

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, key: object) -> Sample:
        sample = self.samples[key]  # type: ignore[index]
        return replace(sample, teacher=self.cache.read(sample.name, sample.images[0]))


class NamedSamples(Protocol):
    """A data set whose items have names that can be asked for without reading them."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Sample: ...
    def name(self, index: int) -> str: ...


def missing_from(cache: TeacherCache, samples: NamedSamples) -> list[int]:
    """Indices of the samples that the cache has no map of."""
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
                cache.write(sample.name, sample.images[0], answer)
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

    def samples(self, training: Dataset[Sample]) -> Dataset[Sample]:
        """The training samples, with their cached maps where there is a cache."""
        return training if self.cache is None else TaughtDataset(training, self.cache)

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
        recorded: the training items as recorded: frame 0 at the training size, not augmented; with depth if
            the tutor is `true_depth`.
        say: told in words what is done.

    Raises:
        UserError: when the teacher or the cache cannot be used.
    """
    if settings.teacher_cache is None:
        tutor = build_tutor(settings, device)
        return Teaching(tutor.info, None, tutor)
    size = (recorded[0].images.shape[-2], recorded[0].images.shape[-1])
    asked = f"{settings.distill}, size {settings.teacher_size}"
    try:
        tutor = build_tutor(settings, device)
    except TeacherAbsent as error:
        complete = _complete_cache(settings.teacher_cache, asked, recorded, size)
        if complete is None:
            raise
        say(f"{error} The cached maps are complete and are used as they are.")
        return Teaching(complete, open_cache(settings.teacher_cache, complete, size), None)
    cache = open_cache(settings.teacher_cache, tutor.info, size, asked)
    missing = missing_from(cache, recorded)
    say(f"teacher cache {settings.teacher_cache}: {len(recorded) - len(missing)} of {len(recorded)} maps are there")
    if missing:
        fill_cache(cache, recorded, missing, tutor, device, num_workers=num_workers)
    return Teaching(tutor.info, cache, None)


def _complete_cache(folder: Path, asked: str, recorded: NamedSamples, size: tuple[int, int]) -> TeacherInfo | None:
    """Who made the cache, if just this was asked for then and no map is missing: it serves without weights."""
    if not (folder / MANIFEST).is_file():
        return None
    manifest = read_manifest(folder)
    if manifest.asked != asked:
        return None
    return None if missing_from(open_cache(folder, manifest.teacher, size), recorded) else manifest.teacher
