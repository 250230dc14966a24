"""Networks for other engines: a file that needs neither PyTorch nor this library to give depth."""

from __future__ import annotations

from selfsup_depth.export.onnx_file import ExportedNetwork, export_onnx, load_onnx, parity

__all__ = ["ExportedNetwork", "export_onnx", "load_onnx", "parity"]
