"""From pictures to depth: decode, predict in batches, hand over to be written."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.memory import run_or_say_what_fits
from selfsup_depth.overlap import BATCHES_AHEAD, Prefetch, Stopwatch, ToHost
from selfsup_depth.prediction.cameras import PictureCamera, PictureCameras
from selfsup_depth.prediction.colours import ColourRange, SteadyRange
from selfsup_depth.prediction.engines import Engine
from selfsup_depth.prediction.formats import CloudLimits, DepthPicture
from selfsup_depth.prediction.frames import Decode, Frame, Layout, Source, left_image
from selfsup_depth.prediction.metadata import METRES, RELATIVE, halves_hint, squeeze_warning
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
    waited_for_reading_s: float = 0.0
    waited_for_writing_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True)
class Started:
    """A batch that the device may still be busy with."""

    frames: list[Frame]
    cameras: list[PictureCamera | None]
    cuts: list[bool]  # of a sequence: which frames do not follow the one before
    arriving: ToHost  # depth [H, W] of each frame, and of a sequence inverse depth [B, 1, h, w]
    network: Stopwatch


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
        settings, device = self._settings, self._engine.device
        jobs = _at_most(self._source.frames(), settings.max_frames, pinned=device.type == "cuda")
        started: deque[Started] = deque()
        try:
            with Prefetch(jobs, threads=DECODERS, ahead=AHEAD + settings.batch_size) as decoded:
                taken = self._readable(decoded, advance)
                while batch := self._next(taken):
                    started.append(self._start([frame for frame, _ in batch], [camera for _, camera in batch]))
                    if len(started) > BATCHES_AHEAD.get(device.type, 0):
                        self._hand_over(started.popleft(), advance)
                while started:
                    self._hand_over(started.popleft(), advance)
                self._wait_for_writing(self._results.wait)
        except BaseException:
            with suppress(UserError):  # what is predicted is kept; told is what ended the run
                while started:
                    self._hand_over(started.popleft(), advance)
            raise
        finally:
            self.tally.total_s = time.perf_counter() - start
        return self.tally

    def _next(self, taken: Iterator[tuple[Frame, PictureCamera | None]]) -> list[tuple[Frame, PictureCamera | None]]:
        start = time.perf_counter()
        try:
            return list(islice(taken, self._settings.batch_size))
        finally:
            self.tally.waited_for_reading_s += time.perf_counter() - start

    def _wait_for_writing(self, work: Callable[[], None]) -> None:
        start = time.perf_counter()
        try:
            work()
        finally:
            self.tally.waited_for_writing_s += time.perf_counter() - start

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

    def _start(self, frames: list[Frame], cameras: list[PictureCamera | None]) -> Started:
        """Give the device its work. Raises UserError, which names a smaller batch, when its memory does not suffice."""
        return run_or_say_what_fits(
            lambda count: self._start_batch(frames[:count], cameras[:count]), len(frames), self._engine.device
        )

    @torch.inference_mode()
    def _start_batch(self, frames: list[Frame], cameras: list[PictureCamera | None]) -> Started:
        settings = self._settings
        images = torch.cat([self._network_image(frame.image) for frame in frames])
        cuts = self._cuts.find(images) if settings.is_sequence else []
        with Stopwatch(self._engine.device) as network:
            inverse = self._engine(images)
        if settings.temporal_smoothing > 0:
            steady = [self._smoothing.next(own, is_cut=cut) for own, cut in zip(inverse, cuts, strict=True)]
            inverse = torch.stack(steady)
        depths = [1.0 / to_image_size(own[None], *frame.size)[0, 0] for own, frame in zip(inverse, frames, strict=True)]
        arriving = ToHost(*depths, inverse) if settings.is_sequence else ToHost(*depths)
        return Started(frames, cameras, cuts, arriving, network)

    @torch.inference_mode()
    def _hand_over(self, batch: Started, advance: Callable[[], None]) -> None:
        """Have the files of a batch written when the device is done with it."""
        arrived = batch.arriving.arrived()
        self.tally.network_s += batch.network.seconds()
        for number, (frame, camera) in enumerate(zip(batch.frames, batch.cameras, strict=True)):
            colours = None
            if self._settings.is_sequence:
                colours = self._range.next((1.0 / arrived[-1][number]).numpy(), is_cut=batch.cuts[number])
            picture = self._picture(frame, arrived[number].numpy(), colours, camera)
            self._wait_for_writing(partial(self._results.add, frame, picture))
            self.tally.predicted += 1
            advance()

    def _network_image(self, image: Tensor) -> Tensor:
        meta = self._engine.meta
        as_float = image[None].to(self._engine.device, non_blocking=True).float().div_(255)
        return to_network_size(as_float, meta.height, meta.width)

    def _picture(
        self, frame: Frame, depth: np.ndarray, colours: ColourRange | None, camera: PictureCamera | None
    ) -> DepthPicture:
        image = frame.image.permute(1, 2, 0).numpy()
        return DepthPicture(image, depth, self._unit, colours, camera, self._settings.cloud)


def _at_most(jobs: Iterator[Decode], count: int | None, *, pinned: bool) -> Iterator[Decode]:
    """The first `count` jobs; closes the iterator, which releases a video or a webcam."""
    try:
        for job in islice(jobs, count):
            yield partial(_pinned, job) if pinned else job
    finally:
        close = getattr(jobs, "close", None)
        if close is not None:
            close()


def _pinned(decode: Decode) -> Frame:
    """In memory from which a GPU takes it while the host goes on."""
    frame = decode()
    return replace(frame, image=frame.image.pin_memory())
