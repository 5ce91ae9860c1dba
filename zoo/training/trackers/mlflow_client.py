"""MLflow: a run of the experiment `genzoo`, at MLFLOW_TRACKING_URI or in a database in the run's folder `mlflow/`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from torch import Tensor

from zoo.training.attendant import Reading
from zoo.training.tracker import Tracked, Tracker

__all__ = ["MLflow"]

NAME = "mlflow"
LONGEST = 500  # letters of a parameter's value


@final
class MLflow(Tracker):
    """Metrics by examples seen, the recipe as parameters, and the files of samples as artifacts; a run that goes on is
    the same run there.
    """

    def __init__(self, run: Tracked) -> None:
        place, self.artifacts = os.environ.get("MLFLOW_TRACKING_URI"), None
        if not place:
            own = run.folder.resolve() / "mlflow"
            own.mkdir(exist_ok=True)
            place, self.artifacts = f"sqlite:///{(own / 'mlflow.db').as_posix()}", (own / "artifacts").as_uri()
        self.client = MlflowClient(tracking_uri=place)
        self.id = self._again(run.known_as(NAME)) or self._new(run)
        run.call(NAME, self.id)

    def _again(self, known: str | None) -> str | None:
        """The run of that name, going on; None where there is none."""
        if known is None:
            return None
        try:
            self.client.update_run(known, status="RUNNING")
        except MlflowException:  # of another place, or deleted there
            return None
        return known

    def _new(self, run: Tracked) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "genzoo"
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            of = self.client.create_experiment(name, artifact_location=self.artifacts)
        else:
            of = experiment.experiment_id
        begun: str = self.client.create_run(of, run_name=run.folder.name or run.name).info.run_id
        for key, value in _flat(run.recipe):
            self.client.log_param(begun, key, str(value)[:LONGEST])
        return begun

    def reading(self, reading: Reading) -> None:
        """Metrics, and the pace."""
        for key, value in {"examples_per_second": reading.examples_per_second, **reading.metrics}.items():
            self.client.log_metric(self.id, key, value, step=reading.examples)

    def samples(self, x: Tensor, path: Path, examples: int) -> None:
        """The file of them."""
        self.client.log_artifact(self.id, str(path), "samples")

    def close(self) -> None:
        """The run has ended, for now."""
        self.client.set_terminated(self.id)


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a table and of those in it, `settings.lr`, and their values; what is empty is left out."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value not in ("", None):
            yield before + key, value
