"""What a model can be written as for other programs: one spec for each kind of file or folder. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.catalogue.contract.names import check_name, is_suffix
from zoo.catalogue.contract.references import CODE, check_reference
from zoo.errors import PluginError

__all__ = ["ExportSpec"]


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """A kind of file, or of folder, that other programs read and `zoo export MODEL --to NAME` writes.

    `code` is called with the model as `zoo.load` gives it, the name by which the user asked for it, and the path to
    write to; it gives the files that it wrote. It writes aside (`zoo.files.new_file`, `new_folder`), and raises
    UsageError for a model that it cannot write.
    """

    name: str  # what --to takes: "onnx"
    summary: str
    code: str  # reference to a callable (model: zoo.nn.Model, name: str, out: Path) -> list[Path]
    suffix: str = ""  # of the file that it writes: ".onnx"; "" for a folder
    parts: bool = False  # whether `code` takes a fourth argument, the `part` that is asked for: "encoder", "" for none
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"

    def __post_init__(self) -> None:
        check_name(self.name, "export")
        for key in ("summary", "install_hint"):
            if not isinstance(getattr(self, key), str):
                raise PluginError(f"export {self.name}: {key} must be a string")
        check_reference(self.code, CODE, f"export {self.name}: code")
        if self.suffix != "" and not is_suffix(self.suffix):
            raise PluginError(
                f"export {self.name}: suffix is {self.suffix!r:.80}; write it as '.onnx', '' for a folder"
            )
        if not isinstance(self.parts, bool):
            raise PluginError(f"export {self.name}: parts must be true or false, not {self.parts!r:.80}")
