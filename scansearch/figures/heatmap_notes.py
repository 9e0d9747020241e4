"""What is written above and below a heatmap: facts of the genotype, and what its marks mean."""

from __future__ import annotations

from scansearch.figures.colours import FAINT, GREY, INK
from scansearch.figures.heatmap_rows import Rows
from scansearch.figures.same_orders import coinciding_lines
from scansearch.figures.style import Note
from scansearch.genotype import Genotype


def facts_of(genotype: Genotype) -> list[str]:
    """How many directions its layers keep, and how far halves of the images agree, if that is known."""
    keep = sorted({len(layer.directions) for layer in genotype.layers})
    kept = f"{keep[0]}" if len(keep) == 1 else f"{keep[0]} to {keep[-1]}"
    count, all_of = len(genotype.layers), len(genotype.candidates)
    owner = "1 layer keeps" if count == 1 else f"{count} layers, each keeps"
    facts = [f"{owner} {kept} of {all_of} direction{'s' * (all_of != 1)}"]
    if found := genotype.confirmed:
        agreed = f"halves agree on {found.overlap:g} of {found.most:g} (chance {found.chance:.2g})"
        facts += [agreed, f"p = {found.p:.2g}"]
    return facts


def notes_of(genotype: Genotype, rows: Rows) -> list[Note]:
    """What its marks mean, those that there are."""
    scored = any(layer.scores for layer in genotype.layers)
    notes = _kept(genotype, scored=scored)
    if scored and any(name not in layer.scores for layer in genotype.layers for name in rows.names):
        notes.append(Note("–", "no candidate of this layer", GREY))
    if any(layer.settled is False for layer in genotype.layers):
        notes.append(Note("▾", "not settled"))
    if rows.rarer:
        notes.append(Note("…", f"{rows.rarer:,} that fewer layers keep not shown", GREY))
    if rows.weaker:
        notes.append(Note("…", f"{rows.weaker:,} weaker not shown", GREY))
    return notes + [Note("" if scored else "=", line, INK) for line in coinciding_lines(genotype)]


def _kept(genotype: Genotype, *, scored: bool) -> list[Note]:
    box, confirmed = "□" if scored else "■", genotype.confirmed
    if confirmed is None:
        return [Note(box, "kept", INK)] if scored else []
    notes = [Note(box, "kept and confirmed", INK)] if any(layer.directions for layer in confirmed.layers) else []
    return [*notes, Note(box, "undecided (pale)", FAINT)]
