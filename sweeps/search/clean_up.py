"""Deleting what retention gives up, once nothing is still to go on from it."""

from __future__ import annotations

from contextlib import suppress

from sweeps.folder import SweepFolder
from sweeps.search.open_trial import End
from sweeps.search.retention import Release, Retention, delete, entries
from sweeps.search.standing import Standing
from sweeps.stores.ferry import OpenLedger


class CleanUp:
    """Follows the ends of a sweep's trials; all that ended before is noted at once.

    Args:
        folder: of the sweep.
        ledger: open; each release is written there before anything is deleted.
        standing: whose ends decide.
        retention: which trials' files are kept; None keeps all.
    """

    def __init__(
        self, folder: SweepFolder, ledger: OpenLedger, standing: Standing, retention: Retention | None
    ) -> None:
        self.folder, self.ledger, self.standing, self.retention = folder, ledger, standing, retention
        self._unneeded: list[Release] = []
        self._noted = 0
        self.note_ends()

    def note_ends(self) -> None:
        """Let retention decide over what has ended since it was last asked."""
        ends, self._noted = self.standing.ends[self._noted :], len(self.standing.ends)
        if self.retention is not None:
            for end in ends:
                self._unneeded = self._given_up(end, self.retention)

    def _given_up(self, end: End, retention: Retention) -> list[Release]:
        if end.replicate_of:
            given_up = retention.repeated(end.uid, end.replicate_of, end.state)
        else:
            chosen = self.standing.proposal(end.uid)
            given_up = retention.ended(end.uid, chosen.number, chosen.architecture, end.state, end.values)
        # A trial that failed, was tried again and finished is needed after all.
        return [item for item in self._unneeded if item.uid != end.uid] + list(given_up)

    def run(self) -> None:
        """Delete what retention gave up, except states from which a trial is still to go on."""
        standing = self.standing
        wanted = {*standing.longer, *standing.open, *(trial.proposal.continues for trial in standing.open.values())}
        now = [item for item in self._unneeded if item.uid not in wanted]
        self._unneeded = [item for item in self._unneeded if item.uid in wanted]
        names = [[f"trials/{item.uid}/{name}" for name in entries(item.what)] for item in now]
        for item, group, kept in zip(now, names, self.folder.kept(names), strict=True):
            if kept:
                self.ledger.append("released", uid=item.uid, what=list(item.what))
                with suppress(OSError):  # the next run tries again
                    delete(self.folder.trial(item.uid), item.what)
                    self.folder.forget(*group)
