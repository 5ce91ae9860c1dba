"""What other programs read: ONNX, torch.export, a page that samples by itself, a weights folder. Specs; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import API_VERSION, ExportSpec, PluginContext, hookimpl

ZOO_API_VERSION = API_VERSION


@hookimpl
def zoo_exports(context: PluginContext) -> Iterable[ExportSpec]:
    """Four kinds of files."""
    return [
        ExportSpec(
            name="onnx",
            summary="A network as one ONNX file: onnxruntime and many other programs run it.",
            code="zoo_export.onnx_file:write",
            suffix=".onnx",
            parts=True,
            install_hint="pip install 'genzoo[export]'",
        ),
        ExportSpec(
            name="torch",
            summary="A network as a program of torch.export: PyTorch alone runs it, without the zoo.",
            code="zoo_export.torch_file:write",
            suffix=".pt2",
            parts=True,
        ),
        ExportSpec(
            name="html",
            summary="One page that samples, walks and moves pictures by itself, in a browser without a network.",
            code="zoo_export.page:write",
            suffix=".html",
        ),
        ExportSpec(
            name="safetensors",
            summary="The weights folder itself, as `zoo pull NAME --to FOLDER` writes it.",
            code="zoo_export.weights:write",
        ),
    ]
