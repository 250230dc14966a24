"""selfsup_depth: depth from your own stereo rigs and videos, without depth labels."""

__version__ = "0.1.0"
