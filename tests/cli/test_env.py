"""zoo.cli.env, zoo.cli.help and zoo.cli.completion: what helps who is stuck."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from cli.commands import Run

import zoo
from zoo.catalogue.contract.hookspecs import API_VERSION
from zoo.cli.env import settings_of

pytestmark = pytest.mark.usefixtures("here")


def rows(run: Run) -> dict[tuple[str, str], str]:
    """What `zoo env --json` says: (kind, name) -> value."""
    code, out, err = run("env", "--json")
    assert code == 0, err
    listed = json.loads(out)
    assert all(next(iter(row)) == "name" for row in listed)
    return {(row["kind"], row["name"]): row["value"] for row in listed}


def test_env_says_what_a_report_needs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, plugins with their API, devices, settings and the cache with its size; as a table the same."""
    cache = tmp_path / "cache"
    (cache / "deep").mkdir(parents=True)
    (cache / "deep" / "file").write_bytes(bytes(3 * 2**20))
    monkeypatch.setenv("ZOO_CACHE", str(cache))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    found = rows(run)
    assert found["versions", "genzoo"] == zoo.__version__
    assert found["versions", "torch"] == torch.__version__
    assert found["versions", "python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert found["plugins", "zoo_gan"].startswith(f"genzoo {zoo.__version__}, API {API_VERSION}, specs: ")
    assert f"{torch.get_num_threads()} threads of torch" in found["devices", "cpu"]
    assert found["settings", "ZOO_OFFLINE"] == "1"
    assert found["folders", "cache"].endswith("cache, 3.0 MiB in 1 files")
    code, out, err = run("env")
    assert (code, err) == (0, "")
    assert all(f"  {name}" in out and value in out for (_, name), value in found.items())


def test_env_hides_what_is_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token, a key and an address with a password are said to be set, in no form; a home folder is `~`."""
    home = os.path.expanduser("~")
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789")
    monkeypatch.setenv("HF_ENDPOINT", "https://me:pass@hub.example")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:word@tracks.example")
    monkeypatch.setenv("ZOO_DATA", f"{home}/data")
    for words in (["env"], ["env", "--json"]):
        _, out, err = run(*words)
        for secret in ("hf_abcdefgh", "0123456789", "pass@", "word@", home):
            assert secret not in out + err
        assert out.count("(set, not shown)") == 4
        assert "~/data" in out
    assert settings_of({"PATH": "x", "SECRET": "y"}) == []


@pytest.mark.filterwarnings("default::zoo.catalogue.plugins.loading.PluginWarning")
def test_env_is_printed_whatever_is_broken(
    run: Run,
    entry_point: Callable[..., EntryPoint],
    installed: Callable[[EntryPoint], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plugin that fails, and settings that cannot be used, are lines of it."""
    installed(entry_point("acme", "raise RuntimeError('gone')"))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "30s")
    found = rows(run)
    assert found["plugins", "acme"].startswith("acme-zoo 1.2, failed: ")
    assert "gone" in found["plugins", "acme"]
    assert "HF_HUB_DOWNLOAD_TIMEOUT" in found["folders", "(none)"]


def test_help_is_a_verbs_own(run: Run) -> None:
    """`zoo help VERB` is `zoo VERB --help`, and `zoo help` is `zoo --help`."""
    for words in (["sample"], ["concept", "fit"], ["dream"], []):
        asked, own = run("help", *words), run(*words, "--help")
        assert asked == own
        assert asked[0] == 0
    assert run("help", "--help")[1].startswith("usage: zoo help")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "tcsh"])
def test_a_shells_script_has_every_verb(shell: str, run: Run) -> None:
    """It names verbs, a plugin's among them, options and actions, and how models are asked for."""
    pytest.importorskip("shtab")
    code, out, err = run("completion", shell)
    assert (code, err) == (0, "")
    words = ["interpolate", "dream", "zoo completion --models"]
    words += ["orthogonal"] if shell != "tcsh" else []  # tcsh completes verbs of verbs to one level
    assert [word for word in words if word not in out] == []


def test_models_are_asked_for_when_they_are_completed(run: Run, tiny: SimpleNamespace) -> None:
    """Names of the catalogue, and weights folders that lie here."""
    code, out, err = run("completion", "--models")
    assert (code, err) == (0, "")
    assert {"dcgan-cifar-frog", "vae-faces", f"./{tiny.path.name}"} <= set(out.splitlines())


def test_without_shtab_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs an extra, and names it."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, out, err = run("completion", "bash")
    assert (code, out) == (3, "")
    assert "pip install 'genzoo[completion]'" in err


ASK = """
zoo() {{ "{python}" -m zoo "$@"; }}
source ./script
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
_shtab_zoo
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("zoo interp", {"interpolate"}),
        ("zoo concept f", {"fit"}),
        ("zoo sample dcgan-cifar", {"dcgan-cifar-frog", "dcgan-cifar-frog-book"}),
        ("zoo train --re", {"--resume"}),
        ("zoo reconstruct --model vae-f", {"vae-faces"}),
    ],
)
def test_bash_completes(words: str, expected: set[str], run: Run, here: Path) -> None:
    """bash, given the script, completes verbs, actions, options and models."""
    pytest.importorskip("shtab")
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    (here / "script").write_text(run("completion", "bash")[1])
    done = subprocess.run(
        ["bash", "-c", ASK.format(python=sys.executable, words=words)], capture_output=True, text=True, check=False
    )
    assert set(done.stdout.split()) == expected, done.stderr
