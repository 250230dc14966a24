"""The end of data without a validation list, held out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selfsup_depth.datasets.held_out import hold_out_the_last

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
