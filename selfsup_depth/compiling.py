"""torch.compile: whether it works here, found out on a small function before a training starts; for many sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from selfsup_depth.errors import UserError


def require_compiler(device: torch.device) -> None:
    """Raises UserError where torch.compile cannot produce code for the device."""

    def doubled(x: Tensor) -> Tensor:
        return 2 * x

    try:  # without caches: one of another day would need no compiler
        torch.compile(doubled, fullgraph=True, options={"force_disable_caches": True})(torch.ones(64, device=device))
    except Exception as error:  # whatever the compiler, its search or its cache found wrong
        needed = "Triton" if device.type == "cuda" else "a C++ compiler (g++ or clang++, or the one that CXX names)"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"--compile: torch.compile needs {needed}, and could not compile a small function here ({reason}): "
            "install it, or leave out --compile"
        ) from error


def compiled_for_each_size(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled anew for every size, type and setting that it is called with."""
    # torch gives up at the ninth. A training with losses at each scale's own size has four to learn from, four to
    # validate with and four for the last images of a validation; several methods in one process share the count.
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, 64)
    return torch.compile(function, dynamic=False, fullgraph=True)
