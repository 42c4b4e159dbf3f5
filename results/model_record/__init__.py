"""The governance record of models: what was exported, from which sweep, and what its validations ended with.

Entries are only ever added, and each carries the checksum of the one before (`results.chain`): nothing in the record can be
changed, left out or moved without it showing when it is read.
"""

from results.model_record.facts import ExportFacts, LabelResult, MemberFacts, ValidationFacts
from results.model_record.record import RECORD, ModelRecord, note_export, note_validation, read_record

__all__ = [
    "RECORD",
    "ExportFacts",
    "LabelResult",
    "MemberFacts",
    "ModelRecord",
    "ValidationFacts",
    "note_export",
    "note_validation",
    "read_record",
]
