"""What makes a step faster or smaller without changing what is learnt."""

from __future__ import annotations

from dataclasses import dataclass

from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class SpeedConfig:
    """What makes a step faster or smaller without changing what is learnt."""

    compile: bool = False
    """Compile the warps and losses with torch.compile (needs a C++ compiler on the CPU, Triton on a GPU). Takes half a
    minute the first time, then makes them about twice as fast; the same numbers but for rounding."""
    compile_networks: bool = False
    """Compile the networks too; did not pay on the CPUs it was measured on."""
    gradient_checkpointing: bool = False
    """Compute the encoders' activations again in the backward pass instead of keeping them: less memory, more time, the
    same numbers. For large backbones."""

    @property
    def needs_compiler(self) -> bool:
        return self.compile or self.compile_networks

    def __post_init__(self) -> None:
        if self.gradient_checkpointing and self.compile_networks:
            raise UserError(
                "--gradient_checkpointing cannot work together with --compile_networks, which itself decides what is "
                "kept for the backward pass: leave out one of the two (--compile, of the warps, works with both)"
            )
