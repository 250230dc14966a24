"""What `export_gt_depth.py` does: the ground truth of a KITTI test list into one file, with a manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track

from selfsup_depth import __version__
from selfsup_depth.datasets import DATASETS, DatasetRequest, ReaderOptions, ViewSource
from selfsup_depth.datasets.index import item_name
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import ExportConfig
from selfsup_depth.evaluation.evaluation_data import FILE_NAME, PLAUSIBLE_SIZE, default_export_folder
from selfsup_depth.evaluation.ground_truth_files import DepthMap, write_ground_truth
from selfsup_depth.evaluation.image_list import READER_OF_TRUTH, list_sha256
from selfsup_depth.evaluation.protocols import find_protocol
from splits import SplitLine

DRIVES_NAMED = 5


def run_export(config: ExportConfig, console: Console) -> Path:
    """Writes `gt_depths.npz` and `manifest.json` and returns the former's path.

    Raises:
        UserError: naming every archive that is missing, before anything is written.
    """
    source = _open_source(config)
    items = source.items()
    _refuse_missing(config, source, items)
    _try_one_of_each_date(source, items)
    folder = config.output or default_export_folder(config.data_path, config.split)
    names = [item_name(item) for item in items]
    sizes: Counter[str] = Counter()
    depths = _depths(source, track(items, f"exporting {config.split}", console=console), sizes)
    try:
        write_ground_truth(folder / FILE_NAME, depths, names)
    except OSError as error:
        raise UserError(f"{folder / FILE_NAME} cannot be written ({error}): give a folder by --output.") from error
    manifest = {
        "split": config.split,
        "protocol": asdict(find_protocol(config.split)),
        "count": len(names),
        "list_sha256": list_sha256(names),
        "sizes": dict(sorted(sizes.items())),
        "unit": "metres, 0 = none",
        "data_path": str(config.data_path),
        "library_version": __version__,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    console.print(f"{len(names)} ground-truth maps are in {folder / FILE_NAME}", highlight=False, soft_wrap=True)
    return folder / FILE_NAME


def _open_source(config: ExportConfig) -> ViewSource:
    truth = find_protocol(config.split).ground_truth
    height, width = PLAUSIBLE_SIZE
    request = DatasetRequest(
        height,
        width,
        data_path=str(config.data_path),
        part="test",
        split=config.split,
        options=ReaderOptions(
            lidar_depth="eigen" if truth == "lidar_forward" else "corrected",
            depth_path=str(config.depth_path) if config.depth_path else None,
        ),
    )
    return DATASETS[READER_OF_TRUTH[truth]](request)


def _depths(source: ViewSource, items: Iterable[SplitLine], sizes: Counter[str]) -> Iterator[DepthMap]:
    for item in items:
        depth = source.depth(item)
        if depth is None:
            raise UserError(f"The ground truth of {item_name(item)} vanished while it was being exported; try again.")
        sizes[f"{depth.shape[0]}x{depth.shape[1]}"] += 1
        yield depth


def _refuse_missing(config: ExportConfig, source: ViewSource, items: Sequence[SplitLine]) -> None:
    missing = [item for item in items if not source.has_depth(item)]
    if not missing:
        return
    drives = Counter(item.folder.rpartition("/")[2] for item in missing)
    named = ", ".join(f"{drive} ({count})" for drive, count in drives.most_common(DRIVES_NAMED))
    more = f" and {len(drives) - DRIVES_NAMED} more drives" if len(drives) > DRIVES_NAMED else ""
    if config.split == "eigen":
        what, remedy = "LiDAR scans", "their velodyne_points are in the archives <drive>.zip of KITTI raw"
    else:
        what = "improved depth maps"
        remedy = "they are in KITTI's data_depth_annotated.zip; give its folder by --depth_path or merge it in"
    raise UserError(
        f"{len(missing)} of the {len(items)} {what} of {config.split} are missing under "
        f"{config.depth_path or config.data_path}: {named}{more}, the first for '{item_name(missing[0])}'; {remedy}."
    )


def _try_one_of_each_date(source: ViewSource, items: Sequence[SplitLine]) -> None:
    """Calibrations belong to dates: a missing one is said now and not after minutes."""
    for item in {item.folder.partition("/")[0]: item for item in items}.values():
        source.depth(item)
