"""The end of data without a validation list, held out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfsup_depth.datasets.held_out import (
    frames_left_out,
    furthest_neighbour,
    hold_out,
    hold_out_the_last,
    more_to_validate_on,
)
from selfsup_depth.errors import UserError

FRAMES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), min_size=2, max_size=60)


def test_the_last_tenth_of_the_scenes():
    frames = [(f"s{scene:02d}", number) for scene in range(20) for number in range(2)]
    kept, held = hold_out_the_last(frames, reach=1)
    assert {scene for scene, _ in held} == {"s18", "s19"}
    assert kept | held == set(frames)


def test_the_end_of_one_scene_with_a_guard():
    kept, held = hold_out_the_last([("a", number) for number in range(20)], reach=1)
    assert held == {("a", 18), ("a", 19)}
    assert max(kept) == ("a", 15)


@given(reach=st.integers(0, 3))
def test_the_shortest_clip_that_is_said_to_do_has_a_sample_on_either_side(reach):
    def samples(frames):
        numbers = {number for _, number in frames}
        return [n for n in numbers if all(0 <= n + o < shortest for o in (-reach, reach))]

    shortest = 4 * reach + 2
    assert f"at least {shortest} in a row" in more_to_validate_on(reach)
    kept, held = hold_out_the_last([("a", number) for number in range(shortest)], reach)
    assert len(samples(kept)) == len(samples(held)) == 1


def test_what_training_leaves_out_is_told_by_frames():
    frames = [("a", number) for number in range(20)]
    kept, held = hold_out_the_last(frames, reach=1)
    assert frames_left_out(frames, kept, held) == {
        "held out for validation": [18, 19],
        "next to frames held out for validation": [16, 17],
    }
    kept, held = hold_out_the_last(frames, reach=0)
    both_sides = [frame for frame in frames for _ in "lr"]
    assert frames_left_out(both_sides, kept, held) == {
        "held out for validation: 2 frames, both sides": [36, 37, 38, 39]
    }
    assert frames_left_out([*frames, frames[-1]], kept, held) == {"held out for validation: 2 frames": [18, 19, 20]}
    assert list(frames_left_out([("a", 1), ("a", 1)], set(), {("a", 1)})) == [
        "held out for validation: 1 frame, both sides"
    ]


def test_the_furthest_neighbour():
    assert [furthest_neighbour(frames) for frames in ((0,), (0, "s"), (0, -2, 1, "s"))] == [0, 0, 2]


@given(frames=FRAMES, reach=st.integers(0, 3))
def test_training_never_looks_at_a_held_out_image(frames, reach):
    kept, held = hold_out_the_last(frames, reach)
    assert kept | held <= set(frames)
    assert bool(held) == (len(set(frames)) > 1)
    looked_at = {(scene, number + offset) for scene, number in kept for offset in range(-reach, reach + 1)}
    sources = {(scene, number + offset) for scene, number in held for offset in range(-reach, reach + 1)}
    assert not looked_at & sources


def test_one_image_is_not_divided():
    assert hold_out_the_last([("a", 3), ("a", 3)], reach=1)[1] == set()


# ------------------------------------------------------------------ blocks of long scenes


def footage(**lengths: int) -> list[tuple[str, int]]:
    return [(scene, number) for scene, frames in lengths.items() for number in range(frames)]


def test_blocks_are_spread_over_a_long_scene():
    kept, held = hold_out(footage(a=400), reach=1)
    firsts = (45, 145, 245, 345)
    assert {number for _, number in held} == {n for first in firsts for n in range(first, first + 10)}
    assert {number for _, number in kept} == set(range(400)) - {n for f in firsts for n in range(f - 2, f + 12)}


def test_few_scenes_are_divided_inside_where_they_are_long():
    kept, held = hold_out(footage(a=300, b=60, c=100), reach=1)
    assert {scene for scene, _ in held} == {"a", "c"}
    assert {frame for frame in kept if frame[0] == "b"} == set(footage(b=60))
    assert len(held) == 40


def test_many_scenes_and_short_ones_are_held_out_whole():
    many = footage(**{f"s{scene:02d}": 150 for scene in range(20)})
    for frames in (many, footage(a=150), footage(a=99, b=60), footage(a=20)):
        assert hold_out(frames, reach=1) == hold_out_the_last(frames, reach=1)


def test_a_film_has_no_more_than_ten_blocks():
    _, held = hold_out(footage(a=100_000), reach=1)
    numbers = sorted(number for _, number in held)
    assert sum(later - earlier > 1 for earlier, later in zip(numbers, numbers[1:], strict=False)) == 9
    assert len(held) == 10_000


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 700), min_size=1, max_size=4), reach=st.integers(0, 9), step=st.integers(1, 3))
def test_blocks_are_apart_and_about_a_tenth(lengths, reach, step):
    starts = [10_000 * scene for scene in range(len(lengths))]  # no scene has the numbers of another
    frames = [
        (f"s{scene}", start + step * number)
        for scene, (start, length) in enumerate(zip(starts, lengths, strict=True))
        for number in range(length)
    ]
    kept, held = hold_out(frames, reach)
    assert kept | held <= set(frames)
    around = [step * offset for offset in range(-reach, reach + 1)]
    looked_at = {(scene, number + offset) for scene, number in kept for offset in around}
    assert not looked_at & {(scene, number + offset) for scene, number in held for offset in around}
    if held and hold_out_the_last(frames, reach) != (kept, held):
        long = sum(length for length in lengths if length >= 100)
        assert 0.05 * long < len(held) < 0.15 * long
        assert len(kept) > 0.5 * len(frames)
        whole = [(s, n) for s, n in held if all((s, n + offset) in set(frames) for offset in around)]
        assert len(whole) == len(held)


@pytest.mark.parametrize("scenes", [{"a": 400}, {"a": 230, "b": 60}, {"a": 130}, {"a": 30}, {"a": 50, "b": 20}])
def test_nobody_trains_on_what_is_held_out_for_other_neighbours(scenes):
    """An evaluation that looks at no neighbours opens the frames that no training looks at."""
    for reach in range(1, 5):
        kept, held = hold_out(footage(**scenes), reach)
        scored = hold_out(footage(**scenes), 0)[1]
        assert scored <= held
        assert not scored & {(scene, number + o) for scene, number in kept for o in range(-reach, reach + 1)}
    if max(scenes.values()) >= 200:
        assert scored == held


def test_neighbours_so_far_that_nothing_is_left():
    assert hold_out(footage(a=400), reach=20)[0]
    with pytest.raises(UserError, match="--frame_ids look 30 frames away, .* nearer neighbours, or list both parts"):
        hold_out(footage(a=400), reach=30)


# ------------------------------------------------------------------ cameras that recorded at the same time


@pytest.mark.parametrize("length", [20, 99, 150, 400])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_simultaneous_cameras_are_held_out_together(length, reach):
    # the second camera lacks some frames, so that places in it are other moments than in the first
    missing = set(range(length // 4, length // 4 + length // 10))
    first, second = footage(image_2=length), [frame for frame in footage(image_3=length) if frame[1] not in missing]
    kept, held = hold_out([*first, *second], reach)
    moments = {scene: {number for s, number in held if s == scene} for scene in ("image_2", "image_3")}
    assert moments["image_2"]
    assert moments["image_3"] == moments["image_2"] - missing
    assert not {number for _, number in kept} & moments["image_2"]
    for scene, frames in (("image_2", first), ("image_3", second)):
        numbers = [number for _, number in frames]
        looked_at = {
            i + o for i, number in enumerate(numbers) if (scene, number) in kept for o in range(-reach, reach + 1)
        }
        assert not looked_at & {
            i + o for i, number in enumerate(numbers) if (scene, number) in held for o in range(-reach, reach + 1)
        }


@pytest.mark.parametrize("length", [20, 150, 400])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_frames_that_lack_a_side_are_not_held_out(length, reach):
    """The right camera was stopped first: the end of the pairs is held out, and not that of the left images."""
    frames, lonely = footage(a=length), {("a", number) for number in range(length - 10, length)}
    kept, held = hold_out(frames, reach, lonely)
    pairs = footage(a=length - 10)
    assert (kept - lonely, held) == hold_out(pairs, reach)
    looked_at = {number + offset for _, number in kept for offset in range(-reach, reach + 1)}
    assert not looked_at & {number + offset for _, number in held for offset in range(-reach, reach + 1)}
    near = {number for _, number in held} | {number + 2 * reach for _, number in held}
    assert lonely - kept == {frame for frame in lonely if frame[1] <= max(near)}


@settings(max_examples=60, deadline=None)
@given(frames=FRAMES, lonely=FRAMES, reach=st.integers(0, 3))
def test_training_never_looks_at_a_held_out_image_whatever_lacks_a_side(frames, lonely, reach):
    kept, held = hold_out(frames, reach, set(lonely))
    assert kept | held <= set(frames) and not kept & held
    if 2 * len(set(frames) - set(lonely)) >= len(set(frames)):
        assert not held & set(lonely)
    else:
        assert (kept, held) == hold_out(frames, reach)
    looked_at = {(scene, number + offset) for scene, number in kept for offset in range(-reach, reach + 1)}
    assert not looked_at & {(scene, number + offset) for scene, number in held for offset in range(-reach, reach + 1)}


def test_of_a_scene_that_is_held_out_whole_nothing_is_trained_on():
    frames = footage(a=20, b=50)  # of other lengths, so no cameras of one rig
    lonely = {("b", number) for number in range(40, 50)}
    kept, held = hold_out(frames, 1, lonely)
    assert {scene for scene, _ in held} == {"b"} and {scene for scene, _ in kept} == {"a"}


def test_scenes_of_other_numbers_are_held_out_whole():
    trips = [*footage(a=80), *[("b", 500 + number) for number in range(80)]]
    assert hold_out(trips, reach=1)[1] == set(trips[80:])
