"""What a file is, by its first bytes: a picture that can be read, or something else, named as people know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from PIL import features

__all__ = ["FORMATS", "HEAD", "SUFFIXES", "kind_of", "passed_over"]

# Pillow can open more, but some of it is read by other programs (EPS by Ghostscript): data never becomes code.
OPTIONAL = ("AVIF",) if features.check("avif") else ()
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", *OPTIONAL)
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".jp2"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
)
HEAD = 32  # bytes that are looked at
RAW = frozenset({".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".pef", ".raf", ".srw"})  # a TIFF to its bytes
SIGNS = (  # how a file begins, and what it is then
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"GIF8[79]a", "GIF"),
    (rb"BM.{8}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"RIFF.{4}WEBP", "WEBP"),
    (rb"P[1-6]\s+[#\d]|P[fF]\s+\d", "PPM"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG2000"),
    (rb".{4}ftypavi[fs]", "AVIF"),
    (rb".{4}ftyp(hei|hev|mif1|msf1)", "HEIC"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"8BPS", "Photoshop"),
    (rb".{4}ftyp|RIFF.{4}AVI |\x1a\x45\xdf\xa3|\0\0\x01\xba", "video"),
)
UNREAD = {  # what is meant as pictures, or holds some, and what to do
    "AVIF": "AVIF pictures (this Pillow does not read them: convert them to JPEG or PNG)",
    "HEIC": "HEIC pictures (convert them to JPEG or PNG)",
    "JPEG XL": "JPEG XL pictures (convert them to JPEG or PNG)",
    "Photoshop": "Photoshop files (convert them to JPEG or PNG)",
    "camera raw": "camera raw files (convert them to JPEG or PNG)",
    "video": "videos (take pictures out of them: ffmpeg -i VIDEO -r 1 %06d.png)",
    ".zip": ".zip files (unpack them)",
}


def kind_of(name: str, head: bytes) -> str:
    """One of FORMATS for a picture that can be read, or that its name says is one; else "HEIC", "video", ".txt" or "".

    `head` is how the file begins, HEAD bytes.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in RAW:
        return "camera raw"
    for sign, kind in SIGNS:
        if re.match(sign, head, re.DOTALL):
            return kind
    return "PNG" if suffix in SUFFIXES else suffix


def passed_over(counts: Mapping[str, int]) -> str:
    """`left out: 40 HEIC pictures (...), 2 .txt files`: by kind, the most first.

    `counts` are of each `kind_of` a file. Empty where there is nothing.
    """
    named = {kind: UNREAD.get(kind) or (f"{kind} files" if kind.startswith(".") else kind) for kind in counts}
    order = sorted(counts, key=lambda kind: (-counts[kind], kind))
    listed = ", ".join(_counted(counts[kind], named[kind] or "files without ending") for kind in order)
    return f"left out: {listed}" if listed else ""


def _one(things: re.Match[str]) -> str:
    return things[1] + things[2] + (" or folder" if things[3] else "")


def _counted(count: int, things: str) -> str:
    if count == 1:
        things = re.sub(r"^(.*?)(picture|file|video)s( and folders)?", _one, things)
    return f"{count:,} {things}"
