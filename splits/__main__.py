"""`python -m splits --write FOLDER`: every list as a text file, in Monodepth2's layout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from splits.writing import all_files, write_files


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the lists and print one line for each; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m splits", description="Write the lists of KITTI frames.")
    parser.add_argument(
        "--write",
        metavar="FOLDER",
        required=True,
        help="folder to write to, made if missing; files that exist and differ are never overwritten",
    )
    folder = parser.parse_args(arguments).write
    files = all_files()
    try:
        paths = write_files(files, folder)
    except (ValueError, OSError) as error:
        print(f"python -m splits: {error}", file=sys.stderr)
        return 2
    for path, content in zip(paths, files.values(), strict=True):
        lines = content.count(b"\n")
        print(f"{path}: {len(content)} bytes" if path.suffix == ".npy" else f"{path}: {lines} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
