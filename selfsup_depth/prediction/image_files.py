"""Images of a folder, or a single one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.exif import stored_orientation, turn_image
from selfsup_depth.prediction.formats import FORMATS
from selfsup_depth.prediction.frames import Decode, Frame
from selfsup_depth.prediction.metadata import is_own_sidecar

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class ImageFiles:
    """Image files as a source of frames."""

    root: Path  # the folder that names are relative to
    paths: Sequence[Path]
    upright: bool = False  # turn them as their EXIF says

    fps = None
    is_footage = False
    is_live = False

    @property
    def name(self) -> str:
        return self.root.resolve().name

    @property
    def length(self) -> int:
        return len(self.paths)

    def frames(self) -> Iterator[Decode]:
        for path in self.paths:
            yield partial(self._read, path)

    def name_of(self, path: Path) -> str:
        return path.relative_to(self.root).with_suffix("").as_posix()

    def _read(self, path: Path) -> Frame:
        image = read_image(str(path))
        orientation = stored_orientation(path)
        turned = self.upright and orientation != 1
        if turned:
            image = turn_image(image, orientation)
        return Frame(self.name_of(path), str(path), image, path, orientation=orientation, turned=turned)


def find_images(path: Path, ext: str | None = None, *, recursive: bool = False) -> list[Path]:
    """The images at `path`: of a file itself, of a folder those in it, sorted.

    Raises UserError when there are none, or when two would write the same files.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(
            f"--image_path {path}: no such file or folder; give the path of an image, of a folder or of a video, or "
            "the number of a webcam."
        )
    suffixes = (f".{ext.lstrip('.').lower()}",) if ext else IMAGE_SUFFIXES
    entries = path.rglob("*") if recursive else path.iterdir()
    images = sorted(
        entry
        for entry in entries
        if entry.is_file() and entry.suffix.lower() in suffixes and not _is_own_result(entry)
    )
    if not images:
        remedy = "give another --ext, or leave it out" if ext else "give the folder that holds the images themselves"
        searched = "" if recursive else "; folders in it are not searched without --recursive"
        raise UserError(f"--image_path {path} holds no image ({', '.join(suffixes)}{searched}): {remedy}.")
    twice = [stem for stem, count in Counter(image.with_suffix("") for image in images).items() if count > 1]
    if twice:
        raise UserError(
            f"--image_path {path} holds images of the same name and different endings ({twice[0].name}.*), "
            "whose results would overwrite each other: choose one kind with --ext"
        )
    return images


def _is_own_result(path: Path) -> bool:
    """Whether this picture was written beside the images by an earlier call."""
    endings = (output.ending for output in FORMATS.values() if path.name.endswith(output.ending))
    return any(is_own_sidecar(path.with_name(path.name.removesuffix(ending) + ".json")) for ending in endings)

