"""Rigid motions as 4x4 matrices. `dst_T_src` maps homogeneous points of src to dst."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.linear import matrix_product

_SMALL = 0.1  # below this, squared angles go through a series that is exact in float64
_SINC_SERIES = (1.0, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800)
_ARCTAN_SERIES = tuple((-1) ** k / (2 * k + 1) for k in range(12))
_ARCTAN_SMALL = 0.04


def rotation_from_axis_angle(axis_angle: Tensor) -> Tensor:
    """Rotation [..., 3, 3] about the direction of `axis_angle` [..., 3] by its length in radians.

    Rodrigues: R = I + sinc(a) [v] + sinc(a/2)^2 / 2 [v]^2 with a = |v|. Smooth everywhere, zero included.
    """
    squared = (axis_angle * axis_angle).sum(-1)[..., None, None]
    cross = _cross_matrix(axis_angle)
    half = _sinc_of_root(squared / 4)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + _sinc_of_root(squared) * cross + 0.5 * half * half * matrix_product(cross, cross)


def axis_angle_from_rotation(rotation: Tensor) -> Tensor:
    """Axis times angle [..., 3], angle within [0, pi] radians, of a rotation [..., 3, 3].

    Goes through the unit quaternion, whose largest component is divided by, so that no angle loses digits.
    Smooth except at pi, where the axis changes sign.
    """
    quaternion = _quaternion(rotation)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    return 2.0 * _arctan_over_sine(w, (xyz * xyz).sum(-1, keepdim=True)) * xyz


def rigid_transform(axis_angle: Tensor, translation: Tensor, invert: bool = False) -> Tensor:
    """Trans(t) @ Rot(v) as [..., 4, 4] from [..., 3] and [..., 3], or its exact inverse."""
    rotation = rotation_from_axis_angle(axis_angle)
    if invert:
        rotation = rotation.transpose(-1, -2)
        translation = -matrix_product(rotation, translation.unsqueeze(-1)).squeeze(-1)
    return _assemble(rotation, translation)


def invert_transform(dst_T_src: Tensor) -> Tensor:
    """src_T_dst [..., 4, 4] of a rigid motion; the rotation is transposed, not inverted."""
    rotation = dst_T_src[..., :3, :3].transpose(-1, -2)
    translation = -matrix_product(rotation, dst_T_src[..., :3, 3:])
    return _assemble(rotation, translation.squeeze(-1))


def compose(c_T_b: Tensor, b_T_a: Tensor) -> Tensor:
    """c_T_a [..., 4, 4], in full precision also under autocast."""
    return matrix_product(c_T_b, b_T_a)


def mirror_transform(dst_T_src: Tensor) -> Tensor:
    """M T M with M = diag(-1, 1, 1, 1): the motion seen when both images are flipped horizontally."""
    mirrored = dst_T_src.clone()
    mirrored[..., 0, 1:] = -dst_T_src[..., 0, 1:]
    mirrored[..., 1:, 0] = -dst_T_src[..., 1:, 0]
    return mirrored


def translation_transform(translation: Tensor) -> Tensor:
    """[..., 4, 4] motion without rotation, from [..., 3]."""
    identity = torch.eye(3, dtype=translation.dtype, device=translation.device)
    return _assemble(identity.expand(*translation.shape[:-1], 3, 3), translation)


def _assemble(rotation: Tensor, translation: Tensor) -> Tensor:
    top = torch.cat([rotation, translation.unsqueeze(-1)], dim=-1)
    bottom = F.pad(torch.zeros_like(top[..., :1, :3]), (0, 1), value=1.0)
    return torch.cat([top, bottom], dim=-2)


def _cross_matrix(vector: Tensor) -> Tensor:
    """[..., 3, 3] with _cross_matrix(a) b = a x b."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def _sinc_of_root(squared: Tensor) -> Tensor:
    """sin(a) / a as a function of a^2, with all derivatives at 0."""
    small = squared < _SMALL
    # The branch that is not taken must stay finite too, or its gradient becomes 0 * inf = NaN.
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    return torch.where(small, _polynomial(_SINC_SERIES, squared), angle.sin() / angle)


def _arctan_over_sine(cosine: Tensor, squared_sine: Tensor) -> Tensor:
    """atan2(s, c) / s as a function of c >= 0 and s^2, with its derivatives at s = 0."""
    small = squared_sine < _ARCTAN_SMALL
    one = torch.ones_like(cosine)
    sine = torch.where(small, one, squared_sine).sqrt()
    safe_cosine = torch.where(small, cosine, one)
    series = _polynomial(_ARCTAN_SERIES, squared_sine / safe_cosine.square()) / safe_cosine
    return torch.where(small, series, torch.atan2(sine, cosine) / sine)


def _polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    result = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result


def _quaternion(rotation: Tensor) -> Tensor:
    """Unit quaternion (w, x, y, z) [..., 4] of a rotation [..., 3, 3] (Shepperd 1978), sign left open."""
    r = rotation.flatten(-2).unbind(-1)
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = r
    wx, wy, wz = r21 - r12, r02 - r20, r10 - r01
    xy, xz, yz = r01 + r10, r02 + r20, r12 + r21
    ww, xx, yy, zz = 1 + r00 + r11 + r22, 1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22
    products = torch.stack([ww, wx, wy, wz, wx, xx, xy, xz, wy, xy, yy, yz, wz, xz, yz, zz], dim=-1)
    products = products.unflatten(-1, (4, 4))  # 4 q q^T: every row is a multiple of q
    largest = torch.stack([ww, xx, yy, zz], dim=-1).argmax(dim=-1)
    index = largest[..., None, None].expand(*largest.shape, 1, 4)
    return F.normalize(products.gather(-2, index).squeeze(-2), dim=-1)
