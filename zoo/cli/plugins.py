"""The verbs about plugins: `zoo plugins list|info|check|examine|enable|disable|new|add`.

`list --names`, `enable`, `disable`, `new`, `add` and `examine` load no plugin in their own process, so they work
whatever is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.output import AddAction, actions, complain, show, takes_json
from zoo.errors import NotFoundError

if TYPE_CHECKING:
    from zoo.catalogue.plugins.installed import Installed
    from zoo.catalogue.plugins.loading import Plugin

__all__ = ["plugin_facts", "plugins_arguments"]

SELECTOR = "NAMESPACE, or NAMESPACE@DISTRIBUTION for one of two owners"


def _state(disabled_by: str, error: str = "") -> str:
    return f"disabled by {disabled_by}" if disabled_by else "failed" if error else "loaded"


def _list(arguments: argparse.Namespace) -> None:
    columns: tuple[str, ...]
    if arguments.names:
        from zoo.catalogue.plugins.installed import installed
        from zoo.catalogue.plugins.switches import read_disabled, switched_off

        disabled = read_disabled(os.environ)
        rows = []
        for one in installed():
            off = switched_off(one, os.environ, disabled)
            rows.append(_head(one) | {"state": f"disabled by {off}" if off else "enabled", "error": one.problem})
        columns = ("name", "distribution", "version", "state")
    else:
        from zoo.catalogue.plugins.loading import load_plugins

        rows = [
            _head(plugin)
            | {"state": _state(plugin.disabled_by, plugin.error), "specs": len(plugin.specs), "error": plugin.error}
            for plugin in load_plugins()
        ]
        columns = ("name", "distribution", "version", "state", "specs", "error")
    show(rows, columns, arguments.json)


def _head(plugin: Installed) -> dict[str, Any]:
    return {"name": plugin.namespace, "distribution": plugin.distribution, "version": plugin.version}


def _named(selector: str) -> list[Installed]:
    """The installed plugins a selector means. Raises NotFoundError with near names."""
    from zoo.catalogue.plugins.installed import installed
    from zoo.catalogue.plugins.switches import matches
    from zoo.configs import near

    everything = installed()
    found = [one for one in everything if matches(one, [selector])]
    if not found:
        hint = (
            near(selector, {one.namespace for one in everything}) or "; `zoo plugins list --names` shows what there is"
        )
        raise NotFoundError(f"no installed plugin is named {selector!r:.100}{hint}")
    return found


def plugin_facts(selector: str) -> list[dict[str, Any]]:
    """What is known of the installed plugins that a selector means. Raises NotFoundError with near names."""
    from zoo.catalogue.plugins.loading import Plugin, load_plugins
    from zoo.catalogue.plugins.switches import read_disabled, switched_off

    disabled = read_disabled(os.environ)
    rows = []
    for one in _named(selector):
        off = switched_off(one, os.environ, disabled)
        plugin = Plugin(**vars(one), disabled_by=off) if off else load_plugins({}, [one])[0]
        rows.append(_facts(plugin))
    return rows


def _info(arguments: argparse.Namespace) -> None:
    rows = plugin_facts(arguments.name)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        for key, value in row.items():
            for text in value if isinstance(value, list) else [value]:
                print(f"{key + ':':<16}{text}".rstrip())


def _facts(plugin: Plugin) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, metadata

    from zoo.catalogue.contract.registry import KINDS
    from zoo.catalogue.plugins.loading import owned_by

    try:
        about = metadata(plugin.distribution)
        fields = {"summary": "Summary", "licence": "License-Expression"}
        said = {key: about[field] for key, field in fields.items() if field in about}
    except PackageNotFoundError:
        said = {}
    facts = _head(plugin) | {"module": plugin.value} | {key: f"{text:.200}" for key, text in said.items()}
    specs = [f"{KINDS[type(owned.spec)]} {owned.name}" for owned in owned_by(plugin)]
    return facts | {"state": _state(plugin.disabled_by, plugin.error), "error": plugin.error, "specs": specs}


def _check(arguments: argparse.Namespace) -> int:
    _named(arguments.name)
    from zoo.testing.engine import check_plugin

    report = check_plugin(arguments.name, levels=arguments.level)
    if arguments.json:
        print(json.dumps([{"name": arguments.name} | report.to_json()], indent=1))
        return 0 if report.ok else 8
    rows = [
        {"name": row.spec, "check": row.check, "outcome": row.outcome, "detail": row.detail}
        for row in report.rows
        if arguments.all or row.outcome not in ("passed", "not applicable")
    ]
    show(rows, ("name", "check", "outcome", "detail"), False)
    counts = ", ".join(f"{count} {name}" for name, count in report.counts.items() if count)
    print(f"{arguments.name}: {'well' if report.ok else 'not well'}; {counts} (check set {report.version})")
    return 0 if report.ok else 8


def _examine(arguments: argparse.Namespace) -> int:
    from zoo.catalogue.plugins.examination import SLOW, examine
    from zoo.catalogue.plugins.installed import installed
    from zoo.catalogue.plugins.switches import read_disabled, switched_off

    disabled = read_disabled(os.environ)
    findings = examine(_named(arguments.name) if arguments.name else installed(), time_limit=arguments.time_limit)
    rows = []
    for finding in findings:
        off = switched_off(finding.plugin, os.environ, disabled)
        problems = [{"kind": one.kind, "text": one.text, "remedy": one.remedy} for one in finding.problems]
        head = _head(finding.plugin) | {"state": f"disabled by {off}" if off else "enabled"}
        rows.append(head | {"milliseconds": finding.milliseconds, "problems": problems})
    sick = [row for row in rows if row["problems"]]
    if arguments.json:
        show(rows, (), True)
        return 8 if sick else 0
    marked = [row | {"problems": ", ".join(one["kind"] for one in row["problems"])} for row in rows]
    show(marked, ("name", "distribution", "version", "state", "milliseconds", "problems"), False)
    for row in sick:
        for one in row["problems"]:
            print(f"{row['name']} ({row['distribution']}): {one['text']}; {one['remedy']}")
    print(f"{len(sick) or 'no'} of {len(rows)} plugins with a problem; the limit for specs is {SLOW:.0f} ms")
    return 8 if sick else 0


def _choose(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.plugins.installed import installed
    from zoo.catalogue.plugins.switches import matches, read_disabled, switched_off, write_disabled

    before = read_disabled(os.environ)
    if arguments.switch == "disable":
        _named(arguments.name)
        after = before | {arguments.name}
    else:
        after = before - {arguments.name}
        if after == before:
            _named(arguments.name)
    concerned = [one for one in installed() if matches(one, [arguments.name])]
    if after != before:
        print(f"{write_disabled(os.environ, after)}: {arguments.name} {arguments.switch}d")
    else:
        print(f"{arguments.name} was {arguments.switch}d already")
    for one in concerned:
        off = switched_off(one, os.environ, after)
        if arguments.switch == "enable" and off:
            others = [name for name in sorted(after) if matches(one, [name])]
            say = f"`zoo plugins enable {others[0]}`" if others else f"the environment variable {off}"
            complain(f"warning: {one.owner} stays disabled; see {say}")
        if arguments.switch == "disable" and not off:
            complain(f"warning: {one.owner} is loaded all the same; the environment variable ZOO_PLUGINS names it")


def _new(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.plugins.install_command import install_command
    from zoo.catalogue.plugins.scaffold import write_plugin

    folder = write_plugin(arguments.name, arguments.template, Path(arguments.into))
    print(f"{folder}: written, from the template {arguments.template}. Then:")
    print(f"    cd {shlex.quote(str(folder))}")
    print(f"    {install_command('.', editable=True)}")
    print(f"    zoo plugins check {arguments.name}")


def _add(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.plugins.install_command import install_command

    print(install_command(arguments.name))


# --- the parser ----------------------------------------------------------------------------------------------------


def plugins_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo plugins` takes."""
    action = actions(command)
    _looking(action)
    _changing(action)


