"""What a prepared set holds, in words."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from selfsup_depth.datasets.prepared_files import MANIFEST, read_views
from selfsup_depth.preparation.frames import Tally
from selfsup_depth.structures import STEREO, FrameId


def summary(folder: Path) -> list[str]:
    """Lines: frames read, kept and dropped, why, and the size on the disk."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    tally = Tally.from_json(manifest["frames"])
    views = read_views(folder, manifest["shards"])
    runs = len({view.moment[:2] for view in views})
    megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return [
        f"{tally.read} frames read, {tally.kept} kept",
        *(f"  dropped {count}: {reason}" for reason, count in tally.dropped.most_common()),
        f"{len(views)} images of {manifest['width']}x{manifest['height']} in {runs} "
        f"{'sequence' if runs == 1 else 'sequences'} without cuts or gaps, {megabytes:.1f} MB in {folder}",
    ]


def next_command(folder: Path, frame_ids: tuple[FrameId, ...]) -> str:
    """The command that trains on a prepared set."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    offsets = " ".join(str(frame) for frame in frame_ids if frame != STEREO)
    stereo = " --use_stereo" if manifest["has_stereo"] else ""
    dataset = "prepared" if manifest["stored_as"] == "arrays" else "shards"
    return (
        f"python train.py --dataset {dataset} --data_path {shlex.quote(str(folder))} --height {manifest['height']} "
        f"--width {manifest['width']} --frame_ids {offsets}{stereo}"
    )
