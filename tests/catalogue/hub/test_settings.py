"""hub.settings: a setting that the Hub's client cannot use is a line with its name, its value and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_hub import TOKEN

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.settings import CHECKS, check_settings
from zoo.catalogue.weights.locate import locate
from zoo.errors import UsageError

FILE = __file__
BAD: list[tuple[str, str, str]] = [
    ("HF_HUB_DOWNLOAD_TIMEOUT", "30s", "is '30s'; it takes whole seconds"),
    ("HF_HUB_ETAG_TIMEOUT", "-1", "is '-1'; it takes whole seconds"),
    ("HF_HUB_ETAG_TIMEOUT", "", "is ''; it takes whole seconds"),
    ("HF_HUB_ETAG_TIMEOUT", "1.5", "takes whole seconds"),
    ("HF_ENDPOINT", "huggingface.co", "is 'huggingface.co'; it takes the address of a Hub"),
    ("HF_ENDPOINT", "localhost:8080", "takes the address"),
    ("HF_ENDPOINT", "ftp://mirror", "takes the address"),
    ("HF_ENDPOINT", "http://[broken", "takes the address"),
    ("HF_ENDPOINT", "http://mirror:port", "takes the address"),
    ("HF_ENDPOINT", "", "is ''; it takes the address"),
    ("HF_HOME", FILE, "it takes a folder"),
    ("HF_HOME", f"{FILE}/inside", "it takes a folder"),
    ("HF_HUB_CACHE", "", "is ''; it takes a folder"),
    ("HF_TOKEN_PATH", str(Path(FILE).parent), "it takes a file"),
    ("HF_HUB_OFFLINE", "y", "is 'y'; it takes 1, on, yes or true"),
    ("HF_HUB_DISABLE_SYMLINKS", "2", "is '2'; it takes 1, on"),
    ("HTTPS_PROXY", "gopher://proxy:1", "takes http://HOST:PORT"),
    ("all_proxy", "http://proxy:port", "takes http://HOST:PORT"),
    ("SSL_CERT_FILE", "/nowhere.pem", "takes a file of certificates"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD, ids=range(len(BAD)))
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, says: str) -> None:
    """Variable, value and what it takes, in one line."""
    with pytest.raises(UsageError, match=f"^{name} .*{says}") as caught:
        check_settings({"PATH": "/bin", name: value})
    assert "\n" not in str(caught.value)


def test_what_the_client_can_use_is_let_through(tmp_path: Path) -> None:
    """One value at least of each that is looked at, and everything else."""
    good = {
        **dict.fromkeys(("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"), "30"),
        **dict.fromkeys(("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"), str(tmp_path / "new" / "folder")),
        **dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_SYMLINKS"), "True"),
        **dict.fromkeys(("HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_DISABLE_PROGRESS_BARS"), "0"),
        "http_proxy": "localhost:3128",
        "https_proxy": "socks5h://user:password@[::1]:1080",
        "all_proxy": "",
        "HF_ENDPOINT": "http://127.0.0.1:8080/hub",
        "HF_TOKEN_PATH": str(tmp_path / "token"),
        "SSL_CERT_FILE": FILE,
        "SSL_CERT_DIR": str(tmp_path),
    }
    assert good.keys() == CHECKS.keys()
    check_settings(good | {"HF_ELSE": "\x00", "HTTPS_PROXY": "http://proxy:1"})


def test_a_password_in_a_setting_is_not_repeated() -> None:
    """An address with one is named and not shown."""
    with pytest.raises(UsageError, match="HTTPS_PROXY is a value that is not shown") as caught:
        check_settings({"HTTPS_PROXY": f"foo://user:{TOKEN}@proxy"})
    assert TOKEN not in str(caught.value)


def test_a_bundled_model_needs_none_of_them(hub: object, catalogue: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks the Hub for nothing reads none of its settings; what does is refused before anything is sent."""
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "30s")
    assert locate("dcgan-cifar-frog", catalogue).source == "bundled"
    with pytest.raises(UsageError, match="HF_HUB_ETAG_TIMEOUT is '30s'"):
        locate("pinned", catalogue)
    assert hub.log == []  # type: ignore[attr-defined]
