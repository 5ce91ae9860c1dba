"""A recipe in bfloat16 on a processor that lacks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import zoo
from zoo.training.machine.precision import computes_bfloat16


def test_only_a_processor_can_lack_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU computes it; of a CPU oneDNN is asked, and where PyTorch has no such question it is believed."""

    class Without:
        pass

    class Lacking:
        @staticmethod
        def _is_mkldnn_bf16_supported() -> bool:
            return False

    for found, expected in ((Lacking(), False), (Without(), True)):
        monkeypatch.setattr(torch.ops, "mkldnn", found)
        assert computes_bfloat16(torch.device("cpu")) is expected
        assert computes_bfloat16(torch.device("cuda"))


@pytest.mark.parametrize("computes", [True, False])
def test_where_it_lacks_a_run_trains_in_float32_and_says_so(
    computes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A line, the run's facts and the exported folder tell; the recipe stays what it asks for."""
    for module in ("train", "trainer"):
        monkeypatch.setattr(f"zoo.training.{module}.computes_bfloat16", lambda device: computes)
    run = zoo.train(
        "mlp-vae", data="shapes", folder=tmp_path / "run", examples=8, batch_size=4, settings={"precision": "bfloat16"}
    )
    said = [record.message for record in caplog.records if "bfloat16" in record.message]
    assert said == ([] if computes else ["this processor has no bfloat16 arithmetic: it trains in float32"])
    recorded = json.loads((run.folder / "recipe.json").read_text())
    assert recorded["recipe"]["settings"]["precision"] == "bfloat16"
    training = json.loads((run.export(tmp_path / "weights") / "config.json").read_text())["training"]
    for facts in (recorded["facts"], training):
        assert facts.get("precision") == (None if computes else "float32")
    assert zoo.verify(tmp_path / "weights")
