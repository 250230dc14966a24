"""Ray caster, textures and shading against closed forms."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from selfsup_depth.datasets.builtin.ambient import bake_ambient
from selfsup_depth.datasets.builtin.camera import Camera, render, render_depth
from selfsup_depth.datasets.builtin.lighting import Lighting
from selfsup_depth.datasets.builtin.mesh import Mesh, MeshBuilder, Surface, join
from selfsup_depth.datasets.builtin.patterns import PATTERNS, texture_bank, texture_image
from selfsup_depth.datasets.builtin.photographs import PHOTOGRAPHS, photograph
from selfsup_depth.datasets.builtin.raycast import Tracer, require_embree
from selfsup_depth.datasets.builtin.shading import Shader
from selfsup_depth.datasets.builtin.solids import blob, box, cylinder, frustum
from selfsup_depth.datasets.builtin.textures import SIZE, TextureBank
from selfsup_depth.errors import UserError

pytest.importorskip("embreex", reason="the renderer of the built-in data needs embreex")

PLAIN = Surface("plain", (1.0, 1.0, 1.0), 1.0)
CAMERA = Camera(40.0, 42.0, 31.0, 17.0, 64, 32)
NO_SUN = Lighting((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
LOOK_ALONG_X = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])


def stripes(axis: int) -> np.ndarray:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    index = [slice(None), slice(None)]
    index[axis] = slice(0, None, 2)
    image[tuple(index)] = 200
    return image


def look_up(bank: TextureBank, name: str, uv: tuple[float, float], widths: tuple[float, float]) -> float:
    columns = (np.array([[value] for value in pair], np.float32) for pair in (uv, widths))
    return float(bank.sample(np.array([bank.ids[name]], np.int32), *columns)[0, 0])


def builder() -> MeshBuilder:
    return MeshBuilder(np.random.default_rng(0))


def finished(made: MeshBuilder, moving: bool = False) -> Mesh:
    return made.finish({name: i for i, name in enumerate(PATTERNS)}, moving=moving)


def wall(x: float, half: float = 50.0) -> MeshBuilder:
    made = builder()
    made.quad([(x, half, -half), (x, -half, -half), (x, -half, half), (x, half, half)], PLAIN)
    return made


def test_a_texel_is_returned_unchanged_and_wraps():
    bank = TextureBank({"stripes": stripes(1)})
    for column, expected in ((0, (200 / 255) ** 2), (1, 0.0)):
        for turn in (0, 3, -2):
            uv = ((column + 0.5) / SIZE + turn, 0.5 / SIZE)
            assert look_up(bank, "stripes", uv, (0, 0)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_averaging_happens_along_one_axis_only(axis):
    """What a narrow pyramid cannot do: a wide box across the stripes greys them, along them it does not."""
    bank = TextureBank({"stripes": stripes(axis)})
    on_stripe = (0.5 / SIZE, 0.5 / SIZE)
    along, across = ((0.1, 0.0), (0.0, 0.1)) if axis == 0 else ((0.0, 0.1), (0.1, 0.0))
    assert look_up(bank, "stripes", on_stripe, along) == pytest.approx((200 / 255) ** 2, abs=1e-3)
    assert look_up(bank, "stripes", on_stripe, across) == pytest.approx((100 / 255) ** 2, abs=1e-3)


def test_a_box_as_wide_as_the_texture_gives_its_mean():
    picture = (photograph("photo_cat") * 255).astype(np.uint8)
    bank = TextureBank({"cat": picture})
    assert look_up(bank, "cat", (0.3, 0.8), (1, 1)) == pytest.approx((picture[..., 0].mean() / 255) ** 2, abs=0.01)


@pytest.mark.parametrize("name", [*PATTERNS, *PHOTOGRAPHS])
def test_every_texture_is_there_and_repeatable(name):
    image = texture_image(name, 3)
    assert image.shape == (SIZE, SIZE, 3) and np.array_equal(image, texture_image(name, 3))
    assert (image.std() > 2) == (name != "plain")  # one wall in the world has no texture at all
    assert 10 < image.mean() < 235


def test_textures_depend_on_the_seed():
    assert not np.array_equal(texture_image("asphalt", 0), texture_image("asphalt", 1))


def test_a_missing_photograph_is_named(monkeypatch):
    monkeypatch.setitem(PHOTOGRAPHS, "photo_gone", "no_such_file.png")
    with pytest.raises(UserError, match=r"no_such_file\.png.*pip install"):
        photograph("photo_gone")


def test_without_embreex_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    with pytest.raises(UserError, match="pip install embreex"):
        require_embree()


def test_depth_of_a_slanted_plane_is_exact():
    """Depth is z of the central ray: plane n.X = c, ray t (x, y, 1), so t = c / (n.(x, y, 1))."""
    made = builder()
    a, b = np.array([0.4, -0.2]), 12.0  # world: x = b + 0.4 y - 0.2 z
    corners = [(b + a @ np.array([y, z]), y, z) for y, z in ((60, -60), (-60, -60), (-60, 60), (60, 60))]
    made.quad(corners, PLAIN)
    mesh = finished(made)
    depth, triangle = render_depth(Shader(mesh, Tracer(mesh), texture_bank(["plain"], 0), NO_SUN), CAMERA, LOOK_ALONG_X)
    u, v = np.meshgrid(np.arange(64) + 0.5, np.arange(32) + 0.5)
    y, z = -(u - CAMERA.cx) / CAMERA.fx, -(v - CAMERA.cy) / CAMERA.fy
    assert (triangle >= 0).all()
    assert np.abs(depth - b / (1 - a[0] * y - a[1] * z)).max() < 1e-5


def test_the_nearest_of_still_and_moving_is_seen():
    still, moving = finished(wall(10.0)), finished(wall(7.0, half=1.0), moving=True)
    tracer = Tracer(moving, Tracer(still))
    hits = tracer.trace(np.zeros(3), np.array([[2.0, 0, 0], [1.0, 0.5, 0], [-1.0, 0, 0]]))
    assert join([still, moving]).moving[hits.triangle[0]]
    assert hits.distance[:2] == pytest.approx([3.5, 10.0]) and np.isinf(hits.distance[2])
    assert hits.triangle[2] == -1


def test_occlusion_ends_at_the_length():
    tracer = Tracer(finished(wall(10.0)))
    start, along = np.zeros((2, 3)), np.array([[1.0, 0, 0], [1.0, 0, 0]])
    assert tracer.occluded(start, along, np.array([9.9, 10.1], np.float32)).tolist() == [False, True]
    assert tracer.occluded(start, -along).tolist() == [False, False]


def _truncated_pyramid(made: MeshBuilder) -> None:
    bottom, top = (np.array([(-h, -h, z), (h, -h, z), (h, h, z), (-h, h, z)]) for h, z in ((1.0, 0.0), (0.6, 1.0)))
    frustum(made, bottom, top, PLAIN, PLAIN)


@pytest.mark.parametrize(
    "solid",
    [
        lambda made: box(made, (-1, -1, -1), (1, 1, 1), PLAIN, floating=True),
        lambda made: cylinder(made, 0.5, 1.0, PLAIN),
        lambda made: blob(made, (1, 1, 1), PLAIN, roughness=0.05),
        _truncated_pyramid,
    ],
)
def test_faces_of_solids_look_outwards(solid):
    made = builder()
    solid(made)
    mesh = finished(made)
    centre = mesh.vertices.reshape(-1, 3).mean(axis=0)
    assert (((mesh.vertices.mean(axis=1) - centre) * mesh.normals).sum(axis=1) > 0).all()


def test_soft_light_is_dim_in_a_corner():
    made = builder()
    for x in range(5):
        made.quad([(x, 1, 0), (x, 0, 0), (x + 1, 0, 0), (x + 1, 1, 0)], PLAIN)
    made.quad([(-0.05, 10, 0), (-0.05, -10, 0), (-0.05, -10, 9), (-0.05, 10, 9)], PLAIN)
    mesh = finished(made)
    bake_ambient(mesh, reach=3.0)
    light = [mesh.maps[2 * x, 2, :3] @ (x + 0.5, 0.5, 0) + mesh.maps[2 * x, 2, 3] for x in range(5)]
    assert light[4] == pytest.approx(1.0) and light[0] < 0.85 < light[2] <= 1.0


def test_shadow_and_exposure_have_their_closed_form():
    """White ground under a sun at 60 degrees: sqrt(albedo (ambient + cos sun)); in a shadow the ambient alone."""
    made = builder()
    made.quad([(0, -50, -2), (90, -50, -2), (90, 50, -2), (0, 50, -2)], PLAIN)
    box(made, (3, -50, 30), (6, 50, 31), PLAIN, floating=True)  # an awning high above, out of sight
    mesh = finished(made)
    bank = texture_bank(["plain"], 0)
    mesh.textures[:] = 0
    sun = Lighting((0.3,) * 3, (0.3,) * 3, sun_direction=(0, 0.5, 3**0.5 / 2), sun=(1.0,) * 3)
    picture = render(Shader(mesh, Tracer(mesh), bank, sun), CAMERA, LOOK_ALONG_X)
    albedo = (153 / 255) ** 2
    depth, _ = render_depth(Shader(mesh, Tracer(mesh), bank, sun), CAMERA, LOOK_ALONG_X)
    assert depth[-1, 31] < 6 < depth[26, 31]
    assert picture[-1, 31] == pytest.approx(255 * np.sqrt(albedo * 0.3), abs=1.0)
    assert picture[26, 31] == pytest.approx(255 * np.sqrt(albedo * (0.3 + 3**0.5 / 2)), abs=1.0)
