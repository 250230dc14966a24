"""The options of `evaluate_depth.py` and `export_gt_depth.py`: Monodepth2's names, types and defaults first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from selfsup_depth.arithmetic import PrecisionName
from selfsup_depth.config import FootageConfig
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.extras import ExtraName, ExtraSettings


@dataclass(frozen=True)
class EvaluateConfig:
    """Score depth against ground truth: a checkpoint, or predictions from a file."""

    load_weights_folder: Path | None = None
    """Checkpoint to evaluate: one of ours or one in Monodepth2's layout."""
    eval_stereo: bool = False
    """Score depth in metres as it is: for models trained with stereo."""
    eval_mono: bool = False
    """Scale each image to the ground truth's median first: for models trained without stereo."""
    disable_median_scaling: bool = False
    """With --eval_mono: do not scale; the un-aligned scores are the result."""
    pred_depth_scale_factor: float = 1.0
    """Metres per unit of the predictions, when they do not know it themselves; 1: take what they say."""
    ext_disp_to_eval: Path | None = None
    """Score this .npy of inverse depths [N, h, w] instead of running a network. Files of the published code
    are in network units: with --eval_stereo on KITTI the published factor 5.4 is applied."""
    eval_split: str | None = None
    """Test list: eigen, eigen_benchmark, benchmark (writes a submission), a folder with test_files.txt, or val or
    test, the data set's own part. Default: eigen for kitti, eigen_benchmark for kitti_depth, test for va and nyuv2,
    val otherwise."""
    save_pred_disps: bool = False
    """Keep the predicted inverse depths as .npy, to be scored again by --ext_disp_to_eval."""
    no_eval: bool = False
    """Stop after predicting (with --save_pred_disps)."""
    eval_eigen_to_benchmark: bool = False
    """The --ext_disp_to_eval file holds the 697 eigen predictions: score its 652 that are in eigen_benchmark."""
    post_process: bool = False
    """Also predict the mirrored image and blend the two."""
    eval_out_dir: Path | None = None
    """Folder for results. Default: <name>_evaluation_<list>_<mode> beside the checkpoint or the predictions, where
    <list> of a data set's own part is <dataset>_<data folder>_<part> (<dataset>_<part> if both have one name), and
    _bf16 or _fp16 is added for that --precision."""
    data_path: Path | None = None
    """Folder of the data set. Without it, the built-in synthetic drive is used (or, with --dataset builtin_indoor,
    the built-in rooms)."""
    dataset: str = "kitti"
    """Layout of the data: the same names as in training."""
    depth_path: Path | None = None
    """KITTI's improved depth maps (data_depth_annotated), where they are not under --data_path."""
    png: bool = False
    """Prefer png where both png and jpg exist (either is found without this)."""
    batch_size: int = 16
    """Images per forward pass. Changes speed, not results."""
    num_workers: int = 12
    """Processes that load images (never more than there are cores)."""
    precision: PrecisionName = "fp32"
    """Of the network; scores are computed in float64. bf16 and fp16 are faster and change a depth by about a
    hundredth, so quote fp32 scores."""
    no_cuda: bool = False
    """Predict on the CPU even where there is a GPU."""
    gt_path: Path | None = None
    """Exported ground truth (gt_depths.npz, or the folder it is in). Default: splits/<eval_split>/gt_depths.npz
    under --data_path when it exists, else the data set itself."""
    protocol: str | None = None
    """Evaluation protocol by name, when the one that belongs to the data is not wanted."""
    extra_metrics: tuple[ExtraName, ...] = ()
    """Also score: edges (placement of depth boundaries, in pixels; needs dense ground truth), point_cloud (Chamfer
    distance, precision, recall, F-score and IoU of the surfaces in space; 3 to 20 s an image of 640x640) and distances
    (abs_rel, rmse and bias of the pixels 0-2, 2-5, 5-10, 10-20, 20-40 and 40-80 m away)."""
    point_cloud_thresholds: tuple[float, ...] = (0.1,)
    """Distances in metres below which a point counts as found."""
    point_cloud_queries: int = 0
    """Points of each cloud whose partners are looked for, drawn by a fixed seed (10000 take half a second); 0: all."""
    footage: FootageConfig = field(default_factory=FootageConfig)

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.num_workers < 0:
            raise UserError(
                f"--batch_size must be at least 1 and --num_workers at least 0; found {self.batch_size} and "
                f"{self.num_workers}."
            )
        if not (math.isfinite(self.pred_depth_scale_factor) and self.pred_depth_scale_factor > 0):
            raise UserError(f"--pred_depth_scale_factor must be positive, found {self.pred_depth_scale_factor:g}.")
        self._check_extras()

    @property
    def extras(self) -> ExtraSettings:
        return ExtraSettings(self.extra_metrics, self.point_cloud_thresholds, self.point_cloud_queries)

    def _check_extras(self) -> None:
        defaults = ExtraSettings()
        given = [
            name
            for name, changed in (
                ("thresholds", self.point_cloud_thresholds != defaults.thresholds),
                ("queries", self.point_cloud_queries != defaults.queries),
            )
            if changed
        ]
        if given and "point_cloud" not in self.extra_metrics:
            raise UserError(
                f"--point_cloud_{given[0]} is of no use without --extra_metrics point_cloud: add it, or leave the "
                "option out."
            )
        distinct = sorted(set(self.point_cloud_thresholds))
        if not distinct or len(distinct) != len(self.point_cloud_thresholds) or not distinct[0] > 0:
            raise UserError(
                "--point_cloud_thresholds must be one or more different distances above 0 in metres, found "
                f"{' '.join(f'{value:g}' for value in self.point_cloud_thresholds) or 'none'}."
            )
        if self.point_cloud_queries < 0:
            raise UserError(
                f"--point_cloud_queries must be a number of points, or 0 for all; found {self.point_cloud_queries}."
            )


@dataclass(frozen=True)
class ExportConfig:
    """Write the ground-truth depths of a KITTI test list into one file."""

    data_path: Path
    """KITTI raw data: for eigen its velodyne_points and calibration; images are not needed."""
    split: Literal["eigen", "eigen_benchmark"]
    """Test list."""
    depth_path: Path | None = None
    """For eigen_benchmark: the improved depth maps (data_depth_annotated), where they are not under --data_path."""
    output: Path | None = None
    """Folder for gt_depths.npz and manifest.json. Default: splits/<split> under --data_path."""
