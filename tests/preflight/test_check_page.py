"""The page stands alone, shows its evidence, and takes no text for markup."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted_faults import FAULTS, drive
from preflight_looks import look_at

from selfsup_depth.errors import UserError
from selfsup_depth.preflight import CHECKS, run_checks
from selfsup_depth.preflight.page import Page, make_page, write_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = "<script>alert('x')</script>"


def page_of(fault: str | None) -> Page:
    footage = look_at(FAULTS[fault].make() if fault else drive())
    return make_page("Data check: street", "--dataset recording", footage, run_checks(footage))


@pytest.fixture(scope="module")
def lower_right() -> Page:
    return page_of("right a pixel lower")


def test_it_says_evidence_cause_and_remedy_and_shows_a_picture(lower_right, tmp_path):
    text = write_page(lower_right, tmp_path / "out").read_text()
    (finding,) = lower_right.findings
    for words in (finding.found, finding.cause, finding.remedy, finding.expected):
        assert words in unescape(text)
    encoded = re.search(r'evidence of rectification" src="data:image/webp;base64,([^"]+)"', text)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded[1]))))
    assert picture.std() > 20 and picture.shape[1] >= 300


def test_it_names_every_check_and_what_it_saw(lower_right, tmp_path):
    text = unescape(write_page(lower_right, tmp_path).read_text())
    assert all(f"<td>{name}</td>" in text and check.question in text for name, check in CHECKS.items())
    assert "0.04 pixels across" not in text and "of the points are found again in the partner" in text


def test_it_needs_no_other_file(lower_right, tmp_path):
    text = write_page(lower_right, tmp_path).read_text()
    assert {link[:5] for link in re.findall(r'(?:src|href)="([^"]*)"', text)} == {"data:"}
    assert "http" not in re.sub(r"http-equiv", "", text) and "<script" not in text


def test_text_is_never_markup(lower_right, tmp_path):
    odd = replace(lower_right.findings[0], found=EVIL, cause=EVIL, remedy=EVIL)
    page = replace(lower_right, title=EVIL, subtitle=EVIL, findings=[odd])
    text = write_page(page, tmp_path).read_text()
    assert EVIL not in text and text.count("&lt;script&gt;") == 6


def test_good_data_are_said_to_be_good(tmp_path):
    page = page_of(None)
    assert ("errors", "0") in page.facts and ("warnings", "0") in page.facts
    assert "Nothing is wrong that these checks can see" in write_page(page, tmp_path).read_text()


def test_the_json_file_says_the_same_without_pictures(lower_right, tmp_path):
    odd = replace(lower_right.findings[0], number=float("inf"))
    write_page(replace(lower_right, findings=[odd]), tmp_path)
    content = json.loads((tmp_path / "check.json").read_text())
    (finding,) = content["findings"]
    assert finding["check"] == "rectification" and finding["number"] is None and "picture" not in finding
    assert [row["name"] for row in content["checks"]] == list(CHECKS)
    assert {row["state"] for row in content["checks"]} == {"good", "skipped", "warning"}


def test_a_folder_that_cannot_be_written_is_a_clear_error(lower_right, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written .* give another --output_directory"):
        write_page(lower_right, tmp_path / "file" / "out")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_it(lower_right, tmp_path):
    page = write_page(lower_right, tmp_path)
    shot = tmp_path / "shot.png"
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", "--window-size=1100,1400"]
    result = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    assert shot.is_file(), result.stderr
    assert "CONSOLE" not in result.stderr
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    red_bar_or_amber = (np.abs(pixels - [230, 159, 0]).sum(-1) < 30).sum()
    assert red_bar_or_amber > 500  # the edge of the warning
    assert Path(page).stat().st_size < 3_000_000
