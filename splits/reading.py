"""From the name of a split, or a folder of the user's own lists, to lines."""

from __future__ import annotations

import difflib
from pathlib import Path

from splits.lines import parse_line
from splits.table import PARTS, SPLITS


def read_split(name_or_path: str | Path, part: str) -> list[str]:
    """Lines of one part of a split.

    Args:
        name_or_path: a name of `SPLITS`, or a folder that holds `train_files.txt`, `val_files.txt`, ...
            A name wins over a folder of the same name; write `./name` for the folder.
        part: "train", "val", "test", or "all" (train, val and the guard band between them).

    Returns:
        The lines in order, without line ends; blank lines of a file are left out.

    Raises:
        ValueError: unknown name or part, or a folder or file that is missing, empty or not a list.
    """
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r} of {str(name_or_path)!r}: choose from {', '.join(PARTS)}")
    if isinstance(name_or_path, str) and name_or_path in SPLITS:
        return _read_named(name_or_path, part)
    folder = Path(name_or_path).expanduser()
    if not str(name_or_path) or not folder.is_dir():  # Path("") is the working folder
        raise ValueError(_unknown_split(name_or_path, folder))
    return _read_file(folder / f"{part}_files.txt")


def place_of(name_or_path: str | Path, part: str, line: str) -> str:
    """Where a line that `read_split` gave stands, for messages: file and number, or the split's name."""
    if isinstance(name_or_path, str) and name_or_path in SPLITS:
        return f"split {name_or_path}, {part}"
    path = Path(name_or_path).expanduser() / f"{part}_files.txt"
    lines = [found.strip() for found in path.read_text(encoding="utf-8-sig").splitlines()]
    return f"{path}, line {lines.index(line) + 1}"


def _read_named(name: str, part: str) -> list[str]:
    lines_of = SPLITS[name].parts.get(part)
    if lines_of is None:
        others = [other for other, split in SPLITS.items() if part in split.parts]
        raise ValueError(
            f"split {name!r} has no part {part!r}, only {', '.join(SPLITS[name].parts)}: "
            f"the splits with a {part!r} part are {', '.join(others)}"
        )
    return list(lines_of())


def _unknown_split(name_or_path: str | Path, folder: Path) -> str:
    known = ", ".join(SPLITS)
    if folder.is_file():
        return (
            f"split {str(name_or_path)!r} is a file, but expected the folder that holds train_files.txt, "
            f"val_files.txt or test_files.txt: give the folder, or one of {known}"
        )
    close = difflib.get_close_matches(str(name_or_path).lower(), SPLITS, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return (
        f"split {str(name_or_path)!r} is neither a known split nor an existing folder{hint}: "
        f"choose from {known}, or give a folder that holds your own lists"
    )


def _read_file(path: Path) -> list[str]:
    if not path.is_file():
        found = ", ".join(sorted(p.name for p in path.parent.glob("*.txt"))) or "no .txt file"
        raise ValueError(
            f"{path} is missing: expected a text file with one `folder frame side` per line, "
            f"but {path.parent} holds {found}; add the file or give another folder"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a text file: expected UTF-8 with one `folder frame side` per line, but found "
            f"other bytes at position {error.start}; save the list as plain text"
        ) from error
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            parse_line(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        lines.append(line.strip())
    if not lines:
        raise ValueError(
            f"{path} is empty: expected one `folder frame side` per line; add lines, or give a folder with a "
            f"list that has some"
        )
    return lines