def _looking(action: AddAction) -> None:
    command = action("list", _list, "List the installed plugins and their state.")
    command.add_argument("--names", action="store_true", help="from their metadata alone: no plugin is loaded")
    takes_json(command)
    command = action("info", _info, "Show one plugin: where it is from, its state and what it contributes.")
    command.add_argument("name", help=SELECTOR)
    takes_json(command)
    command = action("check", _check, "Run the conformance kit over an installed plugin.")
    command.add_argument("name")
    level = "only this level: package, discovery, build, behaviour, weights, …; may be repeated"
    command.add_argument("--level", action="append", metavar="LEVEL", help=level)
    command.add_argument("--all", action="store_true", help="print what passed or does not apply, too")
    takes_json(command)
    command = action("examine", _examine, "Find what is wrong with plugins, each in a process of its own.")
    command.add_argument("name", nargs="?", help="one plugin (default: all)")
    text = "seconds after which a plugin is taken to hang (default 20)"
    command.add_argument("--time-limit", type=_seconds, default=20.0, metavar="SECONDS", help=text)
    takes_json(command)


def _changing(action: AddAction) -> None:
    for name, text in (("enable", "Load a plugin again that was disabled."), ("disable", "Load a plugin no more.")):
        command = action(name, _choose, text)
        command.add_argument("name", help=SELECTOR)
        command.set_defaults(switch=name)
    command = action("new", _new, "Write a new plugin package that passes `zoo plugins check`.")
    command.add_argument("name", help="its namespace: lower-case letters and digits, words joined by '-'")
    templates = ("vae", "gan", "dataset", "weights", "trainer", "modality")
    text = "what it begins with (default vae, an architecture)"
    command.add_argument("--template", choices=templates, default=templates[0], help=text)
    command.add_argument("--into", default=".", metavar="DIR", help="where its folder is made (default: here)")
    command = action("add", _add, "Print the command that installs a package beside the zoo.")
    command.add_argument("name", help="acme-zoo, 'acme-zoo[audio]>=1', ./folder, a wheel, git+https://…")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.1 to 3600")
    return value
