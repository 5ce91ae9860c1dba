"""Entry points -> plugins, one at a time: a broken one costs itself alone, and is named.

Each plugin is registered with a pluggy manager of its own, so a failed registration, a raising hook or a generator
that breaks half-way is thrown away with its manager and takes no other plugin's results along.
"""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from zoo import hookspecs
from zoo.configs import near
from zoo.errors import PluginError, UsageError
from zoo.hookspecs import API_VERSION, PluginContext
from zoo.registry import Owned, Registry
from zoo.specs import ArchitectureSpec, CommandSpec, DatasetSpec, ModelSpec, Spec, TrainerSpec, check_name

__all__ = ["CORE", "Plugin", "PluginWarning", "default_registry", "discover", "load_plugins"]

GROUP = "zoo"
CORE = "genzoo"  # the distribution whose names carry no prefix
HOOKS: dict[str, type] = {
    "zoo_architectures": ArchitectureSpec,
    "zoo_datasets": DatasetSpec,
    "zoo_models": ModelSpec,
    "zoo_trainers": TrainerSpec,
    "zoo_commands": CommandSpec,
}
MOST_SPECS = 10_000  # of one plugin: an endless generator ends here


class PluginWarning(UserWarning):
    """A plugin could not be loaded; everything else works."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One entry point: what it contributed, or why it failed."""

    namespace: str
    module: str
    distribution: str
    version: str
    specs: tuple[Spec, ...] = field(default=(), repr=False)
    error: str = ""
    disabled: bool = False

    @property
    def owner(self) -> str:
        """How messages name it."""
        return f"{self.namespace} ({self.distribution} {self.version})"


class _Manager(pluggy.PluginManager):
    """Looks at `zoo_*` names only: pluggy's own look at every name fires a module's lazy attributes."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        return super().parse_hookimpl_opts(plugin, name) if name.startswith("zoo_") else None


def _names(value: str) -> frozenset[str]:
    return frozenset(filter(None, (word.strip() for word in value.split(","))))


def _selected(plugin: Plugin, env: Mapping[str, str]) -> bool:
    chosen = env.get("ZOO_PLUGINS")
    if plugin.namespace in _names(env.get("ZOO_PLUGINS_DISABLE", "")):
        return False
    if chosen is not None:
        return plugin.namespace in _names(chosen)
    return plugin.distribution.lower() == CORE or not env.get("ZOO_DISABLE_PLUGIN_AUTOLOAD")


def _collect(plugin: object, context: PluginContext) -> tuple[Spec, ...]:
    """Call the five hooks of one plugin and check what they return."""
    version = inspect.getattr_static(plugin, "ZOO_API_VERSION", API_VERSION)
    if version != API_VERSION:
        raise PluginError(f"it is written for plugin API {version!r}, this zoo has {API_VERSION}; update the older one")
    manager = _Manager("zoo")
    manager.add_hookspecs(hookspecs)
    _check_hooks(plugin)
    manager.register(plugin)
    specs: list[Spec] = []
    for hook, cls in HOOKS.items():
        caller = getattr(manager.hook, hook)
        if caller.get_hookimpls():
            returned = caller(context=context) or [None]  # pluggy leaves a None out
            specs += _checked(hook, cls, returned[0])
    return tuple(specs)


def _check_hooks(plugin: object) -> None:
    """Raise PluginError for a hook that pluggy would pass over, or call otherwise than it looks."""
    for name in dir(plugin):
        # Other names are not asked for their value: that would fire a module's lazy attributes.
        value = getattr(plugin, name) if name.startswith("zoo_") else inspect.getattr_static(plugin, name, None)
        options = getattr(value, "zoo_impl", None) if inspect.isroutine(value) else None
        if options and name not in HOOKS:
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


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """The name and version of the distribution an entry point came with; a damaged one has none."""
    try:
        return (point.dist.name or "unknown", point.dist.version or "?") if point.dist else ("unknown", "?")
    except Exception:  # noqa: BLE001 - importlib.metadata raises as it comes across the damage
        return "unknown", "?"


def _load(point: EntryPoint, env: Mapping[str, str]) -> Plugin:
    distribution, version = _distribution(point)
    plugin = Plugin(namespace=point.name, module=point.value, distribution=distribution, version=version)
    if not _selected(plugin, env):
        return replace(plugin, disabled=True)
    try:
        check_name(point.name, "namespace")
        context = PluginContext(namespace="" if distribution.lower() == CORE else point.name)
        return replace(plugin, specs=_collect(point.load(), context))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit too: a plugin must not end the program
        cause = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        return replace(plugin, error=" ".join(cause.split())[:500])


def load_plugins(env: Mapping[str, str] = os.environ, points: Iterable[EntryPoint] | None = None) -> list[Plugin]:
    """Every installed plugin, loaded, failed or disabled, sorted by namespace."""
    found = entry_points(group=GROUP) if points is None else points
    return [_load(point, env) for point in sorted(found, key=lambda point: (point.name, point.value))]


def _report(failed: list[Plugin], policy: str) -> None:
    if policy not in ("warn", "raise", "ignore"):
        raise UsageError(f"ZOO_PLUGIN_ERRORS is {policy!r}; it must be warn, raise or ignore")
    for plugin in failed:
        line = f"plugin {plugin.owner} failed: {plugin.error}; to silence it: ZOO_PLUGINS_DISABLE={plugin.namespace}"
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
    owned = [
        Owned(
            name=spec.name if plugin.distribution.lower() == CORE else f"{plugin.namespace}/{spec.name}",
            spec=spec,
            owner=plugin.owner,
        )
        for plugin in loaded
        for spec in plugin.specs
    ]
    return Registry.of(owned, {plugin.namespace: plugin.error for plugin in failed})


@functools.cache
def default_registry() -> Registry:
    """The registry of the installed plugins, built at first use; every function that needs one also takes one."""
    return discover()
