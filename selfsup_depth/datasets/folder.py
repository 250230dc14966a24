"""Footage of one's own in a folder: frames of a video, stereo pairs, or several such sequences; no code, no list.

    data_path/<name>.jpg                       frames of one camera; any image format
    data_path/left/<name>.jpg, right/<name>    or rectified pairs, of the same names
    data_path/<sequence>/...                   or sub-folders, each with either; sequences.txt may name those to use
    calib.json, calib.yaml, ...                see `cameras`; beside the frames or left/, or in a folder above
    depth/<name>.png                           optional, beside them, of the left or only camera:
                                               16 bits, metres * 256, 0 = none, any size
    times.txt                                  optional, beside them: the seconds of each frame, a line each

Names are `<scene>_<number>` or just numbered: neighbours in time are consecutive numbers of a scene, in whatever
steps, unless a longer step says that frames are missing between.

`train/` and `val/` under the data path are the parts; a data path that is one of them finds the other beside it, and
`val/` beside the frames will do. Without `val/` about a tenth is held out for validation: blocks of long sequences
(`held_out`). Lines `<scene> <number> <side>` of a given split win over both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from selfsup_depth.datasets import folder_cameras, folder_layout
from selfsup_depth.datasets.cameras import CameraRig
from selfsup_depth.datasets.folder_cameras import FolderCameras
from selfsup_depth.datasets.folder_clips import SIDES, Clips
from selfsup_depth.datasets.footage_refusals import BY_PREPARATION, ONE_CAMERA, refuse_options
from selfsup_depth.datasets.held_out import Frame, frames_left_out, furthest_neighbour, hold_out, more_to_validate_on
from selfsup_depth.datasets.images import IMAGE_SUFFIXES, read_depth_png
from selfsup_depth.datasets.index import NO_DEPTH, PURPOSE, STEREO_MISSING, TARGET_MISSING, item_name
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import OTHER_SIDE, ViewSource, data_folder
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

OF_VIDEOS = "it is about videos: split the pictures into left/ and right/, and leave it out"
MEANINGLESS = {"min_motion": BY_PREPARATION, "stereo_layout": OF_VIDEOS, "right_video": OF_VIDEOS}
#: So many images, evenly spread, are asked for their size before anything begins.
SIZES_LOOKED_AT = 200


class Folder(ViewSource):
    """Both sides of a pair are targets of training; validation is on the left ones, which may have depth."""

    name = "folder"
    describes_lenses = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        options = request.options.footage
        refuse_options(self.name, options, MEANINGLESS)
        self.root = data_folder(request, self.name)
        self.folder, self.has_parts = self._part_folder()
        suffixes = (".png", *IMAGE_SUFFIXES) if request.options.png else IMAGE_SUFFIXES
        sequences = self._sequences()
        self.clips = Clips(sequences, self.files, suffixes, options)
        self.has_stereo = any(sequence.is_stereo for sequence in sequences)
        self._first = sequences[0]
        if not self.has_stereo:
            refuse_options(self.name, options, {"baseline": ONE_CAMERA})
            self._refuse_stereo()
        self._cameras = FolderCameras(options, os.path.dirname(os.path.abspath(self.folder)))

    def items(self) -> Sequence[SplitLine]:
        if self.request.has_list:
            return self.request.split_lines(self.name, _check_line)
        if not self._is_divided:
            return self._views(self.clips.frames)
        kept, held_out = self._division
        frames = kept if self.request.part == "train" else held_out
        return self._views([frame for frame in self.clips.frames if frame in frames])

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        if self.request.part != "train" or self.request.has_list:
            return {}
        options = self.request.options.footage
        thinned = f"passed over by {'--frame_step' if options.fps is None else '--fps'}"
        passed_over = [item_name(view) for view in self._views(self.clips.passed_over)]
        names = {thinned: passed_over} if passed_over else {}
        if not self._is_divided:
            return names
        views = self._views(self.clips.frames)
        left_out = frames_left_out([(view.folder, view.frame) for view in views], *self._division)
        return names | {
            reason: [item_name(views[index]) for index in indices] for reason, indices in left_out.items()
        }

    def check_frames(self, frame_ids: Sequence[FrameId]) -> None:
        pairs = [sequence for sequence in self.clips.sequences if sequence.is_stereo]
        if STEREO in frame_ids and not any(os.path.isdir(sequence.images_of("r")) for sequence in pairs):
            raise UserError(
                f"{pairs[0].images_of('r')} does not exist, but --use_stereo needs the right images for "
                f"{PURPOSE[self.request.part]} there, named as in left/: add them, or leave out --use_stereo."
            )
        frames = self.clips.frames
        if furthest_neighbour(frame_ids) and frames and not self.clips.have_numbers:
            asked = " ".join(str(frame) for frame in frame_ids if frame != STEREO)
            raise UserError(
                f"{self.image_path(SplitLine(*frames[0], 'l'))} and all other names have no number, so nobody knows "
                f"the neighbours that --frame_ids {asked} asks for: number your frames (NAME_0001.png, NAME_0002.png, "
                "...), or train from stereo alone with --frame_ids 0 --use_stereo."
            )

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        with_stereo = STEREO in self.request.frame_ids
        first_of_clip: dict[str, SplitLine] = {}
        for item in items:
            first_of_clip.setdefault(item.folder, item)
        for item in first_of_clip.values():
            folder_cameras.refuse_raw_images(self.rig(item), with_stereo=with_stereo)
        for item in items[:: max(1, len(items) // SIZES_LOOKED_AT)]:
            self.intrinsics(item, *folder_cameras.image_size(self.image_path(item)))

    def remedy(self, reason: str | None) -> str | None:
        if not self.clips.frames:
            where = self._first.images_of("l")
            also = f" and, of the same names, into {self._first.images_of('r')}" if self._first.is_stereo else ""
            return f"put images into {where}{also}"
        if self._is_divided and reason not in (TARGET_MISSING, STEREO_MISSING, NO_DEPTH):
            reach = furthest_neighbour(self.request.frame_ids)
            val = f"{self.root}/val"
            others = f"{val}/left and {val}/right" if self._first.is_stereo else val
            return more_to_validate_on(reach, f"put others into {others}, ")
        if reason == STEREO_MISSING:
            return "a pair has the same name in left/ and right/: rename or add the images, or leave out --use_stereo"
        return None

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        if frame == STEREO:
            other = OTHER_SIDE.get(item.side or "") if self.clips.sequence(item.folder).is_stereo else None
            return None if other is None else SplitLine(item.folder, item.frame, other)
        if frame == 0:
            return item
        number = self.clips.neighbour(item.folder, item.frame, int(frame))
        return None if number is None else SplitLine(item.folder, number, item.side)

    def image_path(self, view: SplitLine) -> str:
        return self.clips.path(view.folder, view.frame, view.side or "l")

    def rig(self, view: SplitLine) -> CameraRig:
        """The cameras of a clip as they are described, scaled to its images; they may be distorted, not rectified.

        Raises UserError when nothing tells them, and when images of one clip tell different ones.
        """
        sequence = self.clips.sequence(view.folder)
        return self._cameras.rig(
            view.folder, sequence.folder, self.image_path(view), lambda: self._images_of_clip(view.folder)
        )

    def _images_of_clip(self, clip: str) -> list[str]:
        """Every image of a clip, of both sides where both exist."""
        frames = [number for name, number in self.clips.frames if name == clip]
        sides = SIDES if self.clips.sequence(clip).is_stereo else SIDES[:1]
        paths = [self.image_path(SplitLine(clip, number, side)) for number in frames for side in sides]
        return [path for path in paths if self.files.has(path)]

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return folder_cameras.intrinsics_of(self.rig(view), view.side or "l", (width, height), self.image_path(view))

    def stereo_T_target(self, item: SplitLine) -> Tensor | None:
        if not self.clips.sequence(item.folder).is_stereo:
            return None
        self.rig(item)
        return self._cameras.stereo_T_target(item.folder, item.side or "l")

    def has_depth(self, item: SplitLine) -> bool:
        return item.side != "r" and self.files.has(self._depth_path(item))

    def depth(self, item: SplitLine) -> np.ndarray:
        return read_depth_png(self._depth_path(item))

    def time_s(self, view: SplitLine) -> float | None:
        return self.clips.time_s(view.folder, view.frame)

    def _depth_path(self, item: SplitLine) -> str:
        return f"{self.clips.sequence(item.folder).folder}/depth/{self.clips.stem(item.folder, item.frame)}.png"

    @property
    def _is_divided(self) -> bool:
        """Whether training and validation have to share the images of one folder."""
        return not (self.request.has_list or self.has_parts or self.request.part == "test")

    @cached_property
    def _division(self) -> tuple[set[Frame], set[Frame]]:
        frames = self.clips.frames
        return hold_out(frames, furthest_neighbour(self.request.frame_ids), set(self._without_partner(frames)))

    def _without_partner(self, frames: Sequence[Frame]) -> list[Frame]:
        """Frames of pairs of which one image is missing, whether or not stereo is asked for now."""
        pairs = [(clip, number) for clip, number in frames if self.clips.sequence(clip).is_stereo]
        return [pair for pair in pairs if not all(self.has_image(SplitLine(*pair, side)) for side in SIDES)]

    def _views(self, frames: Sequence[Frame]) -> list[SplitLine]:
        """Both sides where there are two, for training."""
        training = self.request.part == "train"
        return [
            SplitLine(clip, number, side)
            for clip, number in frames
            for side in (SIDES if training and self.clips.sequence(clip).is_stereo else SIDES[:1])
        ]

    def _refuse_stereo(self) -> None:
        if STEREO in self.request.frame_ids:
            raise UserError(
                f"--use_stereo needs left/ and right/ in {self.folder}, but there are frames of one camera: correct "
                "--data_path, or leave out --use_stereo."
            )

    def _part_folder(self) -> tuple[str, bool]:
        found = folder_layout.part_folder(
            self.root, self.request.part, lambda folder: folder_layout.holds_footage(self.files, folder)
        )
        if found is None:
            raise UserError(
                f"{self.root} has neither frames ({', '.join(IMAGE_SUFFIXES[:3])}, ...) nor left/ and right/, nor "
                "sub-folders with either: correct --data_path."
            )
        return found

    def _sequences(self) -> list[folder_layout.Sequence]:
        return folder_layout.sequences_in(self.files, self.folder)


def _check_line(line: SplitLine) -> None:
    if line.side not in tuple(SIDES):
        raise ValueError("must be '<scene> <number> <side>' with side l or r")
