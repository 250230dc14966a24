"""Which files a call writes, settled before anything is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.datasets.video import opencv
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.formats import FORMATS, import_trimesh
from selfsup_depth.prediction.frames import Source
from selfsup_depth.prediction.image_files import ImageFiles
from selfsup_depth.prediction.metadata import RELATIVE, is_own_sidecar
from selfsup_depth.prediction.options import PredictConfig

PICTURES, FOOTAGE = ("npy", "color"), ("side_by_side",)  # what is written when nobody asks
USUAL_FPS = 10.0  # of a side-by-side video of images or a webcam


@dataclass(frozen=True)
class Plan:
    """Where everything goes."""

    source: str  # --image_path
    folder: Path
    formats: tuple[str, ...]  # names in FORMATS: a file for each picture
    video: Path | None  # side by side
    fps: float  # of that video
    is_live: bool  # whether pictures come as fast as they are taken
    whole_sidecar: Path | None  # of the video, or of the whole footage; None: there is one for each picture alone

    def file(self, name: str, output: str) -> Path:
        return self.folder / f"{name}{FORMATS[output].ending}"

    def sidecar(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def make_plan(config: PredictConfig, source: Source, meta: CheckpointMeta) -> Plan:
    """Makes the output folder, too.

    Raises UserError for outputs that this model, this machine or this folder cannot have.
    """
    outputs: tuple[str, ...] = config.outputs or (FOOTAGE if source.is_footage else PICTURES)
    _refuse_metric_formats(outputs, meta)
    if "ply" in outputs:
        import_trimesh()
    folder = config.output_directory or (
        source.root if isinstance(source, ImageFiles) else config.image_path.absolute().parent
    )
    video = whole = None
    if source.is_footage:
        whole = folder / f"{source.name}.json"
    if "side_by_side" in outputs and (source.is_footage or config.image_path.is_dir()):
        opencv()
        outputs = tuple(output for output in outputs if output != "side_by_side")
        video = folder / f"{source.name}_side_by_side.mp4"
        whole = whole or video.with_suffix(".json")
    fps = source.fps or config.fps or USUAL_FPS
    plan = Plan(str(config.image_path), folder, outputs, video, fps, source.is_live, whole)
    _make_folder(folder)
    _refuse_to_overwrite(plan, source)
    return plan


def _refuse_metric_formats(outputs: tuple[str, ...], meta: CheckpointMeta) -> None:
    for output in outputs:
        unit = FORMATS[output].metres_only
        if unit is not None and not meta.metric:
            raise UserError(
                f"--outputs {output} holds {unit}, but the depth of this model is {RELATIVE} ({meta.scale_source}): "
                "use npy or tiff, or a model trained with stereo."
            )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output_directory {folder} cannot be made ({error.strerror}): give a folder that can be written, whose "
            "name no file has."
        ) from error


def _refuse_to_overwrite(plan: Plan, source: Source) -> None:
    """Results of earlier predictions are replaced; the pictures themselves and files of other programs are not."""
    sidecars = [plan.whole_sidecar] if plan.whole_sidecar else []
    if isinstance(source, ImageFiles) and plan.formats:
        names = [source.name_of(path) for path in source.paths]
        sidecars += [plan.sidecar(name) for name in names]
        inputs = {path.absolute() for path in source.paths}
        written = {plan.file(name, output).absolute() for name in names for output in plan.formats}
        for path in sorted(inputs & written):
            raise UserError(
                f"{path} is one of the pictures and would be overwritten by another one's depth: give another "
                "--output_directory."
            )
    for path in sidecars:
        if path.exists() and not is_own_sidecar(path):
            raise UserError(
                f"{path} was not written by predict_depth.py and would be overwritten: give another --output_directory."
            )
