"""The report in a real browser without a window: it loads, complains of nothing, shows pictures, turns and sorts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, find_browser

from selfsup_depth.report.page import write_report
from tests.report.small_report import small_report

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no chromium, chromium-browser or google-chrome here")

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    pytest.importorskip("viser")
    folder = tmp_path_factory.mktemp("browser")
    write_report(small_report(EVIL), folder / "report.html")
    browser = Browser(folder / "profile", 700, 560)
    try:
        browser.open(folder / "report.html")
        yield browser
    finally:
        browser.close()


def in_view(browser: Browser, selector: str) -> None:
    browser.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center', behavior: 'instant'}})")


def settled(browser: Browser, selector: str) -> np.ndarray:
    """What an element shows when it has stopped changing and is not blank."""
    end = time.monotonic() + 40
    before = browser.screenshot(selector)
    while time.monotonic() < end:
        time.sleep(0.3)
        now = browser.screenshot(selector)
        if now.std() > 20 and np.array_equal(now, before):
            return now
        before = now
    raise AssertionError("the view does not settle")


def test_pictures_are_not_blank(browser):
    widths = browser.run("[...document.images].map((image) => image.naturalWidth)")
    assert len(widths) == 6 + 2 and min(widths) > 0  # two are of clouds, for browsers that cannot turn them
    for index in range(3):
        browser.run(f"document.images[{index}].id = 'seen'")
        in_view(browser, "#seen")
        colours = np.unique(browser.screenshot("#seen").reshape(-1, 3), axis=0)
        assert len(colours) > 50, index
        browser.run("document.getElementById('seen').removeAttribute('id')")


def test_curves_have_lines_and_say_their_values(browser):
    in_view(browser, "#curves svg")
    lengths = browser.run("[...document.querySelectorAll('#curves path')].map((path) => path.getTotalLength())")
    assert len(lengths) == 2 and min(lengths) > 10  # the chart without numbers is left out
    box = browser.box("#curves svg")
    scrolled = browser.run("[scrollX, scrollY]")
    x, y = box["x"] - scrolled[0] + 0.6 * box["width"], box["y"] - scrolled[1] + 0.5 * box["height"]
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    value, _, step = browser.run("document.querySelector('#curves output').textContent").partition(" at ")
    assert 200 < int(step) < 350 and float(value) == pytest.approx(1 - int(step) / 499, abs=0.01)


def test_curves_say_what_their_axes_are(browser):
    assert browser.run("document.querySelector('#curves .counts').textContent") == f"{EVIL} parts"
    assert "training step" in browser.run("document.querySelector('#curves svg').textContent")
    # no label lies on another or outside of the drawing
    boxes = browser.run(
        "[...document.querySelectorAll('#curves svg text')].map((one) => one.getBBox()).map((b) => [b.x, b.y, b.width, "
        "b.height])"
    )
    assert len(boxes) > 6
    for i, (x, y, width, height) in enumerate(boxes):
        assert x >= 0 and x + width <= 340 + 8 and y >= 0 and y + height <= 184
        for other in boxes[:i]:
            apart = x >= other[0] + other[2] or other[0] >= x + width
            assert apart or y >= other[1] + other[3] or other[1] >= y + height


def column(browser: Browser, index: int) -> list[str]:
    return browser.run(f"[...document.querySelectorAll('#rows tbody tr')].map((row) => row.cells[{index}].textContent)")


def test_the_table_sorts_both_ways_and_opens(browser):
    assert len(column(browser, 0)) == 40 and column(browser, 0)[0] == f"{EVIL} 0 l"
    browser.run("document.getElementById('all-rows').click()")
    assert len(column(browser, 0)) == 60
    for reverse in (False, True):
        browser.run("document.querySelectorAll('#rows th button')[2].click()")
        shown = column(browser, 2)
        assert shown[-1] == "-"  # what has no number comes last
        assert shown[:-1] == sorted(shown[:-1], reverse=reverse)
    browser.run("document.querySelectorAll('#rows th button')[0].click()")
    assert column(browser, 0)[:3] == [f"{EVIL} {i} l" for i in (0, 1, 2)]  # numbers by value, not by letter


def test_the_cloud_turns_and_another_can_be_chosen(browser):
    in_view(browser, ".stage")
    first = settled(browser, "#cloud")
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 100
    # upright and not mirrored: the wall is redder to the right and greener further down
    rows, columns = np.nonzero((first < 250).any(axis=2) & (np.ptp(first, axis=2) > 20))
    seen = first[rows, columns].astype(float)
    assert np.corrcoef(columns, seen[:, 0])[0, 1] > 0.8 and np.corrcoef(rows, seen[:, 1])[0, 1] > 0.8
    browser.run("document.getElementById('enter').click()")
    browser.drag("#cloud", 160, 30)
    turned = settled(browser, "#cloud")
    assert (np.abs(turned.astype(int) - first).max(axis=2) > 30).mean() > 0.05
    browser.run("document.querySelectorAll('[data-scene]')[1].click()")
    browser.wait_for("document.querySelector('.chosen').dataset.scene === '1'")
    other = settled(browser, "#cloud")
    assert (np.abs(other.astype(int) - turned).max(axis=2) > 30).mean() > 0.05


def shown(browser: Browser, selector: str) -> bool:
    return browser.run(f"document.querySelector('{selector}').checkVisibility()")


def test_clouds_that_turn_are_pictures_on_paper_only(browser):
    assert shown(browser, ".stage") and not shown(browser, "#stills") and not shown(browser, "#no-webgl")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert shown(browser, "#stills img") and not shown(browser, ".stage") and not shown(browser, "#no-webgl")
    browser.call("Emulation.setEmulatedMedia", media="")


def test_nothing_was_asked_for_and_nothing_went_wrong(browser):
    """After all of the above: the page itself is the only thing that was ever loaded, and no text became a script."""
    assert len(browser.requests()) == 1 and browser.requests()[0].endswith("/report.html")
    assert browser.complaints() == []
    assert not any(event.get("method") == "Page.javascriptDialogOpening" for event in browser.events)
    assert browser.run("document.querySelector('h1').textContent") == f"{EVIL} run"


def test_without_webgl_the_clouds_are_pictures_and_the_page_says_why(tmp_path: Path):
    pytest.importorskip("viser")
    write_report(small_report(), tmp_path / "report.html")
    browser = Browser(tmp_path / "profile", 700, 560, webgl=False)
    try:
        browser.open(tmp_path / "report.html")
        assert browser.run("document.createElement('canvas').getContext('webgl2')") is None  # it is as blind as meant
        assert shown(browser, "#no-webgl") and not shown(browser, ".stage") and not shown(browser, "[data-scene]")
        said = browser.run("document.querySelector('#no-webgl').innerText")
        assert said.startswith("The clouds cannot be turned here, because this browser has no WebGL")
        names = browser.run("[...document.querySelectorAll('#stills figcaption')].map((one) => one.innerText.trim())")
        assert [" ".join(name.split()) for name in names] == ["prediction street 1 l", "ground truth street 1 l"]
        for index in (1, 2):
            in_view(browser, f"#stills figure:nth-child({index}) img")
            still = browser.screenshot(f"#stills figure:nth-child({index}) img")
            assert len(np.unique(still.reshape(-1, 3), axis=0)) > 500 and (still < 250).any(axis=2).mean() > 0.3
        assert browser.run("document.querySelector('#cloud').srcdoc") == ""  # nothing that needs WebGL was started
        assert browser.complaints() == []
    finally:
        browser.close()


@pytest.fixture(scope="module")
def resizable(tmp_path_factory) -> Iterator[Browser]:
    """One whose window may change its size, which unsettles the clouds of the other one."""
    pytest.importorskip("viser")
    folder = tmp_path_factory.mktemp("resizable")
    write_report(small_report(EVIL), folder / "report.html")
    browser = Browser(folder / "profile", webgl=False)
    try:
        browser.open(folder / "report.html")
        yield browser
    finally:
        browser.close()


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_window(resizable, width):
    """Tables are pushed sideways by themselves, with the name of a row staying in view."""
    window = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == 400}
    resizable.call("Emulation.setDeviceMetricsOverride", **window)
    assert resizable.run("document.documentElement.scrollWidth") <= width
    parts = "[...document.querySelectorAll('.picture, .chart, .fact, .warning, .note, .details td, #stills, h1, h3')]"
    assert 0.8 * width < resizable.run(f"Math.max(...{parts}.map((one) => one.getBoundingClientRect().right))") <= width
    table = "document.querySelector('#rows').parentElement"
    resizable.run(f"{table}.scrollLeft = 60")
    name = "document.querySelector('#rows td').getBoundingClientRect()"
    assert resizable.run(f"{name}.left") == resizable.run(f"{table}.getBoundingClientRect().left")
    assert resizable.run(f"{name}.width") > 120


def test_the_browser_sees_errors(tmp_path: Path):
    """So that the test above can fail."""
    script = "console.error('no'); throw new Error('oh')"
    (tmp_path / "bad.html").write_text(f"<img src='missing.png'><script>{script}</script>")
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(tmp_path / "bad.html")
        complaints = " ".join(browser.complaints())
        assert "'no'" in complaints and "oh" in complaints and "ERR_FILE_NOT_FOUND" in complaints
        assert [url.rpartition("/")[2] for url in browser.requests()] == ["bad.html", "missing.png"]
    finally:
        browser.close()
