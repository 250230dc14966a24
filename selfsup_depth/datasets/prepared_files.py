"""The files of a prepared set: what `prepare_data.py` writes and `--dataset prepared` or `shards` reads.

    DIR/prepared.json           what the set is: size, frames, parts, where it comes from; written last
    DIR/left_00000.npy          [n, 3, H, W] uint8 RGB, images of the first shard; right_00000.npy likewise
    DIR/depth_00000.npz         float32 [h, w] metres at their own size, 0 = unknown; member = row of the left image
                                ("7"), or of the right one ("right_7")
    DIR/facts_00000.json        of every frame of the shard: names, time, cameras, poses

or, as tar shards, in place of the arrays and the depth,

    DIR/shard_00000.tar         in WebDataset's layout, of frame 7: s00000_f00007.left.jpg (or .npy), .left.depth.npz,
                                the same of the right camera, .json (its entry in the facts)

A shard is complete when its facts are there, which also say where in the tar its images are. Intrinsics are in pixels
of the stored images, corner origin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfsup_depth.datasets.storage import LocalStorage, Storage
from selfsup_depth.errors import UserError
from selfsup_depth.structures import FrameId
from splits import SplitLine

MANIFEST = "prepared.json"
UNFINISHED = "preparing.json"
FORMAT = 1
#: How the reason begins for which frames of a camera that stood still were dropped.
STOOD_STILL = "moved by less than"
#: The reasons for which frames of a video were.
UNDECODABLE = "cannot be decoded"
ALONE = "without a frame of the other camera at the same time"
#: How such a reason ends where a prepared set tells it.
WHEN_PREPARED = "(frames as recorded, when prepared)"
#: How images are stored: in arrays of a file each, or in tar shards as JPEGs or exactly.
StoredAs = Literal["arrays", "jpg", "npy"]
#: first byte in its tar shard, bytes, their CRC-32
Member = tuple[int, int, int]
Camera = Literal["left", "right"]
CAMERAS: tuple[Camera, Camera] = ("left", "right")


def images_file(camera: str, shard: int) -> str:
    return f"{camera}_{shard:05d}.npy"


def depth_file(shard: int) -> str:
    return f"depth_{shard:05d}.npz"


def depth_member(camera: str, row: int) -> str:
    return str(row) if camera == "left" else f"right_{row}"


def facts_file(shard: int) -> str:
    return f"facts_{shard:05d}.json"


def tar_file(shard: int) -> str:
    return f"shard_{shard:05d}.tar"


@dataclass(frozen=True, slots=True)
class StoredView:
    """One image of a prepared set and what is known of it."""

    name: SplitLine
    shard: int
    camera: Camera
    row: int  # in the shard's images
    moment: tuple[str, int, int]  # sequence, run (between cuts), position in the run
    number: int  # of the frame as recorded
    time_s: float | None
    intrinsics: tuple[float, ...]  # [9], row by row
    stereo_T_target: tuple[float, ...] | None  # [16]
    world_T_camera: tuple[float, ...] | None  # [16]
    has_depth: bool
    image_at: Member | None = None  # in a tar shard
    depth_at: Member | None = None


@dataclass(frozen=True)
class Manifest:
    """What `prepared.json` says."""

    made_from: str  # value of --dataset that the originals were read with
    height: int
    width: int
    shards: int
    has_stereo: bool
    has_depth: bool
    #: whether poses are in a unit of their own, as those of COLMAP
    poses_up_to_scale: bool
    #: (width, height) as recorded, of several sizes the one that suits the size of the set least; None: not known
    recorded_size: tuple[int, int] | None
    #: whether nothing told the camera, so that its focal length is a guess
    camera_is_guess: bool
    #: frames that the samples can have; None: whatever stands in a row
    frame_ids: tuple[FrameId, ...] | None
    #: part -> its targets, as indices into the views in their order; None: divided when read
    parts: Mapping[str, Sequence[int]] | None
    #: reason -> how many frames as recorded were not taken for it
    dropped: Mapping[str, int]
    #: sequence -> names of its video files, the left camera's first; empty: made of images
    videos: Mapping[str, Sequence[str]]
    stored_as: StoredAs = "arrays"
    fingerprint: str = ""


def read_manifest(folder: Path | Storage) -> Manifest:
    """What a prepared set is.

    Raises UserError when there is none in the folder, when it was not finished, or when it cannot be read.
    """
    storage = folder if isinstance(folder, Storage) else LocalStorage(folder)
    path = f"{storage}/{MANIFEST}"
    found = _read(storage, MANIFEST)
    if found is None:
        if _read(storage, UNFINISHED) is not None:
            raise UserError(
                f"{folder} is a prepared set that was not finished: run the same prepare_data.py command again, it "
                "goes on where it stopped."
            )
        raise UserError(
            f"{folder} is not a prepared set (it has no {MANIFEST}): make one with prepare_data.py, or give the "
            "--dataset that says how this folder is laid out."
        )
    content = _json(found, path)
    if content.get("format") != FORMAT:
        raise UserError(
            f"{path} is of format {content.get('format')}, but this version reads format {FORMAT}: prepare the data "
            "again with this version."
        )
    try:
        frame_ids = content["frame_ids"]
        return Manifest(
            made_from=content["made_from"],
            height=content["height"],
            width=content["width"],
            shards=content["shards"],
            has_stereo=content["has_stereo"],
            has_depth=content["has_depth"],
            poses_up_to_scale=content["poses_up_to_scale"],
            recorded_size=tuple(content["recorded_size"]) if "recorded_size" in content else None,  # type: ignore[arg-type]
            camera_is_guess=content.get("camera_is_guess", False),
            frame_ids=None if frame_ids is None else tuple(frame_ids),
            parts=content["parts"],
            dropped=content["frames"]["dropped"],
            videos=content.get("videos", {}),  # sets of earlier versions do not say
            stored_as=content.get("stored_as", "arrays"),
            fingerprint=content["fingerprint"],
        )
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def read_views(folder: Path | Storage, shards: int) -> list[StoredView]:
    """All images of a prepared set, in the order in which they were written.

    Raises UserError when a file that says so is missing or damaged.
    """
    return [view for views, _ in read_facts(folder, shards) for view in views]


def read_facts(folder: Path | Storage, shards: int) -> list[tuple[list[StoredView], int]]:
    """Of every shard, its images and the bytes of its tar (0: there is none). Raises UserError as `read_views`."""
    storage = folder if isinstance(folder, Storage) else LocalStorage(folder)
    names = [facts_file(shard) for shard in range(shards)]
    found = []
    for shard, content in enumerate(storage.read_all(names)):
        path = f"{storage}/{names[shard]}"
        facts = _json(content, path)
        try:
            found.append((views_of_facts(facts, shard), int(facts.get("tar_bytes", 0))))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise _damaged(path, error) from error
    return found


def views_of_facts(facts: Mapping[str, Any], shard: int) -> list[StoredView]:
    """The images of one shard."""
    cameras, stereo = ([tuple(entry) for entry in facts[table]] for table in ("cameras", "stereo"))
    views = []
    for frame in facts["frames"]:
        moment = (frame["sequence"], frame["run"], frame["position"])
        for camera in CAMERAS:
            view = frame["views"].get(camera)
            if view is None:
                continue
            pose = view["world_T_camera"]
            views.append(
                StoredView(
                    SplitLine(*view["name"]),
                    shard,
                    camera,
                    view["row"],
                    moment,
                    frame["number"],
                    frame["time_s"],
                    cameras[view["camera"]],
                    None if view["stereo"] is None else stereo[view["stereo"]],
                    None if pose is None else tuple(pose),
                    view["depth"],
                    _member(view.get("image_at")),
                    _member(view.get("depth_at")),
                )
            )
    return views


def _member(entry: Sequence[int] | None) -> Member | None:
    return None if entry is None else (entry[0], entry[1], entry[2])


def _read(storage: Storage, name: str) -> bytes | None:
    try:
        return storage.read(name)
    except OSError as error:
        raise _damaged(f"{storage}/{name}", error) from error


def _json(content: bytes, path: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(found, dict):
        raise _damaged(path, "it holds no object")
    return found


def _damaged(path: str, reason: object) -> UserError:
    return UserError(
        f"{path} cannot be read as a part of a prepared set ({reason}): delete {path.rpartition('/')[0]} and prepare "
        "it again."
    )
