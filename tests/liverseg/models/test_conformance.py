"""The conformance suite on every architecture that ships, and on one that is plugged in."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from liverseg.models import ARCHITECTURES, registry
from tests.contracts.architecture_conformance import ArchitectureConformance

PLUGGED = EntryPoint("plugged", "tests.liverseg.models.plugged_network:SPEC", "liversweep.architectures")


class TestBuiltInArchitectures(ArchitectureConformance):
    @pytest.fixture(params=[spec.name for spec in ARCHITECTURES])
    def name(self, request: pytest.FixtureRequest) -> str:
        return request.param


class TestPluggedArchitecture(ArchitectureConformance):
    small_options = {"width": 4}  # noqa: RUF012

    @pytest.fixture
    def name(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(registry, "entry_points", lambda group: [PLUGGED] if group == PLUGGED.group else [])
        return "plugged"
