"""What is asked of a data set: frames, size, part, purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine, parse_line, place_of, read_split

#: Degrees along the longer side, for `guess_fov`: between phones (65) and most webcams (55).
GUESSED_FOV = 60.0


@dataclass(frozen=True)
class FootageOptions:
    """What is known about footage of one's own that its files do not say (the options of `config.footage`)."""

    calibration: Path | None = None
    fov: float | None = None  # horizontal, degrees
    baseline: float | None = None  # metres
    stereo_layout: Literal["separate", "side_by_side", "top_bottom"] = "separate"
    right_video: Path | None = None
    frame_step: int = 1
    fps: float | None = None
    min_motion: float = 0.0  # pixels
    #: field of view of the longer side that is assumed where nothing says one (intrinsics are then learnt), in degrees;
    #: None: that is refused
    guess_fov: float | None = None


@dataclass(frozen=True)
class ShardCacheOptions:
    """Where parts of remote shards are kept once they were read."""

    folder: Path  # of all sets; each gets a folder in it
    bytes: int  # of one set, at most


@dataclass(frozen=True)
class ReaderOptions:
    """Choices that only some readers have; the others have nothing to choose."""

    #: prefer .png where a frame exists as .jpg and .png; whichever exists is found either way
    png: bool = False
    #: KITTI: camera matrices of each drive, or the one constant of Monodepth2 (0.58, 1.92, 0.5, 0.5)
    kitti_intrinsics: Literal["calibrated", "published"] = "calibrated"
    #: KITTI raw: LiDAR maps corrected, or with the published quirks ("eigen": also LiDAR's own x as depth)
    lidar_depth: Literal["corrected", "published", "eigen"] = "corrected"
    #: kitti_depth: root of the improved ground truth, where it is not inside the raw tree
    depth_path: str | Path | None = None
    #: shards: where and how much of remote ones is kept; None: nothing
    shard_cache: ShardCacheOptions | None = None
    #: readers of one's own footage
    footage: FootageOptions = field(default_factory=FootageOptions)


@dataclass(frozen=True)
class DatasetRequest:
    """One part of one data set, as samples of the given frames at the given size."""

    height: int
    width: int
    frame_ids: tuple[FrameId, ...] = (0,)  # the target (0) first; "s" is the stereo partner
    data_path: str | Path | None = None
    part: Literal["train", "val", "test"] = "train"
    #: a list known to `splits` or a folder of lists; None: the lists in the data folder itself
    #: (train_files.txt, ...), else what the data set uses by default
    split: str | Path | None = None
    #: lines "folder frame side" given directly; they win over `split`
    lines: tuple[str, ...] | None = None
    is_train: bool = False  # draw flips and jitter
    seed: int = 0
    with_depth: bool = False  # only items with ground-truth depth, which is read (validation)
    options: ReaderOptions = field(default_factory=ReaderOptions)

    def __post_init__(self) -> None:
        ids = self.frame_ids
        proper = all(frame == STEREO or isinstance(frame, int) for frame in ids)
        if not ids or ids[0] != 0 or len(set(ids)) != len(ids) or not proper:
            raise UserError(
                f"--frame_ids are {list(ids)}: expected 0 (the target) first, then different frame offsets "
                'such as -1 1, and "s" for the stereo partner.'
            )

    def split_lines(
        self, dataset: str, check: Callable[[SplitLine], None], default_split: str | None = None
    ) -> list[SplitLine]:
        """The listed items of this part; `check` raises ValueError, in words that follow "the line '...'".

        Raises UserError when there is no list, when it cannot be read, or when `check` refuses a line.
        """
        if self.lines is not None:
            return [_parse(line, dataset, check, lambda: "lines given") for line in self.lines]
        split = self.split if self.split is not None else self._own_lists() or default_split
        if split is None:
            raise UserError(
                f"{dataset} needs a list of its items: put {self.part}_files.txt (lines 'folder frame side') "
                f"into {self.data_path}, or give the folder that holds it as --split."
            )
        try:
            lines = read_split(split, self.part)
        except (ValueError, OSError) as error:
            raise UserError(f"--split {split} cannot be read for {dataset}: {error}") from error
        return [_parse(line, dataset, check, partial(place_of, split, self.part, line)) for line in lines]

    @property
    def has_list(self) -> bool:
        """Whether the user names the items: by lines, by a split, or by lists in the data folder."""
        return self.lines is not None or self.split is not None or self._own_lists() is not None

    def _own_lists(self) -> str | None:
        """The data folder, when lists of this part lie in it."""
        if self.data_path is None:
            return None
        folder = Path(self.data_path).expanduser()
        return str(folder) if (folder / f"{self.part}_files.txt").is_file() else None


def _parse(line: str, dataset: str, check: Callable[[SplitLine], None], where: Callable[[], str]) -> SplitLine:
    try:
        item = parse_line(line)
    except ValueError as error:
        raise UserError(
            f"{dataset}: the split line '{line}' is not 'folder frame side', e.g. "
            f"'2011_09_26/2011_09_26_drive_0001_sync 5 l' ({error}): correct the list."
        ) from error
    try:
        check(item)
    except ValueError as error:
        raise UserError(f"{dataset}, {where()}: the line '{line}' {error}: correct the list.") from error
    return item
