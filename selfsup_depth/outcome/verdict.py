"""What may be said of two runs: one rule, for the sentence, the interval and the words that explain both."""

from __future__ import annotations

import math

from selfsup_depth.evaluation.intervals import CAVEAT
from selfsup_depth.evaluation.paired import PairedDifference
from selfsup_depth.evaluation.sign_flips import (
    LEVEL,
    all_patterns_are_too_many,
    fewest_images,
    pattern_count,
    smallest_p,
)
from selfsup_depth.report.content import Estimate, Row, Table

MOST_DIGITS = 7


def verdict(pair: PairedDifference, names: tuple[str, str]) -> str:
    """One sentence: which run is better by one metric, and whether that could be chance."""
    if math.isnan(pair.p_value):
        return f"{pair.metric} is not finite on one of the {pair.images} images, so the runs cannot be compared by it."
    digits = digits_of(pair)
    interval = f", 95 % interval {pair.low:+.{digits}f} to {pair.high:+.{digits}f}" if math.isfinite(pair.low) else ""
    by = f"(means {pair.means[0]:.{digits}f} and {pair.means[1]:.{digits}f}; difference {pair.difference:+.{digits}f}"
    by += f"{interval}; p = {p_in_words(pair.p_value)})"
    if pair.difference == 0:
        return f"Both runs have the same {pair.metric} {by}."
    better, worse = reversed(names) if pair.second_wins else names
    wins = pair.better[1] if pair.second_wins else pair.better[0]
    if pair.clear:
        return f"{better} has a better {pair.metric} than {worse} on {wins} of {pair.images} images {by}."
    lead = f"{better} is better on {wins} of them {by}."
    if pair.too_few:
        images = f"{pair.images} image is" if pair.images == 1 else f"{pair.images} images are"
        return (
            f"{images} too few to say which run has the better {pair.metric}: whatever their scores, p is at least "
            f"{p_in_words(smallest_p(pair.images))}, and {LEVEL:g} takes {fewest_images()} images. {lead}"
        )
    return f"No clear difference in {pair.metric} on these {pair.images} images: {lead}"


def rule(images: int) -> str:
    """How p, interval and sentence come about, for a reader of the page."""
    count = pattern_count(images)
    patterns = f"{count} drawn" if all_patterns_are_too_many(images) else f"all {2 * count}"
    interval = "Under each is its 95 % interval: the true differences that the same test would not reject."
    if smallest_p(images) >= LEVEL:
        interval = f"So few images bound no 95 % interval: that takes {fewest_images()}."
    return (
        "Differences are second minus first, image by image. p is how often their mean would be at least as far from 0 "
        "if the runs were equally good and chance decided, on each image, which run gets which score (two-sided "
        f"sign-flip permutation test, {patterns} patterns of signs); it cannot be below "
        f"{p_in_words(smallest_p(images))} with {images} images. {interval} A run is called better "
        f"where p is below {LEVEL:g}, which is where the interval excludes 0. For both {CAVEAT}."
    )


def table_of(pairs: list[PairedDifference], names: tuple[str, str], title: str) -> Table:
    """A row per metric; the first is the headline."""
    rows = tuple(
        Row(
            pair.metric,
            (
                Estimate(pair.means[0], digits=digits_of(pair)),
                Estimate(pair.means[1], digits=digits_of(pair)),
                _difference(pair),
                p_in_words(pair.p_value),
                f"{pair.better[0]} : {pair.better[1]}",
            ),
            "headline" if pair is pairs[0] else "",
        )
        for pair in pairs
    )
    return Table(title, (*names, "difference", "p", "images won"), rows)


def _difference(pair: PairedDifference) -> Estimate:
    low, high = (pair.low, pair.high) if math.isfinite(pair.low) else (None, None)
    return Estimate(pair.difference, low, high, digits_of(pair))


def digits_of(pair: PairedDifference) -> int:
    """After the point: three, or as many as keep what is not 0 from looking like it."""
    numbers = [value for value in (pair.difference, pair.low, pair.high) if math.isfinite(value) and value]
    shown = (n for n in range(3, MOST_DIGITS) if all(round(value, n) for value in numbers))
    return next(shown, MOST_DIGITS)


def p_in_words(value: float) -> str:
    """Two or three digits; a p below LEVEL never looks like LEVEL."""
    if math.isnan(value):
        return "none"
    if value < 0.001:
        return f"{value:.5f}"
    text = f"{value:.3f}"
    return f"just below {LEVEL:g}" if value < LEVEL <= float(text) else text
