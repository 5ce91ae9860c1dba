"""plugins.loading: a broken plugin costs itself alone, and is named; the user's settings choose which are loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import zoo
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.plugins.loading import Plugin, PluginWarning, default_registry, discover, load_plugins, owned_by
from zoo.errors import PluginError, UsageError

Make = Callable[..., EntryPoint]

HEAD = """
from zoo.api import ArchitectureSpec, DatasetSpec, ModelSpec, hookimpl
ZOO_API_VERSION = 2
import zoo.api

def model(name):
    return ModelSpec(name=name, summary="", architecture="a", dataset="d", licence="MIT", recipe="acme:a.toml")

"""
GOOD = HEAD + "@hookimpl\ndef zoo_models(context):\n    return [model('toy')]\n"


def hook(body: str, head: str = "def zoo_models(context):") -> str:
    """The code of a plugin with one hook."""
    return f"{HEAD}@hookimpl\n{head}\n    {body}\n"


def load_one(point: EntryPoint, env: dict[str, str] | None = None) -> Plugin:
    (plugin,) = load_plugins(env or {}, [point])
    return plugin


def names(registry: Registry, kind: str = "model") -> list[str]:
    return [owned.name for owned in registry.list(kind)]


# --- what works ----------------------------------------------------------------------------------------------------


def test_a_foreign_plugin_is_loaded_under_its_namespace(entry_point: Make) -> None:
    """Names of another distribution carry the entry point's name; owners are named with distribution and version."""
    registry = discover({}, load_plugins({}, [entry_point("acme", GOOD)]))
    assert names(registry) == ["acme/toy"]
    assert registry.owned("model", "acme/toy").owner == "acme (acme-zoo 1.2)"


@pytest.mark.parametrize("dist", ["genzoo", "GenZoo"])
def test_names_of_the_zoo_itself_carry_no_prefix(dist: str, entry_point: Make) -> None:
    """Names of the distribution that ships the core stand alone."""
    assert names(discover({}, load_plugins({}, [entry_point("zoo_gan", GOOD, dist=dist)]))) == ["toy"]


def test_a_hook_learns_who_it_is(entry_point: Make) -> None:
    """The context holds the namespace (empty for the zoo's own) and the version of the contract."""
    code = hook("return [model(f'n{len(context.namespace)}-{context.api_version}')]")
    assert [spec.name for spec in load_one(entry_point("acme", code)).specs] == ["n4-2"]
    assert [spec.name for spec in load_one(entry_point("acme", code, dist="genzoo")).specs] == ["n0-2"]


def test_an_entry_point_may_name_an_object(entry_point: Make) -> None:
    """`module:attribute` with an instance whose methods are hooks is a plugin too."""
    body = "class P:\n    ZOO_API_VERSION = 2\n    @hookimpl\n"
    body += "    def zoo_models(self, context):\n        return [model('toy')]\nplugin = P()\n"
    point = entry_point("acme", HEAD + body)
    point = EntryPoint(point.name, f"{point.value}:plugin", "zoo")
    assert [spec.name for spec in load_one(point).specs] == ["toy"]


def test_a_generator_is_an_iterable_of_specs(entry_point: Make) -> None:
    """A hook may yield its specs, and may leave out its argument."""
    code = hook("yield model('a')\n    yield model('b')", head="def zoo_models():")
    assert [spec.name for spec in load_one(entry_point("acme", code)).specs] == ["a", "b"]


def test_the_zoos_own_plugins_load() -> None:
    """Every entry point of the installed zoo loads without a failure."""
    ours = [plugin for plugin in load_plugins({}) if plugin.distribution == "genzoo"]
    assert {"training", "zoo_gan", "zoo_images"} <= {plugin.namespace for plugin in ours}
    assert [plugin.error for plugin in ours if plugin.error or plugin.disabled or not plugin.specs] == []


def test_the_core_s_own_cannot_be_left_out() -> None:
    """Families, trainers and kinds of data of the core are there whatever the user's settings choose."""
    for env in ({"ZOO_PLUGINS": "acme"}, {"ZOO_PLUGINS_DISABLE": "nn,training,examples,zoo_gan"}):
        plugins = {plugin.namespace: plugin.disabled for plugin in load_plugins(env)}
        assert [plugins[name] for name in ("images", "nn", "training", "zoo_gan")] == [False, False, False, True]


