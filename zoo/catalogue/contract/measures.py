"""What a plugin says about measuring: feature networks to look through, and metrics. Frozen, plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.catalogue.contract.names import SHA256, check_name, check_strings
from zoo.catalogue.contract.references import CODE, FILE, check_reference
from zoo.errors import PluginError

__all__ = ["FeaturesSpec", "MetricSpec"]

BETTER = ("lower", "higher")
LOOKS_AT = ("features", "model")


@dataclass(frozen=True, kw_only=True)
class FeaturesSpec:
    """A frozen, pretrained network of one modality: what distances, discriminators and losses look through.

    Its weights are a file that an installed package carries, or one that the user has. The core finds it without
    importing the package, and hands its bytes over only when their sha256 is the one named here.
    """

    name: str
    summary: str
    modality: str  # what it looks at: "image"
    licence: str  # of the weights
    weights: str = ""  # "package:path/inside": the file
    file: str = ""  # its name in a folder of ZOO_DATA or among torch.hub's checkpoints, where no package is installed
    sha256: str  # of that file, lower-case hex
    features: str  # reference to a callable (weights: bytes) -> zoo.nn.Features
    family: str = ""  # shared by networks too alike to be witnesses against one another; empty: it has no sister
    install_hint: str = ""  # said when the package of the weights or of the code is not installed
    tags: tuple[str, ...] = ()  # "default": evaluation takes it where no other is asked for

    def __post_init__(self) -> None:
        check_name(self.name, "feature network")
        check_strings(self.name, summary=self.summary, modality=self.modality, licence=self.licence, file=self.file)
        check_strings(self.name, family=self.family, install_hint=self.install_hint)
        if self.weights or not self.file:
            check_reference(self.weights, FILE, f"feature network {self.name}: weights")
        if self.file and not self.file.replace("-", "").replace(".", "").replace("_", "").isalnum():
            raise PluginError(f"feature network {self.name}: file {self.file!r:.80} is no name")
        check_reference(self.features, CODE, f"feature network {self.name}: features")
        if not isinstance(self.sha256, str) or not SHA256.fullmatch(self.sha256):
            raise PluginError(f"feature network {self.name}: {self.sha256!r:.80} is no sha256 (64 lower-case hex)")


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """A figure that tells how good a model is: `zoo eval NAME --metrics frechet,coverage`.

    One of `features` compares what a feature network sees of samples and of real examples, whatever their kind: its
    callable is (samples, real) -> float, both float tensors (N, D) and (M, D). One of the `model` asks the model
    itself: its callable is (zoo.evaluation.subject.Subject) -> float, or None where the model has no such figure.
    """

    name: str
    summary: str  # what it is, with its unit: it stands beside the figure
    metric: str  # reference to the callable
    better: str  # "lower" or "higher"
    of: str = "features"  # what it looks at: "features" or "model"
    alike: bool = False  # whether it takes as many real examples as samples, at random, where there are more
    source: str = ""  # the paper and the equation
    tags: tuple[str, ...] = ()  # "default": taken where none is asked for
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"

    def __post_init__(self) -> None:
        check_name(self.name, "metric")
        check_strings(self.name, summary=self.summary, source=self.source, install_hint=self.install_hint)
        check_reference(self.metric, CODE, f"metric {self.name}: metric")
        if self.better not in BETTER:
            raise PluginError(f'metric {self.name}: better must be "lower" or "higher", not {self.better!r:.40}')
        if self.of not in LOOKS_AT:
            raise PluginError(f'metric {self.name}: of must be "features" or "model", not {self.of!r:.40}')
