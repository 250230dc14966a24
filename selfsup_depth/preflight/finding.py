"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with data: evidence, cause, remedy."""

    check: str  # its name in CHECKS
    severity: Severity  # error: training on this is wasted; warning: it suffers; note: good to know
    number: float  # the evidence
    unit: str  # of the number
    expected: str
    found: str  # one sentence with the number in it
    cause: str  # the likely one
    remedy: str
    picture: np.ndarray | None = None  # [h, w, 3] uint8

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"{self.check}: {self.found} (expected {self.expected})"


@dataclass(frozen=True)
class Result:
    """What one check saw, also where nothing is wrong."""

    saw: str  # what was measured; where the check did not look, why
    findings: tuple[Finding, ...] = ()
    looked: bool = True

    def in_text(self) -> Result:
        """The same in words that can be printed and written, whatever the names of files are."""
        findings = (
            replace(
                finding,
                found=as_text(finding.found),
                expected=as_text(finding.expected),
                cause=as_text(finding.cause),
                remedy=as_text(finding.remedy),
            )
            for finding in self.findings
        )
        return replace(self, saw=as_text(self.saw), findings=tuple(findings))


def as_text(words: str) -> str:
    r"""Names of files that are not UTF-8 hold lone surrogates, which cannot be written: they become \udcff."""
    return words.encode("utf-8", "backslashreplace").decode()


def good(saw: str) -> Result:
    return Result(saw)


def bad(saw: str, *findings: Finding) -> Result:
    return Result(saw, findings)


def not_looked(why: str) -> Result:
    return Result(why, looked=False)
