"""A folder of sweeps in a store: `--runs s3://bucket/prefix`."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from liverseg.cache_root import default_cache_root
from results.errors import StoreError
from results.store.location import open_store
from results.sweep_folder import SweepListing, listing_of
from sweeps.errors import UsageError
from sweeps.folder import NAME, SweepFolder
from sweeps.stores.private_folder import private_folder
from sweeps.stores.store_ferry import READ, StoreFerry


@dataclass(frozen=True, slots=True)
class StoredRuns:
    """What `--runs` names when it is a URI.

    Attributes:
        uri: without a `/` at its end.
    """

    uri: str

    @classmethod
    def of(cls, text: str) -> StoredRuns:
        """What a user's URI names.

        Raises:
            UsageError: it is no URI of a store, or no client can be made for it.
        """
        try:
            return cls(open_store(text).uri.rstrip("/"))
        except StoreError as error:
            raise UsageError(str(error)) from error

    def __str__(self) -> str:
        return self.uri

    def names(self) -> list[str]:
        """Sweeps that have a ledger, by name; raises `StoreError`."""
        return [name for name in open_store(self.uri).folders() if NAME.fullmatch(name) and self.holds(name)]

    def holds(self, name: str) -> bool:
        """Whether there is such a sweep."""
        return self._ferry(name).exists()

    def named(self, name: str) -> SweepFolder:
        """See `SweepFolder.named`."""
        if self.holds(name):
            raise UsageError(
                f"{self.uri}/{name}: a sweep of this name exists; choose another name with --name NAME, let one be found "
                f"with --new-name, or look at it with: liversweep show {name} --runs {self.uri}"
            )
        folder = self._folder(name).to_drive()
        # What lies there belongs to a sweep that was removed from the store.
        shutil.rmtree(folder.path, ignore_errors=True)
        return folder

    def existing(self, name: str) -> SweepFolder:
        """See `SweepFolder.existing`; the ledger is that of now."""
        if not NAME.fullmatch(name) or not self.holds(name):
            known = ", ".join(self.names()) or "none yet"
            raise UsageError(
                f"no sweep {name!r} in {self.uri}; got {name!r}, known: {known}; list them with: liversweep list --runs "
                f"{self.uri}"
            )
        folder = self._folder(name)
        folder.refresh()
        return folder

    def newest(self) -> SweepFolder:
        """See `SweepFolder.newest`."""
        written = {
            name: max(item.modified for item in open_store(f"{self.uri}/{name}").list("ledger"))
            for name in self.names()
        }
        if not written:
            raise UsageError(f"no sweep in {self.uri} yet; start one with: liversweep run quickstart --runs {self.uri}")
        return self.existing(max(written, key=lambda name: written[name]))

    def listings(self) -> tuple[SweepListing, ...]:
        """See `results.sweep_folder.list_sweeps`."""
        found = []
        for folder in map(self.existing, self.names()):
            found.append(listing_of(folder, folder.is_driven()))
        return tuple(sorted(found, key=lambda listing: listing.started, reverse=True))

    def mirror(self) -> Path:
        """Where mirrors of these sweeps lie on this machine."""
        key = hashlib.sha256(self.uri.encode()).hexdigest()[:16]
        return private_folder(default_cache_root() / "mirrors") / key

    def _ferry(self, name: str) -> StoreFerry:
        return StoreFerry(f"{self.uri}/{name}")

    def _folder(self, name: str) -> SweepFolder:
        """The reader's mirror."""
        home = private_folder(private_folder(self.mirror()) / READ)
        return SweepFolder(home / name, self._ferry(name))
