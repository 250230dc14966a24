"""What is predicted: pictures one after the other, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor


@dataclass(frozen=True)
class Frame:
    """One decoded picture."""

    name: str  # what its results are called, below the output folder and without an ending: "street", "clip/000012"
    shown: str  # for messages: "photos/street.png", "clip.mp4, frame 12"
    image: Tensor  # [3, H, W] uint8 RGB
    path: Path | None = None  # of an image file
    time_s: float | None = None  # of a frame of a video or a webcam
    orientation: int = 1  # EXIF's, of an image file
    turned: bool = False  # whether `image` was turned upright by it

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)"""
        return self.image.shape[1], self.image.shape[2]


Layout = Literal["separate", "side_by_side", "top_bottom"]


def left_image(frame: Frame, layout: Layout) -> Frame:
    """The left image of a frame that has both of a pair, the left one first."""
    height, width = frame.size
    if layout == "side_by_side":
        return replace(frame, image=frame.image[..., : width // 2].contiguous())
    if layout == "top_bottom":
        return replace(frame, image=frame.image[:, : height // 2].contiguous())
    return frame


#: Decodes one picture, in a thread of its own; raises UserError when that cannot be done.
Decode = Callable[[], Frame]


class Source(Protocol):
    """A folder of images, a video, a webcam."""

    @property
    def name(self) -> str:
        """What a result for the whole of it is called."""

    @property
    def length(self) -> int | None:
        """Pictures, as far as known beforehand."""

    @property
    def fps(self) -> float | None:
        """Frame rate, where it has one."""

    @property
    def is_footage(self) -> bool:
        """Whether these are the frames of one camera in time: of a video or a webcam."""

    @property
    def is_live(self) -> bool:
        """Whether they come as fast as they are taken, without an end."""

    def frames(self) -> Iterator[Decode]:
        """The pictures in order, to be decoded. A picture that is lost is there too, and raises UserError."""
