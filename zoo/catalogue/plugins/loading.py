"""Entry points -> plugins, one at a time: a broken one costs itself alone, and is named.

Each plugin is registered with a pluggy manager of its own, so a failed registration, a raising hook or a generator
that breaks half-way is thrown away with its manager and takes no other plugin's results along.
"""

from __future__ import annotations

import importlib
import inspect
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import Any

import pluggy

from zoo.catalogue.contract import hookspecs
from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.formats import FormatSpec
from zoo.catalogue.contract.hookspecs import API_VERSION, FIRST_API_VERSION, PluginContext
from zoo.catalogue.contract.names import check_name
from zoo.catalogue.contract.process_state import LOCK, ProcessState, foreign_code
from zoo.catalogue.contract.registry import KINDS, Owned, Registry
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    MetricSpec,
    ModalitySpec,
    ModelSpec,
    Spec,
    TrainerSpec,
)
from zoo.catalogue.contract.trackers import TrackerSpec
from zoo.catalogue.plugins.installed import CORE, GROUP, Installed, installed
from zoo.catalogue.plugins.switches import read_disabled, switched_off
from zoo.errors import PluginError, UsageError

__all__ = [
    "CORE",
    "GROUP",
    "HOOKS",
    "Plugin",
    "PluginWarning",
    "default_registry",
    "discover",
    "load_plugin",
    "load_plugins",
    "owned_by",
]

HOOKS: dict[str, type] = {
    "zoo_architectures": ArchitectureSpec,
    "zoo_datasets": DatasetSpec,
    "zoo_models": ModelSpec,
    "zoo_trainers": TrainerSpec,
    "zoo_commands": CommandSpec,
    "zoo_features": FeaturesSpec,
    "zoo_families": FamilySpec,
    "zoo_modalities": ModalitySpec,
    "zoo_formats": FormatSpec,
    "zoo_exports": ExportSpec,
    "zoo_trackers": TrackerSpec,
    "zoo_metrics": MetricSpec,
}
BUILT: list[Registry] = []  # the default one, once it is built
MOST_SPECS = 10_000  # of one plugin: an endless generator ends here


class PluginWarning(UserWarning):
    """A plugin could not be loaded; everything else works."""


@dataclass(frozen=True, kw_only=True)
class Plugin(Installed):
    """One entry point: what it contributed, or why it failed, or what keeps it from being loaded."""

    specs: tuple[Spec, ...] = field(default=(), repr=False)
    error: str = ""
    disabled: bool = False
    disabled_by: str = ""  # the variable or command that did
    changes: tuple[str, ...] = ()  # what it changed of the process, which was put back

    @property
    def module(self) -> str:
        """The module that holds its specs."""
        return self.value.partition(":")[0]


