"""Every failure the zoo announces.

    ZooError                    exit code 1, never raised itself
    ├── UsageError              2    a command or argument that cannot be meant
    ├── NotFoundError           3    no such model, dataset, recipe, file
    ├── DataError               4    bad data
    │   ├── ConfigError              an unknown key, a value out of range
    │   ├── DiseaseError             a training run that the doctor stopped
    │   └── WeightsError             a file that does not fit its architecture
    ├── NetworkError            5    the Hub cannot be reached, or refuses
    ├── IntegrityError          6    bytes that are not the pinned ones
    ├── StorageError            7    a disk that cannot be read or written
    └── PluginError             8    a plugin that is broken, or two that clash

A message names the thing, the cause and the next step, in one line.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DataError",
    "DiseaseError",
    "IntegrityError",
    "NetworkError",
    "NotFoundError",
    "PluginError",
    "StorageError",
    "UsageError",
    "WeightsError",
    "ZooError",
]


class ZooError(Exception):
    """The root of all errors the zoo raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(ZooError, ValueError):
    """A command or an argument that cannot be meant: `n=0`, a malformed name."""

    exit_code = 2


class NotFoundError(ZooError, LookupError):
    """No model, dataset, recipe, plugin or file of that name."""

    exit_code = 3


class DataError(ZooError, ValueError):
    """Input whose content cannot be used."""

    exit_code = 4


class ConfigError(DataError):
    """A config or recipe with an unknown key, a wrong type, or a value out of range."""


class DiseaseError(DataError):
    """A training run that the doctor stopped; the message names disease, figure, step, remedy and last good state."""


class WeightsError(DataError):
    """A weights file that is malformed or does not fit its architecture."""


class NetworkError(ZooError, OSError):
    """The Hub could not be reached, or refused."""

    exit_code = 5


class IntegrityError(ZooError):
    """Bytes that differ from the pinned ones."""

    exit_code = 6


class StorageError(ZooError, OSError):
    """A file or folder that cannot be read or written."""

    exit_code = 7


class PluginError(ZooError):
    """A plugin that is broken, or two plugins that claim one name."""

    exit_code = 8
