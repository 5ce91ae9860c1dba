"""zoo.catalogue.plugins.installed: entry points are read one distribution at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.catalogue.plugins.installed import installed


def distribution(site: Path, name: str, entry_points: bytes) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_bytes(entry_points)


def test_a_malformed_distribution_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text, and lines that are no entry points, hide no other plugin."""
    distribution(tmp_path, "aaa-broken", b"\xff\xfe[zoo]\n")
    distribution(tmp_path, "bbb-odd", b"[zoo\nx y z\n")
    distribution(tmp_path, "good", b"[zoo]\ngood = good_zoo\n[console_scripts]\nother = good_zoo:main\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {one.namespace: one for one in installed()}
    assert found["good"].value == "good_zoo"
    assert found["good"].distribution == "good"
    assert "zoo_gan" in found
    assert "other" not in found


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it is imported."""
    for folder, value in (("second", b"old"), ("first", b"new")):
        distribution(tmp_path / folder, "twice", b"[zoo]\ntwice = " + value + b"_zoo\n")
        monkeypatch.syspath_prepend(tmp_path / folder)
    assert [one.value for one in installed() if one.namespace == "twice"] == ["new_zoo"]
