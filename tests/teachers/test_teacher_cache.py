"""Teacher maps on disk: exact, checked against their image and their teacher, never half there."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.cache import Manifest, TeacherCache, open_cache, read_manifest
from selfsup_depth.teachers.contract import TeacherInfo
from selfsup_depth.teachers.input_policy import InputPolicy

SIZE = (6, 8)
INFO = TeacherInfo("dpt_hybrid", "relative_disparity", "abc")


@pytest.fixture
def cache(tmp_path: Path) -> TeacherCache:
    return open_cache(tmp_path / "maps", INFO, SIZE)


def image(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_a_map_comes_back_as_float16(cache: TeacherCache) -> None:
    stored = 1000 * torch.rand(1, *SIZE)
    assert not cache.has("scene 1 l")
    cache.write("scene 1 l", image(), stored)
    assert cache.has("scene 1 l")
    read = cache.read("scene 1 l", image())
    assert read.dtype == torch.float16
    assert torch.equal(read, stored.half())


def test_unknown_pixels_stay_unknown(cache: TeacherCache) -> None:
    stored = torch.full((1, *SIZE), 2.0)
    stored[0, 0, 0], stored[0, 0, 1] = torch.nan, torch.inf
    cache.write("a", image(), stored)
    assert cache.read("a", image()).isnan().sum() == 2


@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_values_that_half_precision_cannot_tell_are_refused(cache: TeacherCache, factor: float) -> None:
    with pytest.raises(UserError, match="half precision cannot tell.*without --teacher_cache"):
        cache.write("a", image(), factor * torch.ones(1, *SIZE))


def test_a_map_of_another_shape_is_refused(cache: TeacherCache) -> None:
    cache.write("a", image(), torch.ones(1, 3, 4))
    with pytest.raises(UserError, match=r"is \[1, 3, 4\] and not \[1, 6, 8\]"):
        cache.read("a", image())


def test_a_run_killed_while_it_made_the_folder_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".teacher.json.host-123").write_text("{")
    assert not open_cache(tmp_path, INFO, SIZE).has("a")


def test_sizes_do_not_meet(tmp_path: Path) -> None:
    small, large = (open_cache(tmp_path / "maps", INFO, size) for size in (SIZE, (12, 16)))
    small.write("a", image(), torch.ones(1, *SIZE))
    assert not large.has("a")


def test_the_same_teacher_finds_its_maps_again(cache: TeacherCache) -> None:
    cache.write("a", image(), torch.ones(1, *SIZE))
    again = open_cache(cache.folder.parent, INFO, SIZE, "something else")
    assert again.has("a")
    assert read_manifest(cache.folder.parent) == Manifest(INFO, "")


def test_a_cache_of_another_teacher_is_refused(cache: TeacherCache) -> None:
    cache.write("a", image(), torch.ones(1, *SIZE))
    with pytest.raises(UserError, match=r"made by another teacher, dpt_hybrid \(abc\), than dpt_large \(xyz\)"):
        open_cache(cache.folder.parent, TeacherInfo("dpt_large", "relative_disparity", "xyz"), SIZE)


def test_a_cache_without_maps_is_taken_over(cache: TeacherCache) -> None:
    """Its maker failed before the first map, or its maps were deleted."""
    folder = cache.folder.parent
    cache.folder.mkdir()
    (cache.folder / "00.host-12.partial").touch()  # a map that was never finished
    other = TeacherInfo("dpt_large", "relative_disparity", "xyz")
    assert not open_cache(folder, other, SIZE, "dpt_large, size trained").has("a")
    assert read_manifest(folder) == Manifest(other, "dpt_large, size trained")


def test_maps_of_two_teachers_in_one_folder_are_told_apart(cache: TeacherCache) -> None:
    """Both opened it before either had a map."""
    other = open_cache(cache.folder.parent, TeacherInfo("dpt_large", "relative_disparity", "xyz"), SIZE)
    cache.write("a", image(), torch.ones(1, *SIZE))
    with pytest.raises(UserError, match=r"the map of 'a' was made by another teacher than the one in teacher\.json"):
        other.read("a", image())


def test_a_map_that_does_not_say_its_teacher_is_of_the_folders(cache: TeacherCache) -> None:
    cache.write("a", image(), torch.ones(1, *SIZE))
    path = next(cache.folder.rglob("*.safetensors"))
    with safe_open(path, framework="pt") as file:
        said = {name: value for name, value in file.metadata().items() if name != "teacher"}
    safetensors.torch.save_file({"map": torch.ones(1, *SIZE, dtype=torch.float16)}, path, metadata=said)
    assert cache.read("a", image()).shape == (1, *SIZE)


def test_another_size_of_the_same_teacher_is_said_to_be_that(tmp_path: Path) -> None:
    policy = InputPolicy(384, 32)
    infos = [replace(INFO, identity=f"abc; {policy.at(size)}") for size in ("trained", "native", 64)]
    open_cache(tmp_path, infos[0], SIZE).write("a", image(), torch.ones(1, *SIZE))
    then = "at another --teacher_size: it saw images at a short side of 384 pixels then and is to see them at"
    for info, now in zip(infos[1:], ("the size of the input now", "a short side of 64 pixels now"), strict=True):
        with pytest.raises(UserError, match=f"was made by the same teacher, dpt_hybrid, {then} {now}"):
            open_cache(tmp_path, info, SIZE)


def test_a_map_of_another_image_is_refused(cache: TeacherCache) -> None:
    cache.write("a", image(0), torch.ones(1, *SIZE))
    with pytest.raises(UserError, match="'a' was made from another image"):
        cache.read("a", image(1))


def test_a_map_of_another_depth_is_refused(cache: TeacherCache) -> None:
    depth = 1 + torch.rand(1, 12, 16, generator=torch.Generator().manual_seed(2))
    cache.write("told", image(), torch.ones(1, *SIZE), depth)
    cache.write("not told", image(), torch.ones(1, *SIZE))
    cache.read("told", image(), depth)
    cache.read("told", image(), depth[0].numpy())  # as a data set has it
    changed = depth.clone()
    changed[0, 3, 4] = 0
    for name, there in (("told", changed), ("told", None), ("not told", depth)):
        with pytest.raises(UserError, match=f"'{name}' was made from another depth than"):
            cache.read(name, image(), there)


def test_a_map_of_which_nothing_is_noted_is_refused(cache: TeacherCache) -> None:
    cache.write("a", image(), torch.ones(1, *SIZE))
    path = next(cache.folder.rglob("*.safetensors"))
    safetensors.torch.save_file({"map": torch.ones(1, *SIZE, dtype=torch.float16)}, path)
    with pytest.raises(UserError, match="delete the file"):
        cache.read("a", image())


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_map_is_named(cache: TeacherCache, damage: str) -> None:
    cache.write("a", image(), torch.ones(1, *SIZE))
    path = next(cache.folder.rglob("*.safetensors"))
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match=f"{path.name}.*delete the file"):
        cache.read("a", image())


@pytest.mark.parametrize("left", [0, 50, 2 * SIZE[0] * SIZE[1]])
def test_a_truncated_map_is_found_by_its_size_and_made_anew(cache: TeacherCache, left: int) -> None:
    cache.write("a", image(), torch.ones(1, *SIZE))
    assert not cache.is_damaged("a") and not cache.is_damaged("never written")
    path = next(cache.folder.rglob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:left])
    assert cache.is_damaged("a") and not cache.has("a")
    cache.write("a", image(), torch.ones(1, *SIZE))
    assert cache.has("a") and not cache.is_damaged("a")


def test_a_map_that_cannot_be_written_leaves_nothing_behind(
    cache: TeacherCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="No space left.*free some space"):
        cache.write("a", image(), torch.ones(1, *SIZE))
    assert not cache.has("a")
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(UserError, match="is not a teacher cache"):
        open_cache(tmp_path, INFO, SIZE)


def test_a_damaged_manifest_is_named(cache: TeacherCache) -> None:
    (cache.folder.parent / "teacher.json").write_text(json.dumps(["no"]))
    with pytest.raises(UserError, match=r"teacher\.json is not readable"):
        open_cache(cache.folder.parent, INFO, SIZE)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--teacher_cache .*file/maps cannot be written"):
        open_cache(tmp_path / "file" / "maps", INFO, SIZE)
