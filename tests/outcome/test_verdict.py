"""What is said of two runs: the sentence, the interval beside it and the rule that explains both are one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfsup_depth.evaluation.paired import PairedDifference, paired_differences
from selfsup_depth.outcome.verdict import digits_of, p_in_words, rule, table_of, verdict
from selfsup_depth.report.page import interval

HARD = np.linspace(0.1, 0.5, 30)
NOISE = np.random.default_rng(0).normal(0, 0.01, 30)
NAMES = ("mdp", "other")


def pair_of(metric: str, first: np.ndarray, second: np.ndarray) -> PairedDifference:
    return paired_differences([metric], first[:, None], second[:, None])[0]


def test_a_clear_winner_is_named():
    better = pair_of("abs_rel", HARD, HARD - 0.02 + 0.1 * NOISE)
    means = f"means 0.300 and {better.means[1]:.3f}; difference -0.02"
    assert verdict(better, NAMES).startswith(f"other has a better abs_rel than mdp on 30 of 30 images ({means}")
    assert verdict(pair_of("abs_rel", HARD, HARD + 0.02), NAMES).startswith("mdp has a better")
    assert verdict(pair_of("a1", HARD, HARD + 0.02), NAMES).startswith("other has a better a1")


def test_chance_has_no_winner():
    found = verdict(pair_of("abs_rel", HARD, HARD + NOISE), NAMES)
    assert found.startswith("No clear difference in abs_rel on these 30 images: ")
    assert re.search(r"interval -0.00\d to \+0.00\d; p = 0.\d{3}\)", found)
    assert verdict(pair_of("abs_rel", HARD, HARD), NAMES).startswith("Both runs have the same abs_rel")


def test_too_few_images_are_called_too_few():
    """Three wins of three: an interval of resampled images would exclude 0, and no sentence may follow from it."""
    pair = pair_of("abs_rel", HARD[:3], HARD[:3] - 0.05 - NOISE[:3])
    found = verdict(pair, NAMES)
    assert found.startswith(
        "3 images are too few to say which run has the better abs_rel: whatever their scores, p is at least 0.250, and "
        "0.05 takes 6 images. other is better on 3 of them (means 0.114 and "
    )
    assert "interval" not in found and found.endswith("; p = 0.250).")
    row = table_of([pair], NAMES, "scores").rows[0]
    assert interval(row.cells[2]) == "" and row.cells[3] == "0.250"
    assert "So few images bound no 95 % interval: that takes 6." in rule(3)
    assert "1 image is too few" in verdict(pair_of("abs_rel", HARD[:1], HARD[:1] + 1), NAMES)


def test_a_score_that_is_not_finite_is_no_victory():
    broken = pair_of("abs_rel", HARD, np.where(HARD > 0.4, np.nan, HARD - 0.05))
    assert verdict(broken, NAMES).startswith("abs_rel is not finite on one of the 30 images")
    assert table_of([broken], NAMES, "scores").rows[0].cells[3] == "none"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=1, max_size=10),
    st.sampled_from([1.0, 0.003, 1e-5]),
)
def test_words_and_the_interval_beside_them_agree(differences, scale):
    """As read: the interval as it is printed excludes 0 exactly where a winner is named."""
    pair = pair_of("abs_rel", np.full(len(differences), 0.3), 0.3 + scale * np.array(differences))
    sentence, cell = verdict(pair, NAMES), table_of([pair], NAMES, "scores").rows[0].cells[2]
    ends = [float(end) for end in interval(cell).split(" to ")] if interval(cell) else [-np.inf, np.inf]
    excludes = ends[0] > 0 or ends[1] < 0
    assert excludes == ("has a better abs_rel than" in sentence)
    p_shown = re.search(r"p = (.*)\)\.$", sentence).group(1)
    below = p_shown.startswith("just below") or float(p_shown) < 0.05
    assert excludes == below or pair.difference == 0


def test_small_differences_keep_their_sign_in_print():
    pair = pair_of("sq_rel", HARD, HARD + 4e-5 + 1e-6 * NOISE)
    assert digits_of(pair) == 5 and "difference +0.00004, 95 % interval +0.00004 to +0.00004" in verdict(pair, NAMES)
    assert digits_of(pair_of("sq_rel", HARD, HARD)) == 3


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.25, "0.250"), (0.0499, "just below 0.05"), (0.0501, "0.050"), (0.002, "0.002"), (3.05e-5, "0.00003")],
)
def test_p_in_words(value, words):
    assert p_in_words(value) == words


def test_the_rule_says_what_was_done():
    assert "all 1024 patterns of signs); it cannot be below 0.002 with 10 images" in rule(10)
    assert "32768 drawn patterns of signs); it cannot be below 0.00003 with 40 images" in rule(40)
    for images in (3, 10, 40):
        assert "A run is called better where p is below 0.05, which is where the interval excludes 0." in rule(images)
        assert "neighbouring frames of one video are not" in rule(images)
