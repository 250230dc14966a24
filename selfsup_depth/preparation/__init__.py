"""Footage in, prepared set out: decoded, selected, undistorted, rectified and resized once.

`tasks` turns options into a task, `run.prepare` does it; `frames` is the vocabulary in between.
"""
