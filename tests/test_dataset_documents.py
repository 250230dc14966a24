"""docs/datasets.md against the readers: every name, published list, protocol and built-in camera stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfsup_depth.datasets import DATASETS
from selfsup_depth.datasets.simsin import SimSIN
from selfsup_depth.datasets.unisin import FOCAL, UniSIN
from selfsup_depth.datasets.va import VA
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.protocols import PROTOCOLS, protocol_of_dataset
from splits import SPLITS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "datasets.md").read_text()
ROWS = {
    name: row.split("|")
    for row in re.findall(r"^\| `.*", PAGE, flags=re.MULTILINE)
    for name in re.findall(r"`(\w+)`", row.split("|")[1])
}


def test_every_data_set_has_its_row_and_its_text() -> None:
    assert set(ROWS) == set(DATASETS)
    text = PAGE.partition("## KITTI")[2]
    assert [name for name in DATASETS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", DATASETS)
def test_the_table_says_by_which_protocol_it_is_scored(name: str) -> None:
    told = re.findall(r"`(\w+)`", ROWS[name][6])
    try:
        default = protocol_of_dataset(name).name
    except UserError:
        assert not set(told) & set(PROTOCOLS)
        return
    assert default in told and set(told) <= set(PROTOCOLS)


def test_published_lists_and_splits_are_named() -> None:
    names = [name for source in (SimSIN, UniSIN, VA) for part in source.published.values() for name in part]
    assert [name for name in names if f"`{name}`" not in PAGE and f"/{name}" not in PAGE] == []
    trained_on = [name for name, split in SPLITS.items() if "train" in split.parts]
    assert [name for name in trained_on if f"`{name}`" not in PAGE] == []


def test_built_in_cameras_are_those_of_the_readers() -> None:
    assert f"baseline {SimSIN.baseline_m} m" in PAGE
    assert f"{FOCAL:.2f} pixels of {UniSIN.native_size[0]}x" in PAGE.replace("1280x720", "1280x")
    assert f"baseline {UniSIN.baseline_m} m" in PAGE


def test_links_between_the_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([\w./-]+\.\w+)", page.read_text()):
            assert (page.parent / link).is_file(), f"{page.name} links to {link}"
