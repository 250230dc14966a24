"""From pictures to depth: decode, predict in batches, hand over to be written."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.prediction.cameras import PictureCamera, PictureCameras
from selfsup_depth.prediction.colours import ColourRange, SteadyRange
from selfsup_depth.prediction.engines import Engine
from selfsup_depth.prediction.formats import CloudLimits, DepthPicture
from selfsup_depth.prediction.frames import Decode, Frame, Layout, Source, left_image
from selfsup_depth.prediction.metadata import METRES, RELATIVE, halves_hint, squeeze_warning
from selfsup_depth.prediction.prefetch import Prefetch
from selfsup_depth.prediction.results import Results
from selfsup_depth.prediction.sequence import CutDetector, TemporalSmoothing
from selfsup_depth.predictor import to_image_size, to_network_size

DECODERS = 4
AHEAD = 4  # pictures decoded before they are needed, beyond a batch


@dataclass(frozen=True)
class RunSettings:
    """How a run is done."""

    batch_size: int = 1
    max_frames: int | None = None
    temporal_smoothing: float = 0.0
    cloud: CloudLimits | None = None  # None: no point clouds
    only_clouds: bool = False  # nothing else: a picture without a camera has nothing to write
    stereo_layout: Layout = "separate"
    is_sequence: bool = False  # pictures follow each other in time: colours are steady, cuts are looked for


@dataclass
class Tally:
    """What became of the pictures, and the time it took."""

    predicted: int = 0
    failures: list[UserError] = field(default_factory=list)
    warnings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # kind -> one for each picture
    camera_sources: set[str] = field(default_factory=set)
    without_cloud: int = 0  # of the predicted ones, for want of a camera
    network_s: float = 0.0
    total_s: float = 0.0


class Run:
    """One source through one engine."""

    def __init__(
        self, source: Source, engine: Engine, results: Results, settings: RunSettings, cameras: PictureCameras
    ) -> None:
        self.tally = Tally()
        self._source, self._engine, self._results, self._settings = source, engine, results, settings
        self._cameras = cameras
        self._unit = METRES if engine.meta.metric else RELATIVE
        self._cuts, self._smoothing = CutDetector(), TemporalSmoothing(settings.temporal_smoothing)
        self._range = SteadyRange()

    def __call__(self, advance: Callable[[], None]) -> Tally:
        """Predict and write everything; `advance` is called after each picture.

        Raises UserError when a single picture cannot be read, or nothing can be written; pictures of several that
        cannot be read are in the tally.
        """
        start = time.perf_counter()
        settings = self._settings
        jobs = _at_most(self._source.frames(), settings.max_frames)
        try:
            with Prefetch(jobs, threads=DECODERS, ahead=AHEAD + settings.batch_size) as decoded:
                taken = self._readable(decoded, advance)
                while batch := list(islice(taken, settings.batch_size)):
                    self._predict([frame for frame, _ in batch], [camera for _, camera in batch], advance)
        finally:
            self.tally.total_s = time.perf_counter() - start
        return self.tally

    def _readable(
        self, decoded: Prefetch[Frame], advance: Callable[[], None]
    ) -> Iterator[tuple[Frame, PictureCamera | None]]:
        """The pictures that can be read, with their cameras where those are needed, or known anyway."""
        undistorts = self._cameras.undistort is not None
        needed = self._settings.cloud is not None or undistorts
        for number, future in enumerate(decoded):
            frame: Frame | None = None
            camera: PictureCamera | None = None
            try:
                frame = left_image(future.result(), self._settings.stereo_layout)
                if undistorts:
                    frame, camera = self._cameras.undistorted(frame)
                else:
                    camera = self._cameras.of(frame) if needed else self._cameras.told(frame)
            except UserError as error:
                camera_of_all = number == 0 and frame is not None
                if self._source.length == 1 or camera_of_all:
                    raise
                self.tally.failures.append(error)  # one bad picture is no reason to leave the others out
                self._results.ledger.left_out.append(str(error))
                if frame is None or undistorts or self._settings.only_clouds:
                    advance()
                    continue
                self.tally.without_cloud += 1
            self._warn(frame)
            if needed and camera is not None:
                self.tally.camera_sources.add(camera.source)
            yield frame, camera

    def _warn(self, frame: Frame) -> None:
        squeezed = squeeze_warning(frame.shown, frame.size, self._engine.meta)
        if squeezed:
            pair = frame.path is None and self._settings.stereo_layout == "separate"
            self.tally.warnings["shape"].append(squeezed + (halves_hint(frame.size, self._engine.meta) if pair else ""))
        if lens := self._cameras.lens(frame):
            self.tally.warnings["lens"].append(
                f"{frame.shown} is of a lens with distortion ({lens}), but networks are trained on undistorted images: "
                "--undistort takes it out first"
            )
        if frame.orientation != 1 and not frame.turned:
            self.tally.warnings["exif"].append(
                f"{frame.shown} is to be turned when shown (EXIF orientation {frame.orientation}) and was read as "
                "stored, which is what a calibration is of: --apply_exif_rotation turns it upright"
            )

    @torch.inference_mode()
    def _predict(
        self, frames: list[Frame], cameras: list[PictureCamera | None], advance: Callable[[], None]
    ) -> None:
        engine = self._engine
        images = torch.cat([self._network_image(frame.image) for frame in frames])
        start = time.perf_counter()
        inverse = engine(images)
        if engine.device.type == "cuda":
            torch.cuda.synchronize(engine.device)
        self.tally.network_s += time.perf_counter() - start
        for number, (frame, camera) in enumerate(zip(frames, cameras, strict=True)):
            own, colours = self._in_time(images[number], inverse[number])
            depth = 1.0 / to_image_size(own[None], *frame.size)[0, 0]
            self._results.add(frame, self._picture(frame, depth.cpu().numpy(), colours, camera))
            self.tally.predicted += 1
            advance()

    def _network_image(self, image: Tensor) -> Tensor:
        meta = self._engine.meta
        as_float = image[None].to(self._engine.device).float() / 255
        return to_network_size(as_float, meta.height, meta.width)

    def _in_time(self, image: Tensor, inverse: Tensor) -> tuple[Tensor, ColourRange | None]:
        """Inverse depth [1, h, w] of the next of consecutive frames, smoothed if asked for, and steady colours."""
        if not self._settings.is_sequence:
            return inverse, None
        is_cut = self._cuts.is_cut(image)
        if self._settings.temporal_smoothing > 0:
            inverse = self._smoothing.next(inverse, is_cut=is_cut)
        return inverse, self._range.next((1.0 / inverse).cpu().numpy(), is_cut=is_cut)

    def _picture(
        self, frame: Frame, depth: np.ndarray, colours: ColourRange | None, camera: PictureCamera | None
    ) -> DepthPicture:
        image = frame.image.permute(1, 2, 0).numpy()
        return DepthPicture(image, depth, self._unit, colours, camera, self._settings.cloud)


def _at_most(jobs: Iterator[Decode], count: int | None) -> Iterator[Decode]:
    """The first `count` jobs; closes the iterator, which releases a video or a webcam."""
    try:
        yield from islice(jobs, count)
    finally:
        close = getattr(jobs, "close", None)
        if close is not None:
            close()
