"""The page that a training leaves, opened as its user does: everything that it promises is there and can be seen."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from browser import Browser, find_browser

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no chromium, chromium-browser or google-chrome here")


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory) -> Iterator[Browser]:
    pytest.importorskip("viser")
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile", 1280, 900)
    try:
        browser.open(trained / "report.html")
        yield browser
    finally:
        browser.close()


def test_every_part_is_there(page):
    parts = page.run("[...document.querySelectorAll('main section')].map((one) => one.id)")
    assert parts == ["scores", "examples", "clouds", "curves", "images", "run"]
    assert page.run("[...document.querySelectorAll('section')].every((one) => one.innerText.length > 100)")


def test_no_picture_is_blank(page):
    """Auto-masks among them: three images with five pictures each, and every curve has a line that can be seen."""
    titles = page.run("[...document.querySelectorAll('#examples .picture img')].map((one) => one.alt)")
    assert len(titles) == 15 and sum(title.startswith("auto-mask") for title in titles) == 3
    for index, title in enumerate(titles):
        page.run(f"document.querySelectorAll('#examples .picture img')[{index}].id = 'seen'")
        page.run("document.querySelector('#seen').scrollIntoView({block: 'center', behavior: 'instant'})")
        colours = np.unique(page.screenshot("#seen").reshape(-1, 3), axis=0)
        assert len(colours) > 10, title  # a network that has hardly begun sees hardly any differences
        page.run("document.querySelector('#seen').removeAttribute('id')")
    drawn = page.run("[...document.querySelectorAll('#curves path')].map((one) => one.getTotalLength())")
    assert len(drawn) > 15 and min(drawn) > 10


def test_every_image_has_its_row(page):
    assert page.run("document.querySelectorAll('#rows tbody tr').length") == 3
    assert page.run("document.querySelector('#scores td small').textContent").count(" to ") == 1


def test_the_cloud_of_the_best_image_can_be_seen(page):
    page.run("document.querySelector('.stage').scrollIntoView({block: 'center', behavior: 'instant'})")
    end = time.monotonic() + 40
    shown = page.screenshot("#cloud")
    while len(np.unique(shown.reshape(-1, 3), axis=0)) < 500 and time.monotonic() < end:
        time.sleep(0.3)
        shown = page.screenshot("#cloud")
    # before that there is a spinner on white; the wall has hundreds of colours
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) >= 500


def test_it_asked_for_nothing_and_complained_of_nothing(page, trained):
    assert page.requests() == [(trained / "report.html").as_uri()]
    assert page.complaints() == []
