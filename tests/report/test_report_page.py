"""The page: complete, alone, and deaf to what its texts contain."""

from __future__ import annotations

import importlib.metadata
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.report import clouds, page
from selfsup_depth.report.content import Estimate, Report
from selfsup_depth.report.page import as_data, interval, render, shown, write_report
from tests.report.small_report import every_text, small_report

EVIL = """<script>alert(1)</script>"'</style><img src=x onerror=alert(2)>{{ 7*7 }}<!--"""


class Elements(HTMLParser):
    """The tags of a page with their attributes, and its text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._within: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._within = None

    def handle_data(self, data: str) -> None:
        if self._within is None:
            self.text += data


@pytest.fixture
def no_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "why_no_viewer", lambda: "no viewer here")


@pytest.mark.usefixtures("no_viewer")
def test_every_text_is_on_the_page():
    report = replace(small_report("Sträße & co"), clouds=())  # they are said elsewhere than in the viewer's document
    page_as_read = Elements(render(report)).text
    texts: list[str] = []
    every_text(replace(report, images=None), texts.append)
    missing = {text for text in texts if text not in page_as_read}
    # a style, colormaps, a chart without numbers, and the second run, whom the title names
    assert missing == {"headline", "magma_r", "RdBu", "empty", "nothing", "Sträße & co 2"}


@pytest.mark.usefixtures("no_viewer")
def test_texts_stay_texts():
    plain, evil = Elements(render(small_report("street"))), Elements(render(small_report(EVIL)))
    assert [tag for tag, _ in evil.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(attributes) for _, attributes in evil.tags] == [sorted(attributes) for _, attributes in plain.tags]
    assert f"{EVIL} run" in evil.text
    text = render(small_report(EVIL))
    assert "alert(1)</script>" not in text and "<img src=x" not in text and "49<!--" not in text


def test_texts_of_clouds_stay_texts():
    pytest.importorskip("viser")
    plain, evil = Elements(render(small_report("street"))), Elements(render(small_report(EVIL)))
    assert [tag for tag, _ in evil.tags] == [tag for tag, _ in plain.tags]


def test_the_page_needs_nothing_else():
    pytest.importorskip("viser")
    text = render(small_report())
    found = Elements(text)
    links = [
        attributes[name] for _, attributes in found.tags for name in ("src", "href", "data", "action")
        if attributes.get(name) is not None
    ]  # fmt: skip
    assert links and all(link.startswith("data:") for link in links)
    assert not re.search(r"url\((?!['\"]?data:)", re.split("<script", text)[0])
    (policy,) = [attributes["content"] for _, attributes in found.tags if "http-equiv" in attributes]
    assert policy.startswith("default-src 'none'") and "http" not in policy


def test_scenes_are_put_together_again():
    pytest.importorskip("viser")
    text = render(small_report())
    scenes = json.loads(re.search(r'id="scenes">(.*?)</script>', text, re.S).group(1))
    assert len(scenes["data"]) == 2
    for data in scenes["data"]:
        document = scenes["before"] + data + scenes["after"]
        assert document.lower().startswith("<!doctype html") and document.rstrip().endswith("</html>")
    assert len(scenes["before"]) > 10 * max(map(len, scenes["data"])) or len(scenes["after"]) > 500_000  # kept once
    assert len(text) < 1.6e6


def test_without_the_viewer_the_page_says_how_to_get_it(monkeypatch):
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    text = render(small_report())
    assert "pip install &#39;selfsup-depth[viz]&#39;" in text and "<iframe" not in text
    assert "In space, street 1" in text and "no WebGL" not in text
    assert "The clouds are shown as pictures instead." in text
    stills = Elements(text[text.index('<div id="stills">') : text.index('id="curves"')])
    assert [tag for tag, _ in stills.tags].count("img") == 2
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0.16")
    text = render(small_report())
    assert "needs viser 1.1 or newer, and found viser 1.0.16: pip install" in text and "<iframe" not in text


def test_without_a_port_the_page_says_so(monkeypatch):
    """viser would wait for ever."""
    pytest.importorskip("viser")

    def refuse(self, address):
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(clouds.socket.socket, "bind", refuse)
    text = render(small_report())
    assert "none could be had (Address family not supported by protocol)" in text and "<iframe" not in text


def test_empty_parts_are_left_out():
    text = render(Report("run", "method", ()))
    assert re.findall(r"<h2>(.*?)</h2>", text) == ["The run"]
    assert "<iframe" not in text and "viewer" not in Elements(text).text


@pytest.mark.usefixtures("no_viewer")
def test_headings_name_the_run_where_there_are_two():
    headings = re.findall(r"<h2>(.*?)</h2>", render(small_report()))
    assert headings == [
        "Side by side", "Scores of street 1", "Images of street 1", "In space, street 1", "Curves of street 1",
        "Every image of street 1", "The run, street 1",
    ]  # fmt: skip
    alone = re.findall(r"<h2>(.*?)</h2>", render(replace(small_report(), comparison=None)))
    assert alone == ["Scores", "Images", "In space", "Curves", "Every image", "The run"]


def test_numbers_and_intervals():
    assert shown(Estimate(0.12345)) == "0.123" and shown(Estimate(12.34, digits=1)) == "12.3"
    assert (shown(None), shown("not metric"), shown(Estimate(float("nan")))) == ("-", "not metric", "not finite")
    assert interval(Estimate(0.2, 0.1, 0.3)) == "0.100 to 0.300"
    assert (interval(Estimate(0.2)), interval("x"), interval(None)) == ("", "", "")


def test_data_in_scripts_is_json_without_tags():
    text = as_data({"a": ["</script><!--", float("nan"), 1.5], "b": "ü"})
    assert "<" not in text
    assert json.loads(text) == {"a": ["</script><!--", None, 1.5], "b": "ü"}


@pytest.mark.usefixtures("no_viewer")
def test_writing_replaces_the_page_or_says_why_not(tmp_path: Path):
    target = tmp_path / "new folder" / "report.html"
    for _ in range(2):
        write_report(small_report(), target)
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    with pytest.raises(UserError, match=r"report.html cannot be written \(.*\): free some space, or give .* --output"):
        write_report(small_report(), target / "below a file" / "report.html")
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match="taken cannot be written"):
        write_report(small_report(), tmp_path / "taken")
    assert {path.name for path in tmp_path.iterdir()} == {"new folder", "taken"}  # nothing half-written is left
