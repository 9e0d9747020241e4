"""The end of a run: figures, exported files, and a summary that says what comes next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.cli.console import complain, out
from scansearch.cli.next_steps import show_next
from scansearch.cli.streams import unread
from scansearch.display.plain import plain
from scansearch.display.progress import Shielded
from scansearch.genotype import Genotype, LayerGenotype

if TYPE_CHECKING:
    from scansearch.finish import Finished

MOST_COLUMNS = 12


def finish(folder: Path, genotype: Genotype, progress: Shielded) -> None:
    """Writes what follows from a genotype, then prints it and what comes next; the files are there before a word is."""
    from scansearch.finish import finish as write_files

    done = write_files(folder, genotype)
    shown = shlex.quote(str(folder))
    with done.attempt("showing the result", f"scansearch resume {shown}"):
        _show(folder, genotype, done)
    if unread():
        done.failures.append(f"nobody read the result; `scansearch resume {shown}` shows it again")
    if progress.failure:
        done.failures.append(f"the progress could not be shown ({progress.failure}); {folder / 'log.txt'} has it")
    for line in done.failures:
        complain(line, 0)


def _show(folder: Path, genotype: Genotype, done: Finished) -> None:
    show_genotype(genotype)
    _show_accuracy(genotype.search)
    _show_front(folder / "front")
    warn_noise(genotype)
    for note in done.notes:
        out.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
    out.print(f"\n[bold]{plain(folder)}[/]", soft_wrap=True)
    for path in (folder / "genotype.json", *done.files):
        out.print(f"  {plain(path.relative_to(folder))}", style="dim")
    show_next(folder, genotype, exported=any(path.parent.name == "export" for path in done.files))


def _show_accuracy(search: dict[str, Any]) -> None:
    supernet, derived, trained = (search.get(f"{of}_accuracy") for of in ("supernet", "derived", "trained"))
    if trained is not None:
        out.print(
            f"\nthis network, trained from scratch, reached {trained:.1%} on validation images: the best that was judged"
        )
    elif supernet is not None and supernet == derived:
        out.print(
            f"\nthis sub-network of the supernet reaches {supernet:.1%} on validation images, without further training"
        )
    elif supernet is not None:
        out.print(
            f"\nsupernet {supernet:.1%} on validation images; the kept directions alone, weighted as the strategy trained them and "
            f"without further training, {derived:.1%}"
        )


def _show_front(folder: Path) -> None:
    found = []
    for path in folder.glob("*.json"):
        search = Genotype.load(path).search
        found.append((search.get("derived_accuracy", search.get("trained_accuracy")), search["cost"], path.name))
    if found:
        out.print("\n[bold]the front: no other genotype that was judged is as accurate and cheaper[/]")
    for accuracy, cost, name in sorted(found):
        out.print(f"  {accuracy:.1%}  {plain(cost):<20}  front/{plain(name)}")


def show_genotype(genotype: Genotype) -> None:
    """Prints a row a layer: chosen candidates as filled dots, or of many their names."""
    candidates = genotype.candidates
    if len(candidates) > MOST_COLUMNS:
        _show_names(genotype)
        return
    widths = [max(len(name), 1) for name in candidates]
    out.print("\n[bold]layer  " + "  ".join(name for name in candidates) + "   margin[/]")
    for i, layer in enumerate(genotype.layers, start=1):
        dots = "  ".join(
            ("●" if n in layer.directions else "·").ljust(w) for n, w in zip(candidates, widths, strict=True)
        )
        out.print(f"{i:>5}  {dots}   {_margin(layer)}", soft_wrap=True)


def _show_names(genotype: Genotype) -> None:
    names = [" ".join(layer.directions) for layer in genotype.layers]
    width = max(map(len, names))
    out.print(f"\n[bold]layer  {'keeps':<{width}}   margin[/]", soft_wrap=True)
    for i, (layer, kept) in enumerate(zip(genotype.layers, names, strict=True), start=1):
        out.print(f"{i:>5}  {kept:<{width}}   {_margin(layer)}", soft_wrap=True)


def _margin(layer: LayerGenotype) -> str:
    doubt = "  not above noise" if layer.above_noise is False else ""
    return f"{'' if layer.margin is None else f'{layer.margin:.1e}'}[yellow]{doubt}[/]"


def warn_noise(genotype: Genotype) -> None:
    """Says plainly which layers' choices are no more than chance, or that it cannot be told."""
    unsure = [str(i) for i, layer in enumerate(genotype.layers, start=1) if layer.above_noise is False]
    if unsure:
        out.print(
            f"[yellow]note:[/] in {len(unsure)} of {len(genotype.layers)} layers ({', '.join(unsure)}) the margin between the "
            "last direction kept and the first left out is not above its own fluctuation: another seed may well choose "
            "otherwise. More epochs or a larger --set alpha_lr help."
        )
    elif any(layer.margin is not None and layer.above_noise is None for layer in genotype.layers):
        out.print(
            "[yellow]note:[/] this strategy chooses once, after training, so nothing here tells how sure it is. Repeat the search "
            "with another --seed: a choice that is real comes back."
        )
