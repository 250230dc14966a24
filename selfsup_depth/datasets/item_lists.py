"""Which list names the images of a part of DistDepth's data sets, and reading it with its columns checked.

A list has one image a line, `path` or `path frame side`. It is looked for as `train_files.txt`,
`val_files.txt`, `test_files.txt` and under the names it was published by: in the folder given as --split, else
in the data folder and in `splits/` there. A file given as --split is the list itself.

    train   the training list; without a validation list, its end is held out (`held_out`)
    val     the validation list, else what is held out of the training list
    test    the test list, else the validation list, else what is held out
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from splits import SplitLine, parse_line

#: part -> names of the files that were published for it
PublishedLists = Mapping[str, tuple[str, ...]]
#: what a line says -> the item; raises ValueError when it names none
ToItem = Callable[[SplitLine], SplitLine]


@dataclass(frozen=True)
class ItemList:
    """The list that decides a part."""

    path: Path
    shared: bool = False  # training and validation have to share it


def find_list(request: DatasetRequest, dataset: str, root: str, published: PublishedLists) -> ItemList | None:
    """The list of the requested part; None when --split is not given and no list lies in the data folder.

    Raises UserError when --split is not there, when two published lists of a part lie side by side, and when
    there are lists, but none for this part.
    """
    if request.split is None:
        for folder in (Path(root), Path(root) / "splits"):
            if lists := _lists_in(folder, dataset, published):
                return _list_of_part(lists, request.part, dataset, str(folder))
        return None
    given = Path(request.split).expanduser()
    place = given if given.exists() else Path(root) / given
    if place.is_dir():
        return _list_of_part(_lists_in(place, dataset, published), request.part, dataset, str(place))
    if not place.is_file():
        raise UserError(
            f"--split {request.split} is neither a list for {dataset} nor a folder with train_files.txt and "
            f"val_files.txt, and {root} has nothing of this name: correct the path."
        )
    lists = {"train": place, "test": place}
    if place.name in _names("train", published):  # a set of lists: its validation list lies beside it
        validation = _one_list_in(place.parent, "val", dataset, published)
        lists |= {"val": validation} if validation else {}
    return _list_of_part(lists, request.part, dataset, str(place))


def read_list(path: Path, dataset: str, to_item: ToItem) -> list[SplitLine]:
    """The items of a list, in order; blank lines are left out.

    Raises UserError naming file and line where a line has other than one or three columns, its frame is no
    number, or `to_item` refuses it; and when the file cannot be read or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a list for {dataset} ({error}): save it as UTF-8 text.") from error
    items = [
        parse_item(line, f"{path}, line {number}", to_item)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if not items:
        raise UserError(f"{path} is empty where {dataset} expects an image a line: add lines, or give another list.")
    return items


def parse_item(line: str, where: str, to_item: ToItem) -> SplitLine:
    """One line `path` or `path frame side` as an item.

    Raises UserError, beginning with `where`, when it is neither or when `to_item` refuses it.
    """
    columns = len(line.split())
    try:
        if columns == 2 or (columns > 3 and not line.split()[-2].isdecimal()):  # said here: a path alone will do
            raise ValueError(f"found {columns} columns, expected one (the path) or three (path, frame, side)")
        return to_item(parse_line(line))
    except ValueError as error:
        raise UserError(f"{where}: the line '{line.strip()}' names no image ({error}): correct the list.") from error


def _list_of_part(lists: Mapping[str, Path], part: str, dataset: str, place: str) -> ItemList:
    """Raises UserError when none of the lists says anything about the part."""
    own_or_next_best = {"train": (), "val": ("val",), "test": ("test", "val")}[part]
    for name in own_or_next_best:
        if name in lists:
            return ItemList(lists[name])
    if "train" in lists:
        return ItemList(lists["train"], shared="val" not in lists)
    found = ", ".join(str(path.name) for path in lists.values()) or "no list"
    raise UserError(
        f"{dataset} needs a list of its images for {part}, but {place} has {found}: put {part}_files.txt there "
        "(lines 'path frame side'), or give another folder or list as --split."
    )


def _names(part: str, published: PublishedLists) -> tuple[str, ...]:
    return (f"{part}_files.txt", *published.get(part, ()))


def _lists_in(folder: Path, dataset: str, published: PublishedLists) -> dict[str, Path]:
    """The lists in a folder by part."""
    found = {part: _one_list_in(folder, part, dataset, published) for part in ("train", "val", "test")}
    return {part: path for part, path in found.items() if path is not None}


def _one_list_in(folder: Path, part: str, dataset: str, published: PublishedLists) -> Path | None:
    """The list of a part in a folder; the user's own wins over published ones.

    Raises UserError when two published ones could be meant.
    """
    found = [folder / name for name in _names(part, published) if (folder / name).is_file()]
    if len(found) > 1 and found[0].name != f"{part}_files.txt":
        names = " and ".join(path.name for path in found)
        raise UserError(f"{folder} has several lists for {part} of {dataset}, {names}: name the one to use as --split.")
    return found[0] if found else None
