"""zoo plugins list|info|enable|disable|add: recovery works whatever is installed, since it loads nothing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from sites import GOOD, HEAD, Site

DEADLY = "import os, pathlib\npathlib.Path('imported').touch()\nos._exit(3)\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a plugin that ends every process that imports it, and a good one."""
    made = Site(tmp_path)
    made.install("deadly", DEADLY)
    made.install("acme")
    return made


def config(site: Site) -> Path:
    return site.home / ".config" / "genzoo" / "config.json"


def test_a_plugin_that_ends_the_process_is_disabled_without_loading_it(site: Site) -> None:
    """`zoo list` dies of it; `list --names`, `disable`, `enable` and `add` do not import it, and disabling heals."""
    assert site.run("list")[0] == 3
    (site.home / "imported").unlink()
    assert site.rows("plugins", "list", "--names")["deadly"]["state"] == "enabled"
    code, out, err = site.run("plugins", "disable", "deadly")
    assert (code, out, err) == (0, f"{config(site)}: deadly disabled\n", "")
    assert site.run("plugins", "disable", "deadly")[1] == "deadly was disabled already\n"
    assert site.rows("plugins", "list")["deadly"]["state"] == "disabled by zoo plugins disable"
    assert "acme/toy" in site.run("list")[1]
    assert site.run("plugins", "add", "deadly-zoo")[0] == 0
    assert site.run("plugins", "enable", "deadly")[1] == f"{config(site)}: deadly enabled\n"
    assert site.rows("plugins", "list", "--names")["deadly"]["state"] == "enabled"
    assert not (site.home / "imported").exists()
    assert site.run("list")[0] == 3


def test_the_environment_wins_and_is_named(site: Site) -> None:
    """Where a variable decides, the choice is kept and a warning says what decides; ZOO_PLUGINS outranks the file."""
    code, _, err = site.run("plugins", "enable", "acme", ZOO_PLUGINS_DISABLE="acme")
    assert (code, "acme (acme-zoo 1.2) stays disabled; see the environment variable ZOO_PLUGINS_DISABLE" in err) == (
        0,
        True,
    )
    code, _, err = site.run("plugins", "disable", "acme", ZOO_PLUGINS="acme")
    assert (code, "is loaded all the same; the environment variable ZOO_PLUGINS names it" in err) == (0, True)
    states = {name: site.rows("plugins", "list", "--names", **env)["acme"]["state"] for name, env in {
        "file": {}, "named": {"ZOO_PLUGINS": "acme"}, "both": {"ZOO_PLUGINS": "acme", "ZOO_PLUGINS_DISABLE": "acme"},
    }.items()}  # fmt: skip
    assert states == {
        "file": "disabled by zoo plugins disable",
        "named": "enabled",
        "both": "disabled by ZOO_PLUGINS_DISABLE",
    }


def test_enabling_one_owner_says_what_else_disables_it(site: Site) -> None:
    """`enable acme@acme-zoo` while `acme` is disabled names the choice that still stands."""
    site.run("plugins", "disable", "acme")
    code, _, err = site.run("plugins", "enable", "acme@acme-zoo")
    assert (code, "stays disabled; see `zoo plugins enable acme`" in err) == (0, True)


def test_the_place_of_the_choice(site: Site, tmp_path: Path) -> None:
    """XDG_CONFIG_HOME and ZOO_CONFIG move the file; what else stands in it stays."""
    where = tmp_path / "mine.json"
    where.write_text('{"other": {"key": 1}, "plugins": {"more": 2}}')
    assert site.run("plugins", "disable", "acme", ZOO_CONFIG=str(where))[1] == f"{where}: acme disabled\n"
    assert json.loads(where.read_text()) == {"other": {"key": 1}, "plugins": {"more": 2, "disable": ["acme"]}}
    assert site.run("plugins", "disable", "acme", XDG_CONFIG_HOME=str(tmp_path / "xdg"))[0] == 0
    assert json.loads((tmp_path / "xdg/genzoo/config.json").read_text()) == {"plugins": {"disable": ["acme"]}}
    assert not config(site).exists()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"plugins": 3}', '{"plugins": {"disable": "acme"}}', '{"plugins": {"disable": [3]}}', "\xff"]
)
def test_a_damaged_choice_is_one_line_and_left_as_it_is(text: str, site: Site) -> None:
    """A file that cannot be understood is exit code 4 with what to do, for reading and for changing it."""
    config(site).parent.mkdir(parents=True)
    config(site).write_text(text, encoding="latin-1")
    for words in (("plugins", "list", "--names"), ("plugins", "disable", "acme")):
        code, out, err = site.run(*words)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert f"the configuration {config(site)} cannot be read" in err
        assert "or remove it" in err
    assert config(site).read_text(encoding="latin-1") == text


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_home_that_cannot_be_read_or_written(site: Site) -> None:
    """Somebody else's home holds no choice to read; writing there, or an unreadable ZOO_CONFIG, is exit code 7."""
    config(site).parent.mkdir(parents=True)
    config(site).parent.chmod(0)
    try:
        assert site.rows("plugins", "list", "--names")["acme"]["state"] == "enabled"
        assert site.run("plugins", "disable", "acme")[0] == 7
        assert site.run("plugins", "list", "--names", ZOO_CONFIG=str(config(site)))[0] == 7
    finally:
        config(site).parent.chmod(stat.S_IRWXU)


def test_info_loads_that_plugin_alone(site: Site) -> None:
    """`zoo plugins info acme` says its origin, state and specs, beside a plugin that would end the process."""
    row = site.rows("plugins", "info", "acme")["acme"]
    assert (row["distribution"], row["state"], row["specs"]) == ("acme-zoo", "loaded", ["model acme/toy"])
    assert "specs:          model acme/toy" in site.run("plugins", "info", "acme")[1]
    site.run("plugins", "disable", "deadly")
    assert site.rows("plugins", "info", "deadly")["deadly"]["state"] == "disabled by zoo plugins disable"
    code, _, err = site.run("plugins", "info", "acmee")
    assert (code, "did you mean 'acme'" in err) == (3, True)


def test_disabling_what_is_not_installed_is_refused(site: Site) -> None:
    """A misspelt name is exit code 3 with near names; a name in the file can be enabled though it is not installed."""
    code, _, err = site.run("plugins", "disable", "acm")
    assert (code, "did you mean 'acme'" in err) == (3, True)
    config(site).parent.mkdir(parents=True)
    config(site).write_text('{"plugins": {"disable": ["long-gone"]}}')
    assert site.run("plugins", "enable", "long-gone")[0] == 0
    assert json.loads(config(site).read_text()) == {"plugins": {"disable": []}}
    assert site.run("plugins", "enable", "long-gone")[0] == 3


def test_check_runs_the_conformance_kit(tmp_path: Path) -> None:
    """`zoo plugins check` is exit code 8 for a plugin that fails a check, which is named, and 3 for no plugin."""
    site = Site(tmp_path)
    site.install("acme", HEAD + "@hookimpl\ndef zoo_models(context):\n    return 7\n")
    code, out, _ = site.run("plugins", "check", "acme", ZOO_PLUGIN_ERRORS="ignore")
    assert (code, "zoo_models returned 7" in out, "acme: not well" in out) == (8, True, True)
    code, out, _ = site.run("plugins", "check", "acme", "--json", ZOO_PLUGIN_ERRORS="ignore")
    assert (code, json.loads(out)[0]["name"]) == (8, "acme")
    assert site.run("plugins", "check", "acmee")[0] == 3
    assert GOOD
