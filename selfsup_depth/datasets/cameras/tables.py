"""Calibration files as tables: JSON, YAML and XML, also as OpenCV's FileStorage writes them."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from selfsup_depth.errors import UserError

SUFFIXES = (".json", ".yaml", ".yml", ".xml")
#: Likely causes.
SLIP = "a slip of the pen, or a number that a program wrote in its own way"
DAMAGED = "a file that is empty, cut off, of another kind, or was mistyped"


@dataclass(frozen=True)
class Table:
    """Entries of a calibration file and where they stand, in words that a refusal begins with."""

    entries: Mapping[str, Any]
    where: str

    def __contains__(self, key: str) -> bool:
        return self.entries.get(key) is not None

    def name_of(self, keys: Sequence[str]) -> str | None:
        """The first of these keys that is here."""
        return next((key for key in keys if key in self), None)

    def number(self, key: str) -> float:
        """Raises UserError when it is missing or no finite number."""
        if key not in self:
            raise UserError(
                f"{self.where}: '{key}' is missing",
                cause="an entry that was left out or is spelt otherwise",
                remedy="add it (docs/your_own_data.md says the format)",
            )
        value = self.entries[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{self.where}: '{key}' must be a number, found {value!r}", cause=SLIP, remedy="correct it")
        return float(value)

    def numbers(self, key: str) -> list[float]:
        """A list, a list of rows, or a matrix as OpenCV and ROS write it, row after row.

        Raises UserError when it is something else.
        """
        values = list(_flat(self.entries.get(key)))
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError):
            numbers = [math.nan]
        if not all(map(math.isfinite, numbers)) or any(isinstance(value, bool) for value in values):
            found = _shown(self.entries.get(key))
            raise UserError(
                f"{self.where}: '{key}' must be a list of numbers in plain text, found {found}",
                cause=SLIP,
                remedy="correct it",
            )
        return numbers

    def matrix(self, key: str, rows: int, columns: int) -> list[list[float]]:
        """Raises UserError when it has another number of entries."""
        values = self.numbers(key)
        if len(values) != rows * columns:
            raise UserError(
                f"{self.where}: '{key}' must have {rows}x{columns} numbers, found {len(values)}",
                cause=SLIP,
                remedy="correct it",
            )
        return [values[row * columns : (row + 1) * columns] for row in range(rows)]


def read_table(path: Path) -> Table:
    """The entries of a .json, .yaml, .yml or .xml file.

    Raises UserError when it cannot be read or parsed, or holds no table.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(
            f"{path} is no calibration that is known: expected a file in {', '.join(SUFFIXES)}",
            cause="a file of another program, or another file than was meant",
            remedy="write one as docs/your_own_data.md says",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = PARSERS[suffix](text)
    except (OSError, ValueError, yaml.YAMLError, ElementTree.ParseError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be parsed ({reason})", cause=DAMAGED, remedy="correct the file") from error
    if not isinstance(content, Mapping):
        found = type(content).__name__
        raise UserError(
            f"{path} must be a table with fx, fy, ..., found {found}", cause=DAMAGED, remedy="correct the file"
        )
    return Table(content, str(path))


class _FileStorageLoader(yaml.SafeLoader):
    """YAML with OpenCV's tags: a matrix is the table that it is written as."""


def _plain_table(loader: yaml.SafeLoader, node: yaml.Node) -> dict[Any, Any]:
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


for _tag in ("opencv-matrix", "opencv-nd-matrix"):
    _FileStorageLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _plain_table)


def _parse_yaml(text: str) -> Any:
    if text.startswith("%YAML:"):  # OpenCV's spelling until version 4, which is not YAML
        text = text.partition("\n")[2]
    return yaml.load(text, _FileStorageLoader)  # noqa: S506 (a SafeLoader)


def _parse_xml(text: str) -> Any:
    root = ElementTree.fromstring(text)
    return _of_element(root) if len(root) else None


def _of_element(element: ElementTree.Element) -> Any:
    """Children as a table, else a number, else numbers, else the text."""
    if len(element):
        return {child.tag: _of_element(child) for child in element}
    text = (element.text or "").strip()
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        return text.strip('"')
    return values[0] if len(values) == 1 and element.tag != "data" else values


PARSERS: Mapping[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
    ".xml": _parse_xml,
}


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = value.get("data")
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _flat(entry)
    else:
        yield value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
