"""Statements about space: rays, frames, pixels. Imports torch and nothing of ours.

Conventions: the centre of the top-left pixel is (0.5, 0.5) and an image spans [0, W] x [0, H];
camera axes are x right, y down, z forward; `dst_T_src` maps points of src to dst; lengths are metres
(or whatever unit depth and translation share).
"""
