"""The end of a run: figures, exported files, and a summary that says what comes next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.cli.console import complain, out
from scansearch.cli.genotype_table import show_genotype, warn_unsettled
from scansearch.cli.next_steps import show_next
from scansearch.cli.streams import unread
from scansearch.display.plain import plain
from scansearch.display.progress import Shielded
from scansearch.genotype import Genotype
from scansearch.shape import Measure, measure_text

if TYPE_CHECKING:
    from scansearch.finish import Finished


def finish(folder: Path, genotype: Genotype, progress: Shielded) -> None:
    """Writes what follows from a genotype, then prints it and what comes next; the files are there before a word is."""
    from scansearch.finish import finish as write_files

    done = write_files(folder, genotype)
    shown = shlex.quote(str(folder))
    with done.attempt("showing the result", f"scansearch resume {shown}"):
        _show(folder, genotype, done)
    if unread():
        done.failures.append(f"nobody read the result; `scansearch resume {shown}` shows it again")
    complain_of(done, folder, progress)


def complain_of(done: Finished, folder: Path, progress: Shielded) -> None:
    """Says what could not be written or shown of a run that is done; none of it changes the exit status."""
    if progress.failure:
        done.failures.append(f"the progress could not be shown ({progress.failure}); {folder / 'log.txt'} has it")
    for line in done.failures:
        complain(line, 0)


def show_files(done: Finished, folder: Path, first: str) -> None:
    """Prints what does not apply to a run, and its files.

    Args:
        done: What became of them.
        folder: The run folder.
        first: The file that the run itself has written.
    """
    for note in done.notes:
        out.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
    out.print(f"\n[bold]{plain(folder)}[/]", soft_wrap=True)
    for path in (folder / first, *done.files):
        out.print(f"  {plain(path.relative_to(folder))}", style="dim")


def _show(folder: Path, genotype: Genotype, done: Finished) -> None:
    show_genotype(genotype)
    measure = genotype.shape.measure if genotype.shape else "accuracy"
    _show_worth(genotype.search, measure)
    _show_front(folder / "front", measure)
    warn_unsettled(genotype)
    show_files(done, folder, "genotype.json")
    show_next(folder, genotype, exported=any(path.parent.name == "export" for path in done.files))


def _show_worth(search: dict[str, Any], measure: Measure) -> None:
    supernet, derived, trained = (search.get(f"{of}_{measure}") for of in ("supernet", "derived", "trained"))
    said = "" if measure == "accuracy" else f"{measure_text(measure)} "
    if trained is not None:
        best = "" if search.get("settings", {}).get("pick") == "expected" else ": the best that was judged"
        out.print(f"\nthis network, trained from scratch, reached {said}{trained:.1%} on validation images{best}")
    elif supernet is not None and supernet == derived:
        out.print(
            f"\nthis sub-network of the supernet reaches {said}{supernet:.1%} on validation images, without further training"
        )
    elif supernet is not None:
        out.print(
            f"\nsupernet {said}{supernet:.1%} on validation images; the kept directions alone, weighted as the strategy trained them and "
            f"without further training, {derived:.1%}"
        )


def _show_front(folder: Path, measure: Measure) -> None:
    found = []
    for path in folder.glob("*.json"):
        search = Genotype.load(path).search
        found.append((search.get(f"derived_{measure}", search.get(f"trained_{measure}")), search["cost"], path.name))
    if found:
        out.print(
            f"\n[bold]the front: no other genotype that was judged has as much {measure_text(measure)} and is cheaper[/]"
        )
    for worth, cost, name in sorted(found):
        out.print(f"  {worth:.1%}  {plain(cost):<20}  front/{plain(name)}")
