"""The spec: one YAML file that says what a sweep is. Loaded safely, checked completely, frozen.

Importing this package imports pydantic and ruamel.yaml; commands that do not read a spec should not import it.
"""

from __future__ import annotations

from results.sweep_parts import Objective
from sweeps.spec.catalogue import METRICS, SCHEMA_VERSION
from sweeps.spec.choices import ArchitectureChoice
from sweeps.spec.dimension import Dimension
from sweeps.spec.hashes import spec_hash
from sweeps.spec.load import READY_MADE, LoadedSpec, init_spec, load_spec, ready_made, spec_from_resolved
from sweeps.spec.model import Spec
from sweeps.spec.schema import json_schema
from sweeps.spec.stages import Stage, stage_of, stages_of
from sweeps.spec.summary import summary_lines

__all__ = [
    "METRICS",
    "READY_MADE",
    "SCHEMA_VERSION",
    "ArchitectureChoice",
    "Dimension",
    "LoadedSpec",
    "Objective",
    "Spec",
    "Stage",
    "init_spec",
    "json_schema",
    "load_spec",
    "ready_made",
    "spec_from_resolved",
    "spec_hash",
    "stage_of",
    "stages_of",
    "summary_lines",
]
