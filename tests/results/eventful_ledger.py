"""The ledger of a sweep that went through everything: a fork, resumes, an extension, and every kind of failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.results.ledger_factory import FakeLedger, finished_payload, suggested_payload, sweep_payload, uid_of


@dataclass
class _Run:
    """Writes whole trials into a ledger."""

    ledger: FakeLedger
    rng: np.random.Generator
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)

    def started(
        self, number: int, architecture: str, *, epochs: int = 20, continues: str = "", **parameters: Any
    ) -> str:
        facts = suggested_payload(number, architecture, self.rng, epochs=epochs)
        facts["parameters"] |= parameters | self.parameters.get(continues, {})
        self.parameters[facts["uid"]] = facts["parameters"]
        self.ledger.add("suggested", **facts, **({"continues": continues} if continues else {}))
        self.ledger.add("started", uid=facts["uid"], attempt=1, epoch=epochs // 2 if continues else 0)
        return uid_of(number)

    def finished(self, number: int, architecture: str, **parameters: Any) -> None:
        uid = self.started(number, architecture, **parameters)
        self.ledger.add("finished", **finished_payload(uid, architecture, self.rng, cases=6))

    def failed(self, number: int, architecture: str, kind: str, message: str, epochs: int, **parameters: Any) -> None:
        uid = self.started(number, architecture, **parameters)
        self.ledger.add("failed", uid=uid, kind=kind, message=message, epochs=epochs, seconds=60.0 * epochs, values=[])


def eventful() -> FakeLedger:
    """A fork that was interrupted, resumed twice and extended, with every kind of failure and trials in every state."""
    rng = np.random.default_rng(5)
    ledger = FakeLedger()
    parents = [{"name": "liver-first", "trials": 2}, {"name": "liver-second", "trials": 1}]
    limits = {"trial": {"deadline": 7200.0, "stall": 600.0, "memory": 4_000_000_000, "gpus": 0}}
    ledger.add("sweep", **sweep_payload(12, 6, parents=parents, spec=limits))
    for number, parent in enumerate(("liver-first", "liver-first", "liver-second")):
        facts = suggested_payload(number, "unet", rng)
        ledger.add("inherited", source=parent, state="finished", values=[0.5 + number / 20], epochs=20, **facts)
    run = _Run(ledger, rng)
    for number in range(4):
        run.finished(number, "segnet", learning_rate=1e-4 * (number + 1))
    run.failed(
        4, "segnet", "oom", "the training ran out of memory; batch_size 32, size 256", 0, size=256, batch_size=32
    )
    run.failed(
        5, "segnet", "oom", "the training ran out of memory; batch_size 16, size 512", 0, size=512, batch_size=16
    )
    ledger.add("stopped", uid=run.started(6, "unet"), epochs=4, values=[0.1, 0.2, 0.3, 0.4])
    ledger.add("closed", reason="interrupted")
    ledger.add("resumed", run=2)
    ledger.add("started", uid=uid_of(6), attempt=2, epoch=4)
    ledger.add("finished", **finished_payload(uid_of(6), "unet", rng, cases=6, epochs=20))
    run.failed(7, "segnet", "nan", "the loss is not a number in epoch 2", 1, learning_rate=0.01)
    run.failed(8, "segnet", "nan", "the loss is not a number in epoch 1", 0, learning_rate=0.003)
    run.failed(9, "unet", "timeout", "over the deadline; allowed: 7200 s", 13)
    run.failed(10, "unet", "timeout", "no batch for 600 s; raise trial.stall", 2)
    run.failed(11, "encoder_decoder", "crash", "the worker process died without a word", 3)
    ledger.add("extended", trials=18, epochs=40, longer=[uid_of(3)], note="as the curves still rise")
    ledger.add("closed", reason="interrupted")
    ledger.add("resumed", run=3)
    run.failed(12, "unet_resnet18", "invalid", "size 32 is too small for five poolings", 0, size=32, batch_size=8)
    run.failed(13, "unet_resnet18", "data", "case-1a2b: the pack is damaged", 0)
    run.started(14, "segnet", continues=uid_of(3), epochs=40)
    ledger.add("checkpoint", uid=uid_of(14), epoch=21, path=f"trials/{uid_of(14)}/state/0", sha256="0", values=[0.7])
    ledger.add("finished", **finished_payload(uid_of(14), "segnet", rng, cases=6, epochs=40))
    ledger.add("pruned", **finished_payload(run.started(15, "unet", epochs=40), "unet", rng, cases=6, epochs=3))
    ledger.add("stopped", uid=run.started(16, "segnet", epochs=40), epochs=5, values=[])
    ledger.add("suggested", **suggested_payload(17, "unet", rng, epochs=40))
    ledger.add("closed", reason="disk")
    return ledger