def test_a_plugin_s_own_families_and_kinds_of_data_get_its_namespace(entry_point: Make) -> None:
    """A spec may name what the same plugin brings without its namespace; a name of the core's stays as it is."""
    code = """
from zoo.api import ArchitectureSpec, FamilySpec, TrainerSpec, hookimpl
ZOO_API_VERSION = 2
@hookimpl
def zoo_families(context):
    return [FamilySpec(name="flow", summary="", family="flow:FAMILY")]
@hookimpl
def zoo_architectures(context):
    more = {"summary": "", "modality": "image", "config": "flow:C", "parts": {"net": "flow:Net"}}
    return [ArchitectureSpec(name=n, family=f, **more) for n, f in (("a", "flow"), ("b", "gan"))]
@hookimpl
def zoo_trainers(context):
    return [TrainerSpec(name="t", summary="", family="flow", settings="flow:S", trainer="flow:T")]
"""
    named = {owned.name: getattr(owned.spec, "family", "") for owned in owned_by(load_one(entry_point("acme", code)))}
    families = {"acme/a": "acme/flow", "acme/b": "gan", "acme/t": "acme/flow"}
    assert {name: named[name] for name in families} == families


def test_the_default_registry_is_built_once() -> None:
    """Every call gives the same object."""
    assert default_registry() is default_registry()


# --- what is broken ------------------------------------------------------------------------------------------------

