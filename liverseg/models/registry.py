"""Names to frozen specs: an explicit tuple of built-ins, then whatever installed packages add by entry point."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, Protocol, TypeVar

from liverseg.errors import ConfigError

_LOG = logging.getLogger(__name__)


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """The word by which users ask for it."""
        ...


SpecT = TypeVar("SpecT", bound=Named)


def did_you_mean(got: object, known: tuple[str, ...], otherwise: str) -> str:
    """The next step for an unknown word: the closest known one, or `otherwise` when none is close."""
    close = difflib.get_close_matches(str(got), known, n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`?" if close else otherwise


@dataclass(frozen=True, slots=True)
class Registry(Generic[SpecT]):
    """Specs of one kind, by name.

    A plug-in is an entry point of `group` that resolves to an instance of `kind` whose `name` is the entry point's
    name. Built-ins win over plug-ins of the same name, and asking for a built-in never loads a plug-in, so a broken
    plug-in cannot stop a sweep that does not use it.

    Attributes:
        noun: what one of them is called in messages, for example `architecture`.
        group: entry-point group.
        kind: class of the specs.
        built_in: the specs of this package, in the order in which they are listed.
    """

    noun: str
    group: str
    kind: type[SpecT]
    built_in: tuple[SpecT, ...]

    def names(self) -> tuple[str, ...]:
        """All known names, built-ins first; nothing is loaded."""
        own = [spec.name for spec in self.built_in]
        return (*own, *sorted({point.name for point in self._plugins()} - set(own)))

    def get(self, name: str) -> SpecT:
        """The spec called `name`.

        Raises:
            ConfigError: no such name, or its plug-in does not load.
        """
        for spec in self.built_in:
            if spec.name == name:
                return spec
        for point in self._plugins():
            if point.name == name:
                return self._load(point)
        known = self.names()
        raise ConfigError(
            f"unknown {self.noun}",
            where=self.noun,
            got=repr(name),
            allowed=", ".join(known),
            next_step=did_you_mean(name, known, f"a plug-in adds one through the entry-point group {self.group}"),
        )

    def all(self) -> tuple[SpecT, ...]:
        """Every spec that loads. A plug-in that does not is left out and a warning is logged."""
        return (*self.built_in, *self._loaded())

    def _loaded(self) -> Iterator[SpecT]:
        own = {spec.name for spec in self.built_in}
        for point in sorted(self._plugins(), key=lambda point: point.name):
            if point.name in own:
                _LOG.warning("plug-in %s is ignored: %s is built in", point.value, point.name)
                continue
            try:
                yield self._load(point)
            except ConfigError as error:
                _LOG.warning("%s", error)

    def _plugins(self) -> tuple[EntryPoint, ...]:
        return tuple(entry_points(group=self.group))

    def _load(self, point: EntryPoint) -> SpecT:
        try:
            spec = point.load()
        except Exception as error:  # a plug-in's import may fail in any way
            raise ConfigError(
                f"the plug-in of this {self.noun} does not load ({type(error).__name__}: {error})",
                where=point.name,
                got=point.value,
                next_step="repair or uninstall the package that brings it",
            ) from error
        if not isinstance(spec, self.kind) or spec.name != point.name:
            raise ConfigError(
                f"the plug-in of this {self.noun} is not what its entry point promises",
                where=point.name,
                got=repr(spec),
                allowed=f"a {self.kind.__name__} named {point.name}",
                next_step="repair or uninstall the package that brings it",
            )
        return spec
