"""Writes what is predicted while the network goes on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np

from selfsup_depth.errors import UserError
from selfsup_depth.prediction.cameras import PictureCamera
from selfsup_depth.prediction.colours import side_by_side
from selfsup_depth.prediction.formats import CLOUD, FORMATS, DepthPicture
from selfsup_depth.prediction.frames import Frame
from selfsup_depth.prediction.ledger import FileFacts, Ledger
from selfsup_depth.prediction.metadata import Origin, camera_facts, write_sidecar
from selfsup_depth.prediction.plan import Plan
from selfsup_depth.prediction.video_result import SideBySideVideo

THREADS = 4
WAITING = 8  # pictures at most whose files are still to be written


class Results:
    """The files of one call; as a context, it completes them however the block ends."""

    def __init__(self, plan: Plan, origin: Origin) -> None:
        self.ledger = Ledger()
        self.failure: UserError | None = None  # to complete them after something else ended the block
        self._is_of_one_camera = False  # of a video or a webcam, whose frames have no sidecars of their own
        self._plan, self._origin = plan, origin
        self._video = SideBySideVideo(plan.video, plan.fps) if plan.video else None
        self._files, self._in_order = ThreadPoolExecutor(THREADS), ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._complete()
        except UserError as failure:
            if kind is None:
                raise
            self.failure = failure  # what ended the block goes first

    def add(self, frame: Frame, picture: DepthPicture) -> None:
        """Write one picture's files, in threads.

        Raises UserError when those of an earlier one could not be written.
        """
        files = self._files.submit(self._write_files, frame, picture)
        self._waiting.append(self._in_order.submit(self._take, frame, picture.camera, files))
        while len(self._waiting) > WAITING:
            self._waiting.popleft().result()

    def wait(self) -> None:
        """Until the files of every picture are written. Raises UserError when one could not be."""
        while self._waiting:
            self._waiting.popleft().result()

    def _write_files(self, frame: Frame, picture: DepthPicture) -> tuple[FileFacts, np.ndarray | None]:
        facts: dict[str, dict[str, Any]] = {}
        try:
            for output in self._plan.formats:
                if output == CLOUD and picture.camera is None:
                    continue  # said in the tally; the others need no camera
                path = self._plan.file(frame.name, output)
                path.parent.mkdir(parents=True, exist_ok=True)
                facts[output] = {"file": path.name, **FORMATS[output].write(path, picture)}
            if frame.path is not None and facts:  # last: where there is a sidecar, the rest is complete
                write_sidecar(self._plan.sidecar(frame.name), self._facts_of_picture(frame, picture, facts))
        except OSError as error:
            raise self._cannot_write(error) from error
        if self._video is None:
            return facts, None
        return facts, side_by_side(picture.image, picture.painted, picture.range, picture.unit)

    def _take(
        self, frame: Frame, camera: PictureCamera | None, files: Future[tuple[FileFacts, np.ndarray | None]]
    ) -> None:
        """What has to be done one picture after the other."""
        facts, beside = files.result()
        self._is_of_one_camera = frame.path is None
        if self._video is not None and beside is not None:
            self._video.write(beside)
        self.ledger.enter(frame, facts, camera)

    def _complete(self) -> None:
        """Wait for what is being written, close the video, say what it is; raises the first UserError of these."""
        try:
            self.wait()
        finally:
            self._files.shutdown()
            self._in_order.shutdown()
            video, self._video = self._video, None
            try:
                if video is not None:
                    video.close()
                    self._video = video  # complete
            finally:
                self._write_whole_sidecar()

    def _facts_of_picture(self, frame: Frame, picture: DepthPicture, files: FileFacts) -> dict[str, Any]:
        exif = {"exif_orientation": frame.orientation, "turned_upright": frame.turned} if frame.orientation != 1 else {}
        return {
            "image": str(frame.path),
            **self._origin.facts(frame.size),
            **exif,
            **camera_facts(picture.camera),
            "depth_file": files["npy"]["file"] if "npy" in files else None,
            "outputs": files,
        }

    def _write_whole_sidecar(self) -> None:
        path = self._plan.whole_sidecar
        if path is None or not self.ledger.written:
            return
        facts = {"source": self._plan.source, **self._origin.facts(self.ledger.size), **self.ledger.facts()}
        if self._is_of_one_camera:
            facts |= camera_facts(self.ledger.camera)
        if self._video is not None:
            facts["outputs"]["side_by_side"] = {
                "file": self._video.path.name,
                "unit": None,
                "type": "a video to look at, no data",
                "frames_per_second": self._plan.fps,
            }
        try:
            write_sidecar(path, facts)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> UserError:
        return UserError(
            f"--output_directory {self._plan.folder} cannot be written ({error.strerror}): give another folder."
        )
