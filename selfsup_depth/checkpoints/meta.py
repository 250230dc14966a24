"""What a checkpoint says of itself: nobody has to remember an option, a unit or a factor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from selfsup_depth.errors import UserError

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """Everything that is needed to rebuild the networks and to read their output.

    Depths of the networks are between `min_depth` and `max_depth` network units; times `metres_per_unit`
    they are metres, unless that is None: then they are right up to an unknown factor.
    """

    library_version: str  # of selfsup_depth; where an original wrote the files, its name
    method: str  # as in the table of methods
    encoder: str  # as in the table of encoders, or a timm name
    upsample: str  # of the depth decoder: nearest or bilinear
    scales: tuple[int, ...]
    height: int  # of the network's input, pixels
    width: int
    min_depth: float  # network units
    max_depth: float
    metres_per_unit: float | None
    scale_source: str  # a sentence: where the scale comes from, or why there is none
    frame_ids: tuple[int | str, ...]  # trained with; the target, 0, first
    config: dict[str, Any] = field(default_factory=dict)  # options of the training
    step: int | None = None  # None: unknown
    epoch: int | None = None
    score: dict[str, float] | None = None
    protocol: str | None = None  # by which the score was measured
    pose_encoder: str | None = None  # None: there is none
    pose_model_type: str | None = None  # separate_resnet, shared or posecnn; None: no pose network
    pose_model_input: str | None = None  # pairs or all
    num_pose_frames: int | None = None  # images the pose network sees at once
    intrinsics: tuple[float, ...] | None = None  # fx fy cx cy of the training camera, pixels of the network's input
    origin: str | None = None  # a sentence: whose files these are and how that was seen; None: ours
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        # plain JSON throughout, so that what is read equals what was written
        object.__setattr__(self, "scales", tuple(self.scales))
        object.__setattr__(self, "frame_ids", tuple(self.frame_ids))
        if self.intrinsics is not None:
            object.__setattr__(self, "intrinsics", tuple(self.intrinsics))
        for name in ("config", "score"):
            object.__setattr__(self, name, _plain_json(name, getattr(self, name)))
        for name, right, expected in (
            ("format_version", self.format_version == FORMAT_VERSION, f"{FORMAT_VERSION}"),
            ("height", _positive(self.height), "a positive whole number of pixels"),
            ("width", _positive(self.width), "a positive whole number of pixels"),
            ("upsample", self.upsample in ("nearest", "bilinear"), "nearest or bilinear"),
            ("min_depth", self.min_depth > 0, "a depth above 0"),
            ("max_depth", self.max_depth > self.min_depth, "a depth above min_depth"),
            ("metres_per_unit", self.metres_per_unit is None or self.metres_per_unit > 0, "above 0 or null"),
            ("scales", len(self.scales) > 0, "at least one scale"),
            ("intrinsics", self.intrinsics is None or len(self.intrinsics) == 4, "fx fy cx cy or null"),
        ):
            if not right:
                raise UserError(f"checkpoint: {name} is {getattr(self, name)!r}, expected {expected}.")

    @property
    def metric(self) -> bool:
        """Whether depths are metres (after `metres_per_unit`), not only right up to a factor."""
        return self.metres_per_unit is not None

    def to_json(self) -> dict[str, Any]:
        """Plain values only; `from_json` makes an equal object of them."""
        return {**asdict(self), "scales": list(self.scales), "frame_ids": list(self.frame_ids),
                "intrinsics": list(self.intrinsics) if self.intrinsics else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], source: str) -> CheckpointMeta:
        """What `to_json` wrote. `source` names the file in messages.

        Raises:
            UserError: for another format version, unknown or missing keys, and impossible values.
        """
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise UserError(
                f"{source}: written in checkpoint format {version!r}, but this library reads format "
                f"{FORMAT_VERSION}; use the library version that wrote it "
                f"({values.get('library_version', 'not recorded')})."
            )
        known = {entry.name: entry for entry in fields(cls)}
        unknown = sorted(set(values) - set(known))
        needed = (
            name
            for name, entry in known.items()
            if entry.default is MISSING and entry.default_factory is MISSING
        )
        missing = [name for name in needed if name not in values]
        if unknown or missing:
            raise UserError(
                f"{source}: not a checkpoint description of this library: "
                f"unknown keys: {', '.join(unknown) or 'none'}; missing keys: {', '.join(missing) or 'none'}."
            )
        try:
            return cls(**values)
        except (TypeError, UserError) as error:
            raise UserError(f"{source}: {error}") from error


def _positive(value: Any) -> bool:
    return type(value) is int and value > 0


def _plain_json(name: str, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except TypeError as error:
        raise UserError(
            f"checkpoint: {name} must be made of plain JSON values (numbers, text, lists, ...): {error}."
        ) from error
