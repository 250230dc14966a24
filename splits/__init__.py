"""Which frames: the lists of KITTI and the rules that make them.

Lists are made when asked for, not stored. Test lists equal the published files byte for byte; training
lists hold the published frames, with a validation part of our own that training does not see (`holdout`).
"""

from __future__ import annotations

from splits.kitti_rules import archives_to_download, eigen_to_benchmark_ids
from splits.leaks import leakage
from splits.lines import SplitLine, parse_line
from splits.reading import place_of, read_split
from splits.table import PARTS, SPLITS, Split
from splits.writing import write_split

__all__ = [
    "PARTS",
    "SPLITS",
    "Split",
    "SplitLine",
    "archives_to_download",
    "eigen_to_benchmark_ids",
    "leakage",
    "parse_line",
    "place_of",
    "read_split",
    "write_split",
]
