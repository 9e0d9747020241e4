"""What follows from a genotype, trained or not: the exported files, the model card, the figures. The same, whoever ran it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scansearch.errors import ScansearchError, explained
from scansearch.export.derived import DerivedNetwork, trained_weights
from scansearch.genotype import Genotype
from scansearch.registry import EXPORTERS, FIGURES
from scansearch.retraining.model_card import write_card
from scansearch.training.events import Silent
from scansearch.training.log import Logged


@dataclass
class Finished:
    """What became of the files.

    Args:
        files: Those written.
        notes: What does not apply to this run and why, and what of an earlier result was taken away; a line each.
        failures: What could not be written and why, and the command that does it again; a line each.
    """

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def attempt(self, what: str, again: str) -> Iterator[None]:
        """Makes a failure of the block one line: the search is done, and nothing that comes after may end it."""
        try:
            yield
        except Exception as error:  # plug-ins of anybody, and other packages under them: anything can happen
            self.failures.append(f"{what} failed ({explained(error)}); `{again}` does it again")


def finish(folder: str | Path, genotype: Genotype) -> Finished:
    """Writes the exports and the figures of a run that is done, of a training its card, too; whatever fails costs only itself.

    Args:
        folder: The run folder; its ``genotype.json`` is there.
        genotype: What is in it.
    """
    folder, done = Path(folder), Finished()
    shown = shlex.quote(str(folder))
    weights = trained_weights(folder, genotype)
    if weights is not None:
        with done.attempt("writing model_card.md", f"scansearch resume {shown}"):
            done.files.append(write_card(folder))
    for name in EXPORTERS.names():
        with done.attempt(f"the export to {name}", f"scansearch export {shown} --to {name}"):
            _export(name, DerivedNetwork(genotype, weights, folder.resolve().name), folder / "export", done)
    with done.attempt("drawing", f"scansearch plot {shown}"):
        _draw_all(folder, done)
    with done.attempt("writing log.txt", f"scansearch resume {shown}"):
        log = Logged(Silent(), folder / "log.txt")
        for line in (*done.notes, *done.failures):
            log.warned(line)
    return done


def finish_evaluation(folder: str | Path) -> Finished:
    """Writes what follows from an evaluation: the model card with it, and the figure of the confusions."""
    folder, done = Path(folder), Finished()
    shown = shlex.quote(str(folder))
    with done.attempt("writing model_card.md", f"scansearch resume {shown}"):
        done.files.append(write_card(folder))
    with done.attempt("drawing", f"scansearch plot {shown} --figure confusion"):
        _draw("confusion", folder, done)
    return done


def _export(name: str, network: DerivedNetwork, folder: Path, done: Finished) -> None:
    exporter = EXPORTERS.get(name)
    if not exporter.of_run:
        return
    if reason := exporter.applies(network):
        done.notes.append(f"no files for {name}: {reason}")
    written, gone = exporter.refresh(network, folder)
    done.files += written
    done.notes += [f"{path} was of an earlier result and is gone" for path in gone]


def _draw_all(folder: Path, done: Finished) -> None:
    """Every figure for itself, so that one which fails does not cost the others; the first reason is told."""
    failed: dict[str, Exception] = {}
    for name in FIGURES.names():
        try:
            _draw(name, folder, done)
        except Exception as error:
            failed[name] = error
    if failed:
        raise ScansearchError(f"{', '.join(failed)}: {explained(next(iter(failed.values())))}")


def _draw(name: str, folder: Path, done: Finished) -> None:
    from scansearch.figures.figure import find_figure
    from scansearch.figures.render import render
    from scansearch.figures.sources import RunSource

    source, figures, spec = RunSource.open(folder), folder / "figures", find_figure(name)
    if not isinstance(source, spec.of):
        return
    if spec.applies(source) is None:
        done.files += render(source, figures, [name])
        return
    for path in (figures / f"{name}.png", figures / f"{name}.svg"):
        if path.exists():
            path.unlink()
            done.notes.append(f"{path} was of an earlier result and is gone")
