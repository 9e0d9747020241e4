"""What an exporter is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scansearch.export.derived import DerivedNetwork


@dataclass(frozen=True)
class Exporter:
    """Writes a derived network in the form that some other code loads.

    Args:
        name: Name on the command line.
        description: One line for listings.
        write: ``write(network, folder)`` writes the files and returns their paths; raises ScansearchError if ``applies``
            would say why not.
        applies: Says why a network cannot be said in that form, or ``None`` if it can.
        of_run: Whether a run writes it by itself, into ``export/`` of its folder.
        owns: Whether an existing file is of this exporter's making. In ``export/`` of a run such a file is taken away when it
            is not of the run's result.
    """

    name: str
    description: str
    write: Callable[[DerivedNetwork, Path], list[Path]]
    applies: Callable[[DerivedNetwork], str | None] = lambda network: None
    of_run: bool = True
    owns: Callable[[Path], bool] = lambda path: False

    def refresh(self, network: DerivedNetwork, folder: Path) -> tuple[list[Path], list[Path]]:
        """Makes what this exporter has in the ``export/`` of a run that of the run's network.

        Returns:
            The files written, none if it does not apply, and those of an earlier result that are gone.
        """
        written = [] if self.applies(network) else self.write(network, folder)
        stale = [path for path in sorted(folder.glob("*")) if path not in written and self.owns(path)]
        for path in stale:
            path.unlink()
        return written, stale
