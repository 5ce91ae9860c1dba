"""The settings of the Hub's client, looked at before it reads them: of a bad one it makes a traceback, or nothing.

A value that may hold a password or a token, as an address can, is not repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from zoo.errors import UsageError

__all__ = ["check_settings", "hub_settings"]

FLAGS = ("1", "on", "yes", "true", "0", "off", "no", "false", "")


def hub_settings() -> ModuleType:
    """What the Hub's client has read of its settings, `huggingface_hub.constants`. Raises UsageError for a bad one."""
    check_settings(os.environ)
    from huggingface_hub import constants

    return constants


def check_settings(env: Mapping[str, str]) -> None:
    """Raise UsageError, naming variable, value and what it takes, for a setting that the Hub's client cannot use."""
    for name, value in env.items():
        accepts, takes = CHECKS.get(name.lower() if name.lower() in PROXIES else name, (None, ""))
        if accepts is not None and not accepts(value):
            shown = "a value that is not shown" if "@" in value else repr(value[:80])
            raise UsageError(f"{name} is {shown}; it takes {takes}")


def _seconds(value: str) -> bool:
    return value.strip().isdecimal() and len(value) < 7


def _address(value: str, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0 and value.isprintable()
    except ValueError:  # a broken port or bracket
        return False


def _proxy(value: str) -> bool:
    schemes = ("http", "https", "socks5", "socks5h")
    return not value or _address(value if "://" in value else f"http://{value}", schemes)


def _folder(value: str) -> bool:
    path = Path(os.path.expandvars(os.path.expanduser(value)))
    above = next((one for one in (path, *path.parents) if os.path.lexists(one)), path)
    return bool(value) and (above.is_dir() or not os.path.lexists(above))


def _file(value: str) -> bool:
    return bool(value) and not Path(os.path.expandvars(os.path.expanduser(value))).is_dir()


def _flag(value: str) -> bool:
    return value.lower() in FLAGS


PROXIES = ("http_proxy", "https_proxy", "all_proxy")  # of these the client reads capitals, too
Check = tuple[Callable[[str], bool], str]
_SECONDS: Check = _seconds, "whole seconds, such as 30"
_FOLDER: Check = _folder, "a folder, which is made where it is missing"
_FLAG: Check = _flag, "1, on, yes or true, or else 0, off, no or false"
CHECKS: dict[str, Check] = {
    **dict.fromkeys(("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"), _SECONDS),
    **dict.fromkeys(("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"), _FOLDER),
    **dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_SYMLINKS"), _FLAG),
    **dict.fromkeys(("HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_DISABLE_PROGRESS_BARS"), _FLAG),
    **dict.fromkeys(PROXIES, (_proxy, "http://HOST:PORT, or another of https, socks5 and socks5h")),
    "HF_ENDPOINT": (_address, "the address of a Hub, such as https://huggingface.co"),
    "HF_TOKEN_PATH": (_file, "a file"),
    "SSL_CERT_FILE": (lambda value: not value or Path(value).is_file(), "a file of certificates"),
    "SSL_CERT_DIR": (
        lambda value: not value or any(map(os.path.isdir, value.split(os.pathsep))),
        "a folder of certificates",
    ),
}
