"""How a camera went: trajectories, their files, and their errors."""

from __future__ import annotations

from selfsup_depth.odometry.trajectory import Trajectory, chain

__all__ = ["Trajectory", "chain"]
