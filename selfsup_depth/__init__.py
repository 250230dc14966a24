"""selfsup_depth: depth from your own stereo rigs and videos, without depth labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfsup_depth.predictor import DepthPredictor

__version__ = "0.1.0"
__all__ = ["DepthPredictor", "__version__"]


def __getattr__(name: str) -> object:
    """`from selfsup_depth import DepthPredictor`, without loading torch for those who only ask for the version."""
    if name == "DepthPredictor":
        from selfsup_depth.predictor import DepthPredictor

        return DepthPredictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
