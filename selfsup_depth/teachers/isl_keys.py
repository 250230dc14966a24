"""From the key names of isl-org's DPT checkpoints to those of transformers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

_BIT = r"dpt.embeddings.backbone.bit"
_REASSEMBLE = "neck.reassemble_stage"
_FUSION = "neck.fusion_stage.layers"


def _one_less(template: str) -> Callable[[re.Match[str]], str]:
    return lambda match: template.format(int(match[1]) - 1)


def _from_the_end(match: re.Match[str]) -> str:
    return f"{_FUSION}.{4 - int(match[1])}"  # refinenet4 is the first that runs


#: (pattern, replacement), each applied once to every key, in this order
_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^pretrained\.model\.cls_token$", "dpt.embeddings.cls_token"),
    (r"^pretrained\.model\.pos_embed$", "dpt.embeddings.position_embeddings"),
    (r"^pretrained\.model\.patch_embed\.backbone\.stem\.conv\.", rf"{_BIT}.embedder.convolution."),
    (r"^pretrained\.model\.patch_embed\.backbone\.stem\.norm\.", rf"{_BIT}.embedder.norm."),
    (r"^pretrained\.model\.patch_embed\.backbone\.stages\.(\d)\.blocks\.", rf"{_BIT}.encoder.stages.\1.layers."),
    (r"^pretrained\.model\.norm\.", "dpt.layernorm."),
    (r"^pretrained\.model\.blocks\.(\d+)\.", r"dpt.encoder.layer.\1."),
    (r"^(dpt\.encoder\.layer\.\d+)\.norm1\.", r"\1.layernorm_before."),
    (r"^(dpt\.encoder\.layer\.\d+)\.norm2\.", r"\1.layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"^pretrained\.act_postprocess(\d)\.0\.project\.0\.", _one_less(f"{_REASSEMBLE}.readout_projects.{{}}.0.")),
    (r"^pretrained\.act_postprocess(\d)\.3\.", _one_less(f"{_REASSEMBLE}.layers.{{}}.projection.")),
    (r"^pretrained\.act_postprocess(\d)\.4\.", _one_less(f"{_REASSEMBLE}.layers.{{}}.resize.")),
    (r"^scratch\.layer(\d)_rn\.", _one_less("neck.convs.{}.")),
    (r"^scratch\.refinenet(\d)", _from_the_end),
    (r"^(neck\.fusion_stage\.layers\.\d)\.out_conv\.", r"\1.projection."),
    (r"\.resConfUnit(\d)\.conv(\d)\.", r".residual_layer\1.convolution\2."),
    (r"^scratch\.output_conv\.", "head.head."),
)
_PATCH = "pretrained.model.patch_embed.proj."
_QKV = re.compile(r"\.attn\.qkv\.")
#: stored in every file and used by nothing: the classifier of the ViT
_UNUSED = "pretrained.model.head."


def to_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an isl-org DPT state dict under their names in `DPTForDepthEstimation`.

    Joint query, key and value matrices are split, the ViT's classifier is dropped, and keys that no rule
    knows are kept as they are, for a strict load to name.
    """
    hybrid = any(key.startswith("pretrained.model.patch_embed.backbone.") for key in state)
    patch = "dpt.embeddings.projection." if hybrid else "dpt.embeddings.patch_embeddings.projection."
    translated: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith(_UNUSED):
            continue
        name = key.replace(_PATCH, patch)
        for pattern, replacement in _RULES:
            name = re.sub(pattern, replacement, name, count=1)
        if _QKV.search(name):
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                translated[_QKV.sub(f".attention.attention.{part}.", name)] = third
        else:
            translated[name] = value
    return translated