BROKEN = {
    "raises at import": ("raise RuntimeError('ouch')", "RuntimeError: ouch"),
    "ends the program at import": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "ends the program in a hook": (hook("raise SystemExit(3)"), "SystemExit: 3"),
    "has a syntax error": ("def", "SyntaxError"),
    "imports what is not there": ("import zoo_absent_package", "No module named 'zoo_absent_package'"),
    "raises something odd": ("class Odd(BaseException): pass\nraise Odd('a\\nb')", "Odd: a b"),
    "raises in a hook": (hook("return 1 / 0"), "ZeroDivisionError"),
    "returns nothing": (hook("return None"), "zoo_models returned None, not a list of ModelSpec"),
    "returns a number": (hook("return 3"), "zoo_models returned 3, not a list"),
    "returns a text": (hook("return 'dcgan'"), "zoo_models returned 'dcgan', not a list"),
    "returns a dict": (hook("return {'a': model('a')}"), "not a list of ModelSpec"),
    "returns dicts": (hook("return [{'name': 'a'}]"), "every item must be a ModelSpec"),
    "returns another spec": (hook("return [model('a')]", "def zoo_datasets(context):"), "must be a DatasetSpec"),
    "returns a subclass": (
        HEAD + "class Mine(ModelSpec): pass\n"
        "@hookimpl\ndef zoo_models(context):\n    return [Mine(**vars(model('a')))]",
        "must be a ModelSpec",
    ),
    "returns a name twice": (hook("return [model('a'), model('b'), model('a')]"), "zoo_models returned 'a' twice"),
    "makes a malformed spec": (hook("return [model('A')]"), "model 'A': a name is lower-case"),
    "breaks half-way": (hook("yield model('a')\n    raise OSError('torn')"), "OSError: torn"),
    "never ends": (hook("n = 0\n    while True:\n        n += 1\n        yield model(f'm{n}')"), "more than 10,000"),
    "misspells a hook": (hook("return []", "def zoo_model(context):"), "unknown hook 'zoo_model'; did you mean"),
    "names a hook otherwise": (hook("return []", "def models(context):"), "unknown hook 'models'"),
    "forgets the marker": (GOOD.replace("@hookimpl\n", ""), "zoo_models is no hook; write @hookimpl"),
    "gives a default": (hook("return []", "def zoo_models(context=None):"), "'context' has a default"),
    "asks for more": (hook("return []", "def zoo_models(context, registry):"), "registry"),
    "is a wrapper": (GOOD.replace("@hookimpl", "@hookimpl(wrapper=True)"), "zoo_models is a wrapper"),
    "is for a later version": (
        GOOD + "ZOO_API_VERSION = 3",
        "written for plugin API 3, this zoo has 2; update the zoo",
    ),
    "is for an earlier one": (
        GOOD + "ZOO_API_VERSION = 1",
        "written for plugin API 1, this zoo has 2; docs/plugin-changes.md says what to change",
    ),
    "says no version": (GOOD.replace("ZOO_API_VERSION = 2", ""), "written for plugin API 1, this zoo has 2"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_costs_itself_alone(case: str, entry_point: Make) -> None:
    """The other plugin's names are there; the broken one gives none, and says in one line why."""
    code, says = BROKEN[case]
    broken, good = load_plugins({}, [entry_point("bad", code), entry_point("good", GOOD)])
    assert (broken.namespace, broken.specs) == ("bad", ())
    assert says in broken.error
    assert "\n" not in broken.error
    assert len(broken.error) <= 500
    assert not good.error
    assert names(discover({"ZOO_PLUGIN_ERRORS": "ignore"}, [broken, good])) == ["good/toy"]


def test_one_broken_hook_takes_the_plugins_other_hooks_along(entry_point: Make) -> None:
    """A plugin is loaded whole or not at all."""
    plugin = load_one(entry_point("acme", GOOD + "@hookimpl\ndef zoo_datasets(context):\n    return 3\n"))
    assert plugin.error
    assert plugin.specs == ()


@pytest.mark.parametrize("code", ["raise KeyboardInterrupt", hook("raise KeyboardInterrupt")])
def test_ctrl_c_is_no_plugin_failure(code: str, entry_point: Make) -> None:
    """KeyboardInterrupt while a plugin loads ends the program as always."""
    with pytest.raises(KeyboardInterrupt):
        load_plugins({}, [entry_point("acme", code)])


def test_lazy_attributes_are_not_fired(entry_point: Make) -> None:
    """Looking for hooks asks a module's `__getattr__` for none of the names it lists in `__dir__`."""
    lazy = (
        "def __getattr__(name):\n    raise SystemExit(f'asked for {name}')\n"
        "def __dir__():\n    return [*globals(), 'networks', 'torch']\n"
    )
    point = entry_point("acme", GOOD + lazy)
    plugin = load_one(point)
    assert (plugin.error, [spec.name for spec in plugin.specs]) == ("", ["toy"])
    module = point.load()
    assert "networks" in dir(module)
    with pytest.raises(SystemExit, match="asked for networks"):  # as a look at every listed name would have done
        _ = module.networks


def test_hooks_are_found_where_dir_leaves_them_out(entry_point: Make) -> None:
    """A module whose `__dir__` lists its public names alone is a plugin all the same, a misspelt hook of it named."""
    short = "def __dir__():\n    return ['networks']\n"
    plugin = load_one(entry_point("acme", GOOD + short))
    assert (plugin.error, [spec.name for spec in plugin.specs]) == ("", ["toy"])
    misspelt = GOOD.replace("def zoo_models", "def zoo_model") + short
    assert "unknown hook 'zoo_model'; did you mean 'zoo_models'" in load_one(entry_point("other", misspelt)).error


@pytest.mark.parametrize("name", ["Acme", "acme zoo", "a/b", "."])
def test_a_namespace_is_a_name(name: str, entry_point: Make) -> None:
    """An entry point whose name could stand in no model's name is a failure that says so."""
    assert f"namespace {name!r}" in load_one(entry_point(name, GOOD)).error


def test_a_distribution_without_metadata_does_not_stop_the_others(tmp_path: Path) -> None:
    """Half an uninstalled package on the path is a failed plugin of unknown origin; the zoo's own names are there."""
    (tmp_path / "ghost-1.0.dist-info").mkdir()
    (tmp_path / "ghost-1.0.dist-info" / "entry_points.txt").write_text("[zoo]\nghost = zoo_absent_ghost\n")
    code = "import zoo; assert zoo.list_models()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "plugin ghost (unknown ?) failed: ModuleNotFoundError" in done.stderr


def test_two_plugins_of_one_namespace_that_claim_a_name(entry_point: Make) -> None:
    """Two distributions may give one namespace; a name both claim is an error naming both, the others work."""
    second = hook("return [model('toy'), model('other')]")
    points = [entry_point("acme", GOOD, dist="a", version="1"), entry_point("acme", second, dist="b", version="2")]
    registry = discover({}, load_plugins({}, points))
    assert registry.model("acme/other").name == "other"
    with pytest.raises(PluginError, match=r"acme \(a 1\) and acme \(b 2\)"):
        registry.model("acme/toy")


def test_nobody_takes_a_name_of_the_zoo(entry_point: Make) -> None:
    """A foreign plugin that calls itself zoo_gan and its model `dcgan-shapes` leaves the zoo's own alone."""
    code = GOOD.replace("'toy'", "'dcgan-shapes'")
    registry = discover({}, [*load_plugins({}), *load_plugins({}, [entry_point("zoo_gan", code, dist="evil")])])
    assert registry.owned("model", "dcgan-shapes").owner.startswith("zoo_gan (genzoo ")
    assert registry.owned("model", "zoo_gan/dcgan-shapes").owner == "zoo_gan (evil 1.2)"


# --- settings ------------------------------------------------------------------------------------------------------

FAILURE = r"plugin bad \(acme-zoo 1\.2\) failed: RuntimeError: ouch; to silence it: `zoo plugins disable bad`"


def test_a_failure_is_warned_of_with_the_way_out(entry_point: Make) -> None:
    """By default one warning names plugin, distribution, version, cause, and how to disable it."""
    plugins = load_plugins({}, [entry_point("bad", "raise RuntimeError('ouch')"), entry_point("good", GOOD)])
    with pytest.warns(PluginWarning, match=FAILURE) as caught:
        registry = discover({}, plugins)
    assert len(caught) == 1
    assert names(registry) == ["good/toy"]
    with pytest.raises(PluginError, match="'bad/vae' is unknown because its plugin failed: RuntimeError: ouch"):
        registry.model("bad/vae")


def test_failures_can_be_errors_or_ignored(entry_point: Make) -> None:
    """ZOO_PLUGIN_ERRORS=raise makes the first failure a PluginError, ignore says nothing, other values are refused."""
    plugins = load_plugins({}, [entry_point("bad", "raise RuntimeError('ouch')")])
    with pytest.raises(PluginError, match=FAILURE):
        discover({"ZOO_PLUGIN_ERRORS": "raise"}, plugins)
    assert dict(discover({"ZOO_PLUGIN_ERRORS": "ignore"}, plugins).failures) == {"bad": "RuntimeError: ouch"}
    with pytest.raises(UsageError, match="'quiet'; it must be warn, raise or ignore"):
        discover({"ZOO_PLUGIN_ERRORS": "quiet"}, [])


CHOICES: list[tuple[dict[str, str], set[str]]] = [
    ({}, {"acme", "other", "zoo_gan"}),
    ({"ZOO_PLUGINS": "acme"}, {"acme"}),
    ({"ZOO_PLUGINS": " acme , zoo_gan,absent"}, {"acme", "zoo_gan"}),
    ({"ZOO_PLUGINS": ""}, set()),
    ({"ZOO_PLUGINS_DISABLE": "acme"}, {"other", "zoo_gan"}),
    ({"ZOO_PLUGINS_DISABLE": "zoo_gan,other"}, {"acme"}),
    ({"ZOO_PLUGINS": "acme,other", "ZOO_PLUGINS_DISABLE": "acme"}, {"other"}),
    ({"ZOO_DISABLE_PLUGIN_AUTOLOAD": "1"}, {"zoo_gan"}),
    ({"ZOO_DISABLE_PLUGIN_AUTOLOAD": "1", "ZOO_PLUGINS": "acme"}, {"acme"}),
    ({"ZOO_DISABLE_PLUGIN_AUTOLOAD": "1", "ZOO_PLUGINS_DISABLE": "zoo_gan"}, set()),
    ({"ZOO_DISABLE_PLUGIN_AUTOLOAD": ""}, {"acme", "other", "zoo_gan"}),
]


@pytest.mark.parametrize(("env", "loaded"), CHOICES)
def test_the_user_chooses_the_plugins(env: dict[str, str], loaded: set[str], entry_point: Make) -> None:
    """ZOO_PLUGINS lists all that load, ZOO_PLUGINS_DISABLE leaves some out, autoload off leaves the zoo's own."""
    points = [entry_point("acme", GOOD), entry_point("other", GOOD), entry_point("zoo_gan", GOOD, dist="genzoo")]
    plugins = load_plugins(env, points)
    assert {plugin.namespace for plugin in plugins if not plugin.disabled} == loaded
    assert all(plugin.disabled != bool(plugin.specs) for plugin in plugins)


def test_a_disabled_plugin_is_not_imported(entry_point: Make) -> None:
    """The code of a disabled plugin does not run, so a broken one is silenced by disabling it."""
    point = entry_point("bad", "raise RuntimeError('ouch')")
    plugin = load_one(point, {"ZOO_PLUGINS_DISABLE": "bad"})
    assert (plugin.disabled, plugin.error, point.value in sys.modules) == (True, "", False)


def test_the_functions_of_the_catalogue_take_a_registry(entry_point: Make) -> None:
    """`list_models` and `info` answer about the registry they are given."""
    registry = discover({}, load_plugins({}, [entry_point("acme", HEAD + ARCHITECTURE)]))
    assert zoo.list_models(registry=registry) == []
    assert zoo.list_architectures(registry=registry) == ["acme/net"]
    assert zoo.info("acme/net", registry=registry)["owner"] == "acme (acme-zoo 1.2)"


ARCHITECTURE = """
@hookimpl
def zoo_architectures(context):
    kinds = {"family": "gan", "modality": "image"}
    return [ArchitectureSpec(name="net", summary="", config="a:b", parts={"generator": "a:b"}, **kinds)]
"""
