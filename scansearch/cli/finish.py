"""The end of a run: figures, exported files, and a summary that says what comes next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from scansearch.cli.console import out, plain
from scansearch.errors import UnsupportedError
from scansearch.genotype import Genotype, LayerGenotype

MOST_COLUMNS = 12


def finish(folder: Path, genotype: Genotype) -> None:
    """Draws the figures, writes the exports and prints the genotype and the next commands."""
    from scansearch.registry import EXPORTERS
    from scansearch.report import ReportSource, render

    figures = render(ReportSource.open(folder), folder / "figures")
    show_genotype(genotype)
    _show_accuracy(genotype.search)
    _show_front(folder / "front")
    warn_noise(genotype)
    exports: list[Path] = []
    try:
        exports = EXPORTERS.get("localmamba").write(genotype, folder / "export")
    except UnsupportedError as error:
        out.print(f"[yellow]note:[/] no files for LocalMamba: {plain(error)}")
    out.print(f"\n[bold]{plain(folder)}[/]", soft_wrap=True)
    for path in (folder / "genotype.json", *figures, *exports):
        out.print(f"  {plain(path.relative_to(folder))}", style="dim")
    shown = plain(shlex.quote(str(folder)))
    out.print(f"\nnext: [bold]scansearch plot {shown}[/] draws the figures again", soft_wrap=True)
    if exports:
        out.print(
            f"      [bold]scansearch export {shown} --to localmamba[/] writes the files for LocalMamba", soft_wrap=True
        )


def _show_accuracy(search: dict[str, Any]) -> None:
    supernet, derived, alone = (search.get(f"{of}_accuracy") for of in ("supernet", "derived", "standalone"))
    if alone is not None:
        out.print(f"\nthis network, trained alone, reached {alone:.1%} on validation images: the best that was judged")
    elif supernet is not None and supernet == derived:
        out.print(
            f"\nthis sub-network of the supernet reaches {supernet:.1%} on validation images, without further training"
        )
    elif supernet is not None:
        out.print(
            f"\nsupernet {supernet:.1%} on validation images; the kept directions alone, equally weighted and without further "
            f"training, {derived:.1%}"
        )


def _show_front(folder: Path) -> None:
    found = []
    for path in folder.glob("*.json"):
        search = Genotype.load(path).search
        found.append((search.get("derived_accuracy", search.get("standalone_accuracy")), search["cost"], path.name))
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
