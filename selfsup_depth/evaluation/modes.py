"""What may be claimed of a set of predictions: metres, or shape up to one factor per image."""

from __future__ import annotations

from dataclasses import dataclass

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.protocols import Protocol

RELATIVE_TRUTH = "the ground truth is up to one factor"


@dataclass(frozen=True)
class ScoringMode:
    """How predictions become metres and which of the two columns is the result."""

    align: bool  #: the headline is the median-aligned column
    scale_factor: float = 1.0  #: predicted depth times this, before anything else
    metric: bool = True  #: whether depth times scale_factor is in metres: only then un-aligned scores mean anything
    scale_source: str = "the predictions are in metres"  #: where the factor or the unit comes from

    def __post_init__(self) -> None:
        if not self.align and not self.metric:
            raise ValueError("Predictions that are neither aligned nor metric have no score.")

    @property
    def headline(self) -> str:
        return "aligned" if self.align else "un-aligned"


@dataclass(frozen=True)
class PredictionUnit:
    """What is known of the unit of a set of predictions."""

    metric: bool | None  #: None: the file does not say
    source: str  #: what they are, in words that start a sentence: "the checkpoint runs/mdp/models/weights_19"


def scoring_mode(config: EvaluateConfig, protocol: Protocol, unit: PredictionUnit) -> ScoringMode:
    """Settles scale factor and alignment from the options and from what is known of the unit.

    Raises:
        UserError: when neither or both of --eval_stereo and --eval_mono are given, or when un-aligned
            scores are asked of predictions whose unit is unknown.
    """
    require_one_mode(config)
    align = config.eval_mono and not config.disable_median_scaling
    if not protocol.metric:
        return _against_relative_truth(config, protocol)
    if config.pred_depth_scale_factor != 1.0 and unit.metric:
        raise UserError(
            f"--pred_depth_scale_factor {config.pred_depth_scale_factor:g}: {unit.source} is in metres already (for "
            "published stereo models the factor 5.4 is applied when they are loaded): leave the factor out."
        )
    if config.pred_depth_scale_factor != 1.0:
        return ScoringMode(align, config.pred_depth_scale_factor, True, "--pred_depth_scale_factor")
    if unit.metric:
        return ScoringMode(align, 1.0, True, f"{unit.source} is in metres")
    if unit.metric is None and config.eval_stereo and protocol.published_stereo_factor is not None:
        factor = protocol.published_stereo_factor
        return ScoringMode(
            align, factor, True, f"{factor:g}, KITTI's baseline over the nominal 0.1 of published stereo models"
        )
    if unit.metric is None and config.eval_mono and config.disable_median_scaling:
        return ScoringMode(align, 1.0, True, "--disable_median_scaling: the file is taken to hold 1/metres")
    if not align:
        raise UserError(_no_unit(config, unit))
    return ScoringMode(align, 1.0, False, f"{unit.source} is up to scale")


def validation_mode(metric: bool, protocol: Protocol) -> ScoringMode:
    """How training scores a method whose depth is in metres or not: un-aligned only where the truth is metric too."""
    if not protocol.metric:
        return ScoringMode(align=True, metric=False, scale_source=RELATIVE_TRUTH)
    source = "the method predicts metres" if metric else "the method's depth is up to scale"
    return ScoringMode(align=not metric, metric=metric, scale_source=source)


def _against_relative_truth(config: EvaluateConfig, protocol: Protocol) -> ScoringMode:
    """Raises UserError for every option that asks for metres."""
    asked = {
        "--eval_stereo": config.eval_stereo,
        "--disable_median_scaling": config.disable_median_scaling,
        "--pred_depth_scale_factor": config.pred_depth_scale_factor != 1.0,
    }
    for option, given in asked.items():
        if given:
            raise UserError(
                f"{option} is about metres, but the ground truth of protocol {protocol.name} is up to one factor "
                "itself: use --eval_mono alone, which aligns each image first."
            )
    return ScoringMode(align=True, metric=False, scale_source=RELATIVE_TRUTH)


def require_one_mode(config: EvaluateConfig) -> None:
    """Raises UserError when neither or both of --eval_mono and --eval_stereo are given."""
    if config.eval_mono == config.eval_stereo:
        found = "both were given" if config.eval_mono else "neither was given"
        raise UserError(
            "Choose exactly one of --eval_mono (trained without stereo: each image is scaled to the ground "
            "truth's median before it is scored) and --eval_stereo (trained with stereo: depth is scored in "
            f"metres as it is); {found}."
        )


def _no_unit(config: EvaluateConfig, unit: PredictionUnit) -> str:
    option = "--eval_stereo" if config.eval_stereo else "--disable_median_scaling"
    known = "is up to scale" if unit.metric is False else "does not say its unit"
    remedy = "use --eval_mono" if config.eval_stereo else "leave --disable_median_scaling out"
    return (
        f"{option} scores depth in metres, but {unit.source} {known}: {remedy}, or give the metres per unit "
        "by --pred_depth_scale_factor (5.4 for stereo models that were published with the nominal baseline 0.1 "
        "on KITTI)."
    )
