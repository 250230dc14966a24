"""Every option of training: Monodepth2's names, types and defaults, then ours in the same style.

One frozen dataclass per part; each part of the program receives only its own slice. The strings
under the fields are the texts of --help.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class DataConfig:
    """What is learnt from."""

    data_path: Path | None = None
    """Folder of the data set. None: built-in footage, by default the synthetic drive, rendered once."""
    dataset: str = "kitti"
    """How the folder is laid out: kitti, kitti_odom, kitti_depth, stereo_folder, simsin, unisin, va or nyuv2. Without
    --data_path: builtin (the synthetic drive, as kitti then), builtin_indoor (synthetic rooms) or motorcycle (one
    real pair)."""
    split: str | None = None
    """Which frames: a published name (eigen_zhou, eigen_full, odom, benchmark), a folder that holds train_files.txt
    and val_files.txt, or (simsin, unisin, va, nyuv2) one list file, whose end is held out. None: the lists in the
    data folder, else eigen_zhou for kitti and kitti_depth, odom for kitti_odom, the data set's own parts otherwise."""
    png: bool = False
    """Prefer png where both png and jpg exist (either is found without this)."""
    height: int = 192
    """Height of the network's input in pixels, a multiple of 32."""
    width: int = 640
    """Width of the network's input in pixels, a multiple of 32."""
    frame_ids: tuple[int, ...] = (0, -1, 1)
    """Frames of a sample, the target 0 first; `0` alone with --use_stereo trains from stereo only."""
    use_stereo: bool = False
    """Also learn from the stereo partner; gives depth in metres."""
    num_workers: int = 12
    """Processes that load data (never more than there are cores). Results do not depend on it."""
    kitti_intrinsics: Literal["calibrated", "published"] = "calibrated"
    """KITTI: each drive's own calibration, or the one constant matrix of the published code."""

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            if size % 32 or size < 64:
                low = max(64, size // 32 * 32)
                raise UserError(
                    f"--{name} must be a multiple of 32, at least 64; found {size}. Try {low} or {low + 32}."
                )
        if not self.frame_ids or self.frame_ids[0] != 0:
            raise UserError(
                f"--frame_ids must start with 0, the frame whose depth is learnt; found {_words(self.frame_ids)}. "
                f"Try --frame_ids {_words([0, *[f for f in self.frame_ids if f != 0]])}."
            )
        if len(set(self.frame_ids)) != len(self.frame_ids):
            raise UserError(
                f"--frame_ids names a frame twice: {_words(self.frame_ids)}; "
                f"try --frame_ids {_words(dict.fromkeys(self.frame_ids))}"
            )
        if len(self.frame_ids) == 1 and not self.use_stereo:
            raise UserError(
                "--frame_ids 0 alone leaves nothing to compare the target with: add frames "
                "(--frame_ids 0 -1 1) or the stereo partner (--use_stereo)"
            )
        if self.num_workers < 0:
            raise UserError(f"--num_workers must be 0 or more, found {self.num_workers}{_default(self, 'num_workers')}")


@dataclass(frozen=True)
class NetworkConfig:
    """What is trained."""

    num_layers: Literal[18, 34, 50, 101, 152] = 18
    """Layers of the ResNet encoders."""
    pose_num_layers: Literal[18, 34, 50, 101, 152] | None = None
    """Layers of the pose network's ResNet. None: as --num_layers."""
    encoder: str | None = None
    """Any timm backbone by name as the depth encoder, for example convnext_tiny. None: the ResNet."""
    weights_init: str = "pretrained"
    """Start of the encoders: pretrained (ImageNet), scratch, or the path of a weights file."""
    pose_weights_init: str | None = None
    """Start of the pose encoder, as --weights_init. None: the same (pretrained where that is a file of another
    encoder)."""
    scales: tuple[int, ...] = (0, 1, 2, 3)
    """Scales of the disparity decoder, 0 is full resolution."""
    min_depth: float = 0.1
    """Nearest depth, in network units. With stereo a unit is ten baselines (5.4 m on KITTI)."""
    max_depth: float = 100.0
    """Farthest depth, in network units."""
    initial_depth: float = 1.5
    """Depth that the untrained network predicts, in network units; 0: whatever the random weights give
    (as published: about 0.2)."""
    upsample: Literal["nearest", "bilinear"] = "nearest"
    """How the depth decoder upsamples its features."""
    pose_model_type: Literal["posecnn", "separate_resnet", "shared"] = "separate_resnet"
    """The network that predicts the motion of the camera."""
    pose_model_input: Literal["pairs", "all"] = "pairs"
    """Whether it looks at the target with one source at a time or at all frames together."""

    def __post_init__(self) -> None:
        if not self.scales or not set(self.scales) <= {0, 1, 2, 3} or len(set(self.scales)) != len(self.scales):
            raise UserError(f"--scales must be distinct scales of 0 1 2 3; found {_words(self.scales)}")
        if 0 not in self.scales:
            raise UserError(
                f"--scales must contain 0, the full resolution that is predicted; found {_words(self.scales)}"
            )
        if not 0 < self.min_depth < self.max_depth:
            raise UserError(
                f"--min_depth must be positive and below --max_depth; found {self.min_depth:g} and "
                f"{self.max_depth:g}"
            )
        if self.initial_depth and not self.min_depth < self.initial_depth < self.max_depth:
            raise UserError(
                f"--initial_depth must lie between --min_depth and --max_depth ({self.min_depth:g} and "
                f"{self.max_depth:g}), or be 0 for the published start; found {self.initial_depth:g}"
            )


@dataclass(frozen=True)
class LossConfig:
    """What is minimised."""

    disparity_smoothness: float = 1e-3
    """Weight of the edge-aware smoothness."""
    v1_multiscale: bool = False
    """Compare images at each scale's own resolution (Monodepth v1) instead of at full resolution."""
    avg_reprojection: bool = False
    """Average the reprojection error over the sources instead of taking the minimum."""
    disable_automasking: bool = False
    """Do not mask pixels that look the same without warping."""
    predictive_mask: bool = False
    """Learn a mask per source (Zhou et al. 2017); needs --disable_automasking."""
    no_ssim: bool = False
    """Compare images by L1 alone."""
    out_of_view: Literal["ignore", "border"] = "ignore"
    """Pixels that a source does not see: leave that source out there, or compare with its border
    (as published)."""

    def __post_init__(self) -> None:
        if self.predictive_mask and not self.disable_automasking:
            raise UserError(
                "--predictive_mask cannot work together with auto-masking, which would win over the learnt "
                "mask: add --disable_automasking or leave out --predictive_mask"
            )
        if not self.disparity_smoothness >= 0:
            raise UserError(
                f"--disparity_smoothness must not be negative, found {self.disparity_smoothness:g}"
                + _default(self, "disparity_smoothness")
            )


@dataclass(frozen=True)
class DistillConfig:
    """What a frozen teacher adds (DistDepth)."""

    distill: str | None = None
    """Teacher whose structure is distilled: dpt_hybrid, dpt_large, dpt_hybrid_nyu, dpt_hybrid_kitti, midas_v21,
    depth_anything_v2_small, ..., a weights file, a local folder or a hub name; true_depth is the data set's own
    depth up to scale and shift, for demos. None: no teacher."""
    teacher_cache: Path | None = None
    """Folder that keeps the teacher's maps: computed once, before the first epoch; later runs need no teacher. None:
    it runs at every step."""
    teacher_size: str = "trained"
    """Scale at which the teacher sees images: trained (its own), native (that of the input), or the short side in
    pixels."""
    distill_mode: Literal["ours", "paper", "repo"] = "ours"
    """Form and weights of the terms: ours, the paper's, or those of its repository (for comparison)."""
    dist_wt: float | None = None
    """Weight of the distillation. None: as --distill_mode has it (ours 0.2, paper 0.1, repo 0.05)."""
    dist_spatial_wt: float | None = None
    """Weight of the edge term inside it. None: as --distill_mode has it (ours 0.1, paper 0.1, repo 0.02)."""
    thre: float = 0.95
    """Quantile of the depth gradients above which a pixel is an edge."""
    distill_warmup: int | None = None
    """Steps that the student learns without the teacher, whose weight then grows from 0 over as many. None: as
    --distill_mode has it (ours 200, paper and repo 0)."""

    def __post_init__(self) -> None:
        for name in ("dist_wt", "dist_spatial_wt"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise UserError(f"--{name} must not be negative, found {value:g}: 0 leaves the term out")
        if not 0 < self.thre < 1:
            raise UserError(f"--thre is a quantile between 0 and 1, found {self.thre:g}{_default(self, 'thre')}")
        if self.distill_warmup is not None and self.distill_warmup < 0:
            raise UserError(f"--distill_warmup must be 0 or more steps, found {self.distill_warmup}: 0 is no warm-up")
        if self.teacher_size not in ("trained", "native") and not self.teacher_size.isdecimal():
            raise UserError(
                f"--teacher_size is trained, native or a number of pixels, found '{self.teacher_size}'; try 384"
            )
        if self.distill is None:
            given = [f"--{f.name}" for f in fields(self) if getattr(self, f.name) != f.default]
            if given:
                raise UserError(f"{' and '.join(given)} is about a teacher: name one with --distill, e.g. dpt_hybrid")


@dataclass(frozen=True)
class OptimizerConfig:
    """How it is minimised."""

    batch_size: int = 12
    """Samples per step."""
    learning_rate: float = 1e-4
    """Adam's learning rate."""
    num_epochs: int = 20
    """Passes over the training set."""
    scheduler_step_size: int = 15
    """Every this many epochs the learning rate drops to a tenth."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the networks; warps and losses are always fp32."""
    clip_gradient_norm: float = 10.0
    """Longer gradients are shortened to this norm; 0: never."""
    ema_decay: float = 0.995
    """Validate, save and predict with a running average of the weights; 0: with the last ones, as published."""
    accumulate_steps: int = 1
    """Batches per optimiser step; the effective batch is batch_size times this."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "num_epochs", "scheduler_step_size", "accumulate_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, found {getattr(self, name)}{_default(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise UserError(
                f"--learning_rate must be positive, found {self.learning_rate:g}{_default(self, 'learning_rate')}"
            )
        if not 0 <= self.ema_decay < 1:
            raise UserError(
                f"--ema_decay must be at least 0 and below 1, found {self.ema_decay:g}{_default(self, 'ema_decay')}"
            )
        if not self.clip_gradient_norm >= 0:
            raise UserError(
                f"--clip_gradient_norm must not be negative, found {self.clip_gradient_norm:g}: 0 never shortens"
            )


@dataclass(frozen=True)
class RunConfig:
    """Where a run lives and what it starts from."""

    log_dir: Path = Path("runs")
    """Folder of all runs."""
    model_name: str = "mdp"
    """Name of this run: everything it writes is under log_dir/model_name."""
    method: str = "monodepth2"
    """What is trained: monodepth2 (with --distill as DistDepth)."""
    seed: int = 0
    """Seed of the weights, the order of the samples and their augmentation."""
    no_cuda: bool = False
    """Train on the CPU even where there is a GPU."""
    resume: bool = False
    """Go on with the run of this name from its last checkpoint, to the same numbers."""
    load_weights_folder: Path | None = None
    """Checkpoint folder to start from: ours, Monodepth2's or DistDepth's. None: start from --weights_init."""
    weights_format: Literal["selfsup_depth", "monodepth2", "distdepth"] | None = None
    """What wrote that folder, where it does not say so itself. None: found out from its files."""
    models_to_load: tuple[str, ...] = ("encoder", "depth", "pose_encoder", "pose")
    """Which networks of that folder to take: encoder, depth, pose_encoder, pose, predictive_mask."""
    log_frequency: int = 250
    """Steps between pictures in the log, the first 2000 steps; eight times as many later."""
    save_frequency: int = 1
    """Epochs between the weights_N folders that are kept for good; the last and the best always are."""
    save_steps: int = 0
    """Also save the last state every this many steps; 0: at the end of epochs only."""

    def __post_init__(self) -> None:
        for name in ("log_frequency", "save_frequency"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, found {getattr(self, name)}{_default(self, name)}")
        for name in ("seed", "save_steps"):
            if getattr(self, name) < 0:
                raise UserError(f"--{name} must be 0 or more, found {getattr(self, name)}{_default(self, name)}")
        if not self.model_name or "/" in self.model_name or self.model_name in (".", ".."):
            raise UserError(
                f"--model_name must be a plain folder name, found '{self.model_name}': give where it lies as --log_dir"
            )


@dataclass(frozen=True)
class TrainConfig:
    """Train depth from video, stereo, or both."""

    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)


def _default(config: object, name: str) -> str:
    """The end of a message: a value that works."""
    return f"; the default is {getattr(type(config)(), name)}"


def _words(values: object) -> str:
    return " ".join(str(value) for value in values)  # type: ignore[attr-defined]
