"""One file per published system: which networks, and how a Batch becomes Losses and depth."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from selfsup_depth.errors import UserError
from selfsup_depth.methods.monodepth2 import MethodRequest, Monodepth2
from selfsup_depth.structures import Method

#: A method is one file and one line here.
METHODS: dict[str, Callable[[MethodRequest], Method]] = {
    "monodepth2": Monodepth2,
}


def find_method(name: str) -> Callable[[MethodRequest], Method]:
    """What builds the method of this name. Raises UserError for an unknown one."""
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=1)
        hint = f"; perhaps you meant {near[0]}" if near else ""
        raise UserError(f"--method {name} is not known; there are: {', '.join(METHODS)}{hint}")
    return METHODS[name]


def build_method(name: str, request: MethodRequest) -> Method:
    """The method of this name. Raises UserError for an unknown one."""
    return find_method(name)(request)


__all__ = ["METHODS", "MethodRequest", "Monodepth2", "build_method", "find_method"]
