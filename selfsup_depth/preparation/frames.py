"""The vocabulary of preparation: footage is a stream of moments, each of which can load its images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.prepared_files import Camera, StoredView
from selfsup_depth.structures import FrameId
from splits import SplitLine


@dataclass(frozen=True)
class ReadyView:
    """One image at the size of training, and what is known of it."""

    name: SplitLine
    image: Tensor  # [3, H, W] uint8 RGB
    intrinsics: Tensor  # [3, 3], pixels of `image`
    stereo_T_target: Tensor | None = None  # [4, 4] metres
    world_T_camera: Tensor | None = None  # [4, 4] metres
    depth: np.ndarray | None = None  # float32 [h, w] metres at its own size


@dataclass(frozen=True)
class Moment:
    """What was recorded at one time by one or two cameras."""

    sequence: str
    run: int  # frames of one run follow each other; a cut starts another
    number: int  # of the frame as recorded
    time_s: float | None
    load: Callable[[], dict[Camera, ReadyView]]  # may be called in a thread
    gap: int = 1  # steps since the moment before it in the run
    always_kept: bool = False  # whether it is kept even if nothing moved


@dataclass(frozen=True)
class Dropped:
    """Frames as recorded that are not taken."""

    reason: str
    count: int = 1


@dataclass
class Tally:
    """What became of the frames as recorded: counts in, counts out."""

    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        return self.kept + self.dropped.total()

    def as_json(self) -> dict[str, Any]:
        return {"kept": self.kept, "dropped": dict(sorted(self.dropped.items()))}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Tally:
        return cls(content["kept"], Counter(content["dropped"]))


@dataclass(frozen=True)
class Place:
    """Where in the footage a frame stands that was kept: preparation goes on after it."""

    sequence: str
    run: int
    position: int  # among the kept frames of the run
    number: int


class Footage(ABC):
    """Frames as recorded, in order, whatever they are stored as."""

    #: the value of --dataset they are read with
    made_from: str
    has_stereo: bool
    #: (width, height) as recorded; of several sizes the one that suits the size of training least
    recorded_size: tuple[int, int]
    #: whether nothing tells the camera of some of it, so that its focal length is a guess
    camera_is_guess: bool = False
    #: whether poses are in a unit of their own
    poses_up_to_scale: bool = False
    #: frames that samples made of it can have; None: whatever stands in a row
    frame_ids: tuple[FrameId, ...] | None = None
    #: frames as recorded, for the progress bar; None: not known
    total: int | None = None

    #: sequence -> names of the files that it was recorded in, the left camera's first, where these are not images
    videos: Mapping[str, Sequence[str]] = {}
    #: part -> what its index found, in plain values, where the footage has parts
    index: Mapping[str, Any] | None = None

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What the footage is, in plain values: other footage or other cameras give something else."""

    @abstractmethod
    def moments(self, after: Place | None) -> Iterator[Moment | Dropped]:
        """Everything that was recorded after a place; None: from the start."""

    def parts(self, views: Sequence[StoredView]) -> dict[str, list[int]] | None:
        """Part -> its targets, as indices into the views that were stored; None: divided when read."""
        return None
