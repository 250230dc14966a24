"""What was found, as a page that needs no other file, and as JSON for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from selfsup_depth.errors import UserError
from selfsup_depth.preflight.checks import CHECKS, findings_of
from selfsup_depth.preflight.drawing import as_array, draw_depth, strip
from selfsup_depth.preflight.finding import Finding, Result, as_text
from selfsup_depth.preflight.footage import Footage, Moment
from selfsup_depth.report.colours import data_uri

SAMPLES_SHOWN = 6
WORDS = {"good": "good", "skipped": "not asked"}


@dataclass(frozen=True)
class Row:
    """One check in the table."""

    name: str
    question: str
    state: str  # good, skipped, or the severity of what it found
    saw: str

    @property
    def word(self) -> str:
        return WORDS.get(self.state, self.state)


@dataclass(frozen=True)
class Page:
    """All that the page and the JSON file hold."""

    title: str
    subtitle: str
    facts: list[tuple[str, str]]
    findings: list[Finding]
    checks: list[tuple[str, list[Row]]]  # by group
    samples: list[tuple[str, np.ndarray]] = field(default_factory=list)  # name, [h, w, 3] uint8


def make_page(title: str, subtitle: str, footage: Footage, results: Mapping[str, Result]) -> Page:
    findings = findings_of(results)
    rows = [
        Row(name, CHECKS[name].question, _state(result), result.saw) for name, result in results.items()
    ]
    grouped = [(group, list(of)) for group, of in groupby(rows, key=lambda row: CHECKS[row.name].group)]
    errors = sum(finding.severity == "error" for finding in findings)
    facts = [
        ("errors", str(errors)),
        ("warnings", str(sum(finding.severity == "warning" for finding in findings))),
        ("checks that found nothing", str(sum(row.state == "good" for row in rows))),
        ("targets looked at", f"{len(footage.moments)} of {sum(len(part.items) for part in footage.parts)}"),
        ("image files looked at", f"{len(footage.files.looked_at)} of {footage.files.of}"),
    ]
    chosen = footage.moments[:: max(1, -(-len(footage.moments) // SAMPLES_SHOWN))]
    samples = [(as_text(moment.target.place), _shown(moment)) for moment in chosen]
    return Page(as_text(title), as_text(subtitle), facts, findings, grouped, samples)


def write_page(page: Page, folder: Path) -> Path:
    """check.html and check.json in the folder; the path of the former.

    Raises UserError when they cannot be written.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("selfsup_depth.preflight"), PackageLoader("selfsup_depth.report")]),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    environment.filters |= {"picture": data_uri, "number": lambda value: f"{value:.3g}"}
    questions = {name: check.question for name, check in CHECKS.items()}
    html = environment.get_template("check.html").render(page=page, questions=questions)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("check.html", html), ("check.json", json.dumps(as_plain(page), indent=1) + "\n")):
            unfinished = folder / f".{name}.part"
            unfinished.write_text(text, encoding="utf-8")
            os.replace(unfinished, folder / name)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}): give another --output_directory for the report."
        ) from error
    return folder / "check.html"


def as_plain(page: Page) -> dict[str, object]:
    """The page without its pictures; numbers that JSON does not know become null."""
    findings = [
        {key: _plain(value) for key, value in vars(finding).items() if key != "picture"} for finding in page.findings
    ]
    return {
        "title": page.title,
        "subtitle": page.subtitle,
        "facts": dict(page.facts),
        "findings": findings,
        "checks": [{"group": group, **asdict(row)} for group, rows in page.checks for row in rows],
    }


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _state(result: Result) -> str:
    if result.findings:
        return result.findings[0].severity
    return "good" if result.looked else "skipped"


def _shown(moment: Moment) -> np.ndarray:
    tiles = [("target", as_array(moment.target))]
    if moment.stereo is not None:
        tiles.append(("stereo partner", as_array(moment.stereo.second)))
    tiles += [("neighbour in time", as_array(pair.second)) for pair in moment.in_time[-1:]]
    if moment.depth is not None:
        tiles.append(("depth, near is bright", draw_depth(moment.depth, moment.target.width, moment.target.height)))
    return strip(tiles, across=1)
