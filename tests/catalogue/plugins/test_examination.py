"""zoo plugins examine: each plugin is imported in a process of its own; what is wrong is named, with what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sites import GOOD, HEAD, Site

from zoo.catalogue.plugins.examination import examine, missing_requirements
from zoo.catalogue.plugins.installed import Installed

SICK: dict[str, tuple[str, list[tuple[str, str]]]] = {  # name -> its code, and the problems: kind, words of the text
    "raises": ("raise RuntimeError('ouch')", [("fails", "RuntimeError: ouch")]),
    "exits": ("raise SystemExit(0)", [("fails", "SystemExit: 0")]),
    "interrupts": ("raise KeyboardInterrupt", [("ends", "it ends the program when it is imported (signal 2)")]),
    "leaves": ("import os; os._exit(0)", [("ends", "it ends the program when it is imported (exit code 0)")]),
    "dies": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", [("ends", "(signal 9)")]),
    "old": (GOOD + "ZOO_API_VERSION = 0\n", [("fails", "written for plugin API 0, this zoo has 2")]),
    "misspelt": (GOOD.replace("zoo_models", "zoo_modles"), [("fails", "did you mean 'zoo_models'")]),
    "slow": ("import time; time.sleep(0.25)\n" + GOOD, [("slow", "100 ms is the limit")]),
    "talks": ("import os; os.write(1, b'hello ' * 10**6)\n" + GOOD, [("prints", "it prints when it is imported")]),
    "heavy": ("import numpy\n" + GOOD, [("heavy", "imports numpy, which every `zoo list` then waits for")]),
    "warns": (
        "import warnings; warnings.warn('use other', DeprecationWarning)\n" + GOOD,
        [("warns", "DeprecationWarning: use other")],
    ),
    "moves": ("import os; os.chdir('/')\n" + GOOD, [("changes", "it changes the current folder when it is imported")]),
    "hookless": ("import random; random.seed(1); ZOO_API_VERSION = 2", [("changes", "random's seed")]),
    "well": (GOOD, []),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """All of them, and some whose metadata are what is wrong."""
    made = Site(tmp_path_factory.mktemp("sick"))
    for name, (code, _) in SICK.items():
        made.install(name, code)
    made.install("stale", None)
    made.install("lacks", requires="zoo-absent-package>=2")
    made.install("wants-more", requires="pluggy>=99")
    made.install("needs-no-extra", requires='zoo-absent-package; extra == "audio"')
    made.install("malformed", points="[zoo]\nno equals sign\n")
    made.install("shared", dist="one-zoo", points="[zoo]\nshared = one_zoo\n")
    made.install("shared", dist="two-zoo", points="[zoo]\nshared = two_zoo\n")
    return made


@pytest.fixture(scope="module")
def findings(site: Site) -> dict[str, dict[str, Any]]:
    """`zoo plugins examine --json`, by distribution; it ends with 8, since there are problems."""
    import json

    code, out, err = site.run("plugins", "examine", "--json")
    assert (code, err) == (8, "")
    return {row["distribution"]: row for row in json.loads(out)}


@pytest.mark.parametrize("name", SICK)
def test_each_problem_is_named_with_a_remedy(name: str, findings: dict[str, dict[str, Any]]) -> None:
    """The examination says what is wrong with each plugin and what to do, and nothing of one that is well.

    A busy machine may make any of them slow: that is left out here, except where it is what is meant.
    """
    problems = [one for one in findings[f"{name}-zoo"]["problems"] if one["kind"] != "slow" or name == "slow"]
    assert [one["kind"] for one in problems] == [kind for kind, _ in SICK[name][1]]
    for problem, (_, words) in zip(problems, SICK[name][1], strict=True):
        assert words in problem["text"]
        assert f"{name}-zoo" in problem["remedy"]
    spent = findings[f"{name}-zoo"]["milliseconds"]
    assert (spent is None) == (name in ("interrupts", "leaves", "dies"))
    assert name != "slow" or spent >= 250


def kinds(row: dict[str, Any]) -> list[str]:
    return [one["kind"] for one in row["problems"] if one["kind"] != "slow"]


def test_what_the_metadata_say_is_looked_at_too(findings: dict[str, dict[str, Any]]) -> None:
    """Stale and malformed entry points, missing requirements (extras left out), and two owners of one name."""
    assert "the entry point is stale" in findings["stale-zoo"]["problems"][0]["text"]
    (lacks,) = [one for one in findings["lacks-zoo"]["problems"] if one["kind"] == "missing"]
    assert (lacks["text"], lacks["remedy"]) == ("it requires zoo-absent-package>=2", "install zoo-absent-package>=2")
    assert "pluggy>=99 (1." in findings["wants-more-zoo"]["problems"][0]["text"]
    assert kinds(findings["needs-no-extra-zoo"]) == []
    assert kinds(findings["malformed-zoo"]) == ["malformed"]
    assert kinds(findings["one-zoo"]) == kinds(findings["two-zoo"]) == ["clash"]
    clash = findings["one-zoo"]["problems"][-1]
    assert clash["text"] == "model shared/toy is claimed by shared (two-zoo 1.2) too"
    assert "`zoo plugins disable shared@one-zoo`" in clash["remedy"]


def test_the_zoos_own_plugins_are_well(findings: dict[str, dict[str, Any]]) -> None:
    """Our own plugins have no problem."""
    assert kinds(findings["genzoo"]) == []


@pytest.mark.parametrize("how", ["at import", "at its end"])
def test_what_hangs_is_given_up_and_ended(how: str, tmp_path: Path) -> None:
    """A plugin that never comes back, or leaves a thread or a process behind, is named after the time limit."""
    wait = "import pathlib, os, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
    wait += (
        "time.sleep(1000)\n"
        if how == "at import"
        else "import threading\nthreading.Thread(target=time.sleep, args=[1000]).start()\n"
    )
    site = Site(tmp_path)
    site.install("acme", wait + GOOD)
    (row,) = site.rows("plugins", "examine", "acme", "--time-limit", "4", code=8).values()
    (problem,) = [one for one in row["problems"] if one["kind"] != "slow"]
    assert problem["kind"] == "hangs"
    assert ("hangs when it is imported" if how == "at import" else "keeps the program from ending") in problem["text"]
    assert "`zoo plugins disable acme`" in problem["remedy"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((site.home / "pid").read_text()), 0)


def test_the_examination_imports_nothing_itself(site: Site) -> None:
    """The process that examines has no plugin's module in it afterwards."""
    code = (
        "import sys\nfrom zoo.catalogue.plugins.examination import examine\n"
        "from zoo.catalogue.plugins.installed import installed\n"
        "found = [one for one in installed() if one.namespace in ('well', 'leaves', 'heavy')]\n"
        "assert len(examine(found)) == 3\n"
        "assert not {'well_zoo', 'leaves_zoo', 'heavy_zoo', 'numpy'} & set(sys.modules)\n"
    )
    assert site.python("-c", code) == (0, "", "")


def test_a_line_that_cannot_be_read_is_not_tried() -> None:
    """A malformed entry point starts no process: its problem is its finding."""
    sick = Installed(namespace="acme", value="", distribution="acme-zoo", version="1", problem="torn")
    (finding,) = examine([sick], time_limit=0)
    assert [(one.kind, one.text) for one in finding.problems] == [("malformed", "torn")]


def test_requirements_of_an_unknown_distribution_are_none() -> None:
    """A plugin whose distribution is not known requires nothing; the zoo's own requirements are here."""
    assert missing_requirements("unknown") == []
    assert missing_requirements("genzoo") == []


def test_an_unfit_time_limit_or_name_is_refused(tmp_path: Path) -> None:
    """Exit code 2 for a time limit out of range, 3 with near names for an unknown plugin."""
    site = Site(tmp_path)
    assert site.run("plugins", "examine", "--time-limit", "0")[0] == 2
    assert site.run("plugins", "examine", "--time-limit", "soon")[0] == 2
    code, _, err = site.run("plugins", "examine", "zoo_gam")
    assert (code, "did you mean 'zoo_gan'" in err) == (3, True)
    assert HEAD