class _Manager(pluggy.PluginManager):
    """Looks at `zoo_*` names only: pluggy's own look at every name fires a module's lazy attributes."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        return super().parse_hookimpl_opts(plugin, name) if name.startswith("zoo_") else None

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        return super().parse_hookspec_opts(module_or_class, name) if name.startswith("zoo_") else None


def _collect(plugin: object, context: PluginContext) -> tuple[Spec, ...]:
    """Call the hooks of one plugin and check what they return."""
    _check_version(inspect.getattr_static(plugin, "ZOO_API_VERSION", FIRST_API_VERSION))
    manager = _Manager("zoo")
    manager.add_hookspecs(hookspecs)
    if isinstance(plugin, ModuleType):  # its own `__dir__` may leave the hooks out
        plugin = SimpleNamespace(**vars(plugin))
    _check_hooks(plugin)
    manager.register(plugin)
    specs: list[Spec] = []
    for hook, cls in HOOKS.items():
        caller = getattr(manager.hook, hook)
        if caller.get_hookimpls():
            returned = caller(context=context) or [None]  # pluggy leaves a None out
            specs += _checked(hook, cls, returned[0])
    return tuple(specs)


def _check_version(declared: object) -> None:
    versions = declared if isinstance(declared, tuple) else (declared,)
    if not versions or any(type(version) is not int for version in versions):
        raise PluginError(f"ZOO_API_VERSION is {declared!r:.80}; it must be a whole number, or a tuple of them")
    if API_VERSION not in versions:
        written = " and ".join(map(str, versions))
        older = max(versions) < API_VERSION
        step = "docs/plugin-changes.md says what to change" if older else "update the zoo"
        raise PluginError(f"it is written for plugin API {written}, this zoo has {API_VERSION}; {step}")


def _check_hooks(plugin: object) -> None:
    """Raise PluginError for a hook that pluggy would pass over, or call otherwise than it looks."""
    for name in dir(plugin):
        # Other names are not asked for their value: that would fire a module's lazy attributes.
        value = getattr(plugin, name) if name.startswith("zoo_") else inspect.getattr_static(plugin, name, None)
        options = getattr(value, "zoo_impl", None) if inspect.isroutine(value) else None
        if options and name not in HOOKS:
            from zoo.configs import near

            raise PluginError(f"unknown hook {name!r}{near(name, HOOKS)}")
        if name not in HOOKS:
            continue
        if not options:
            raise PluginError(f"{name} is no hook; write @hookimpl above it")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginError(f"{name} is a wrapper; a hook returns its own specs")
        for argument in inspect.signature(value).parameters.values():
            if argument.default is not argument.empty:
                raise PluginError(f"{name}: {argument.name!r} has a default and would never be passed; write (context)")


def _checked(hook: str, cls: type, returned: object) -> list[Spec]:
    if isinstance(returned, (str, bytes, Mapping)) or not isinstance(returned, Iterable):
        raise PluginError(f"{hook} returned {returned!r:.80}, not a list of {cls.__name__}")
    specs: list[Any] = []
    for spec in returned:
        if type(spec) is not cls:
            raise PluginError(f"{hook} returned {spec!r:.80} among its specs; every item must be a {cls.__name__}")
        specs.append(spec)
        if len(specs) > MOST_SPECS:
            raise PluginError(f"{hook} returned more than {MOST_SPECS:,} specs")
    name, count = Counter(spec.name for spec in specs).most_common(1)[0] if specs else ("", 0)
    if count > 1:
        raise PluginError(f"{hook} returned {name!r} twice")
    return specs


def _attribute(found: Installed) -> object:
    """Import what the entry point names. Raises PluginError for an entry point whose module is gone."""
    module, _, attributes = found.value.partition(":")
    try:
        value: object = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing, package = error.name or "", found.distribution
        if f"{module}.".startswith(f"{missing}."):
            next_step = f"the entry point is stale, reinstall or uninstall {package}"
        else:
            next_step = f"install it, or reinstall {package}"
        raise PluginError(f"{type(error).__name__}: {error}; {next_step}") from error
    for name in filter(None, attributes.split(".")):
        value = getattr(value, name)
    return value


def load_plugin(found: Installed) -> Plugin:
    """Import one plugin and ask its hooks; whatever goes wrong is its `error`, one line of at most 500 characters.

    What it changes of the process meanwhile is put back, and named in its `changes`. KeyboardInterrupt alone is passed
    on, with a note that names the plugin: it is the user's.
    """
    with foreign_code() as state:
        return _load(found, state)


def _load(found: Installed, state: ProcessState) -> Plugin:
    plugin = _asked(found)
    changes = state.put_back()
    return replace(plugin, changes=changes) if changes else plugin


def _asked(found: Installed) -> Plugin:
    plugin = Plugin(**vars(found))
    try:
        if found.problem:
            raise PluginError(found.problem)
        check_name(found.namespace, "namespace")
        context = PluginContext(namespace="" if found.ours else found.namespace)
        return replace(plugin, specs=_collect(_attribute(found), context))
    except KeyboardInterrupt as error:
        error.add_note(f"while plugin {found.owner} was loaded; `zoo plugins examine` names what hangs")
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit too: a plugin must not end the program
        cause = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        return replace(plugin, error=" ".join(cause.split())[:500])


def load_plugins(
    env: Mapping[str, str] = os.environ, points: Iterable[EntryPoint | Installed] | None = None
) -> list[Plugin]:
    """Every installed plugin, or those of `points`: loaded, failed or disabled, sorted by namespace.

    Raises ConfigError or StorageError for a configuration of the user's that cannot be read.
    """
    given = [one if isinstance(one, Installed) else Installed.of(one) for one in points or ()]
    found = installed() if points is None else sorted(given, key=lambda one: (one.namespace, one.value))
    disabled = read_disabled(env)
    plugins: list[Plugin] = []
    with foreign_code() as state:
        for one in found:
            off = switched_off(one, env, disabled)
            plugins.append(Plugin(**vars(one), disabled=True, disabled_by=off) if off else _load(one, state))
    return plugins


def owned_by(plugin: Plugin) -> list[Owned]:
    """The plugin's specs under their full names: the zoo's own alone, others behind their namespace.

    A spec of another plugin names its own families and kinds of data as it likes: here they get their full names too.
    """
    prefix = "" if plugin.ours else f"{plugin.namespace}/"
    selector = f"{plugin.namespace}@{plugin.distribution}"
    own = {(KINDS[type(spec)], spec.name) for spec in plugin.specs}

    def full(spec: Spec) -> Spec:
        named = {key: getattr(spec, key, "") for key in ("family", "modality")}
        changed: Any = {key: prefix + name for key, name in named.items() if (key, name) in own}
        return replace(spec, **changed) if changed else spec

    specs = [full(spec) for spec in plugin.specs] if prefix else plugin.specs
    return [Owned(name=prefix + spec.name, spec=spec, owner=plugin.owner, selector=selector) for spec in specs]


def _report(failed: list[Plugin], policy: str) -> None:
    if policy not in ("warn", "raise", "ignore"):
        raise UsageError(f"ZOO_PLUGIN_ERRORS is {policy!r}; it must be warn, raise or ignore")
    for plugin in failed:
        line = f"plugin {plugin.owner} failed: {plugin.error}; to silence it: `zoo plugins disable {plugin.namespace}`"
        if policy == "raise":
            raise PluginError(line)
        if policy == "warn":
            warnings.warn(line, PluginWarning, stacklevel=4)


def discover(env: Mapping[str, str] = os.environ, plugins: Iterable[Plugin] | None = None) -> Registry:
    """Build the registry of all plugins.

    A failed plugin is warned of once (`ZOO_PLUGIN_ERRORS` = warn, raise or ignore), and is an error only when one of
    its names is used.
    """
    loaded = load_plugins(env) if plugins is None else list(plugins)
    failed = [plugin for plugin in loaded if plugin.error]
    _report(failed, env.get("ZOO_PLUGIN_ERRORS", "warn"))
    owned = [item for plugin in loaded for item in owned_by(plugin)]
    return Registry.of(owned, {plugin.namespace: plugin.error for plugin in failed})


def default_registry() -> Registry:
    """The registry of the installed plugins, built at first use; every function that needs one also takes one.

    The thread that asks first builds it, the others wait.
    """
    if not BUILT:
        with LOCK:
            BUILT[:] = BUILT or [discover()]
    return BUILT[0]
