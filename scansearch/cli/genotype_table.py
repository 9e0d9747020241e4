"""A genotype on the terminal: a row a layer, how sure each is, and what searches on halves of the images say of it."""

from __future__ import annotations

from scansearch.cli.console import out
from scansearch.confirmed import Confirmed
from scansearch.genotype import Genotype, LayerGenotype

MOST_COLUMNS = 12
KEPT, UNDECIDED, LEFT_OUT = "●", "○", "·"


def show_genotype(genotype: Genotype) -> None:
    """Prints a row a layer: chosen candidates as dots, hollow where halves of the images do not bear them out; of many their names."""
    cells = _names(genotype) if len(genotype.candidates) > MOST_COLUMNS else _dots(genotype)
    tails = [_margin(layer) for layer in genotype.layers]
    head, width = "margin", max(len(tail) for tail, _ in tails)
    if genotype.confirmed:
        head = f"{head:<{width}}   in both halves   by chance"
        tails = [
            (f"{tail:<{width}}   {_agreement(genotype.confirmed, i)}", doubt) for i, (tail, doubt) in enumerate(tails)
        ]
    out.print(f"\n[bold]layer  {cells[0]}   {head}[/]", soft_wrap=True)
    for i, (cell, (tail, doubt)) in enumerate(zip(cells[1:], tails, strict=True), start=1):
        out.print(f"{i:>5}  {cell}   {tail}[yellow]{doubt}[/]", soft_wrap=True)
    if genotype.confirmed:
        _show_confirmed(genotype, genotype.confirmed)


def _dots(genotype: Genotype) -> list[str]:
    """The head and a line a layer, with a column for each candidate."""
    widths = [max(len(name), 1) for name in genotype.candidates]
    rows = [
        "  ".join(
            _mark(genotype, i, name) + " " * (width - 1)
            for name, width in zip(genotype.candidates, widths, strict=True)
        )
        for i in range(len(genotype.layers))
    ]
    return ["  ".join(genotype.candidates), *rows]


def _mark(genotype: Genotype, layer: int, name: str) -> str:
    if name not in genotype.layers[layer].directions:
        return LEFT_OUT
    return KEPT if _borne_out(genotype, layer, name) else f"[dim]{UNDECIDED}[/]"


def _names(genotype: Genotype) -> list[str]:
    """The head and a line a layer, with the names that it keeps; undecided ones in brackets."""
    rows = [
        [name if _borne_out(genotype, i, name) else f"({name})" for name in layer.directions]
        for i, layer in enumerate(genotype.layers)
    ]
    lines = [" ".join(row) for row in rows]
    width = max(map(len, lines))
    return [f"{'keeps':<{width}}", *(f"{line:<{width}}" for line in lines)]


def _borne_out(genotype: Genotype, layer: int, name: str) -> bool:
    return genotype.confirmed is None or genotype.confirmed.decides(layer, name, kept=True)


def _margin(layer: LayerGenotype) -> tuple[str, str]:
    return "" if layer.margin is None else f"{layer.margin:.1e}", "  not settled" if layer.settled is False else ""


def _agreement(confirmed: Confirmed, layer: int) -> str:
    found = confirmed.layers[layer]
    return f"{f'{found.overlap:g} of {found.most:g}':<14}   {found.chance:<9.2g}"


def _show_confirmed(genotype: Genotype, confirmed: Confirmed) -> None:
    """What the halves say, in words."""
    halves, several = 2 * confirmed.pairs, confirmed.pairs > 1
    who = f"{confirmed.pairs} pairs of searches" if several else "two searches"
    long = f"{confirmed.epochs} epoch{'s' * (confirmed.epochs != 1)} each"
    both = f"both chose {confirmed.overlap:g} of {confirmed.most:g} directions{' in the mean' * several}"
    how = "exact" if confirmed.law == "exact" else "from random draws"
    chance = f"chance gives {confirmed.chance:.2g}; p = {confirmed.p:.2g} ({how})"
    out.print(f"\n{who} on separate halves of the images, {long}: {both}; {chance}", soft_wrap=True)
    if not confirmed.beyond_chance:
        out.print(
            "[yellow]nothing is confirmed:[/] the halves agree no more than chance would have them", soft_wrap=True
        )
        return
    kept = sum(len(layer.directions) for layer in genotype.layers)
    count = sum(len(layer.directions) for layer in confirmed.layers)
    rule = f"{confirmed.needed} of {halves} halves" if several else "both halves"
    out.print(
        f"[green]{count} of {kept} directions are confirmed[/] ({KEPT}): the run and {rule} chose them", soft_wrap=True
    )
    if not several:
        out.print("one pair does not say which of them are there by chance; --pairs 5 tells more", soft_wrap=True)
    _show_single(confirmed)


def _show_single(confirmed: Confirmed) -> None:
    if confirmed.by_chance is not None and confirmed.pairs > 1:
        out.print(
            f"if every half chose at random, {confirmed.by_chance:.2g} directions would be in so many halves",
            soft_wrap=True,
        )
    if confirmed.bound is not None:
        out.print(
            f"directions that a half prefers no more than chance: in the mean at most {confirmed.bound:.3g} of these "
            "(whatever the search and the images)",
            soft_wrap=True,
        )


def warn_unsettled(genotype: Genotype) -> None:
    """Says plainly which layers' choices still move, or that it cannot be told."""
    moving = {i: layer.margin_noise for i, layer in enumerate(genotype.layers, start=1) if layer.settled is False}
    if moving:
        why = (
            "fewer than three epochs are too short to tell. More epochs help."
            if all(noise is None for noise in moving.values())
            else "the margin between the last direction kept and the first left out is within its own fluctuation. More epochs or a "
            "larger alpha_lr help."
        )
        out.print(
            f"[yellow]note:[/] {len(moving)} of {len(genotype.layers)} layers ({', '.join(map(str, moving))}) have not settled: {why}"
        )
    elif genotype.confirmed is None and any(
        layer.margin is not None and layer.settled is None for layer in genotype.layers
    ):
        out.print(
            "[yellow]note:[/] this strategy chooses once, after training, so nothing here tells how sure it is; "
            "`scansearch confirm` does."
        )
