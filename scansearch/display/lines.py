"""The lines that a run leaves on a screen: how it begins, and one an epoch; a search has others than a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from scansearch.display.plain import plain
from scansearch.shape import measure_text
from scansearch.training.events import Progress


class Lines(NamedTuple):
    """The lines of a kind of run.

    Args:
        header: From the facts of the run to what stands above those of the epochs.
        beginning: From the facts of the run, and where it stands, to its first line.
        epoch: From a row of its table to the line of an epoch.
    """

    header: Callable[[Mapping[str, Any]], str]
    beginning: Callable[[Mapping[str, Any], Progress], str]
    epoch: Callable[[Mapping[str, Any]], str]


def from_to(values: Sequence[int]) -> str:
    """The first and the last of ascending numbers, or the only one."""
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"


def epochs(count: int) -> str:
    """So many epochs."""
    return f"{count} epoch{'' if count == 1 else 's'}"


def _search(facts: Mapping[str, Any], progress: Progress) -> str:
    candidates, keep = from_to(facts["candidates"]), from_to(facts["keep"])
    genotypes = Decimal(facts["genotypes"])  # may lie beyond the floats
    return (
        f"[bold]{plain(facts['model'])}[/]: {facts['layers']} layers, each keeps {keep} of {candidates} directions "
        f"({genotypes:.3g} genotype{'' if genotypes == 1 else 's'}); supernet of {facts['parameters']:,} parameters; "
        f"{facts['images']:,} training images; {_length(facts, progress)}"
    )


def _training(facts: Mapping[str, Any], progress: Progress) -> str:
    height, width = facts["image_size"]
    return (
        f"[bold]{plain(facts['model'])}[/]: {facts['layers']} layers, {facts['parameters']:,} parameters; "
        f"{facts['images']:,} training images of {height} x {width}; recipe {plain(facts['recipe'])}; {_length(facts, progress)}"
    )


def _length(facts: Mapping[str, Any], progress: Progress) -> str:
    verb = f"resuming at step {progress.step} of {progress.steps}" if facts["resumed"] else epochs(progress.epochs)
    return f"{verb}; {plain(facts['device'])}, scan backend {plain(facts['scan_backend'])}"


def _measured(row: Mapping[str, Any]) -> str:
    return (
        f"{row['epoch']:>5}  {row['train_loss']:>10.3f}  {row['train_accuracy']:>6.1%}  "
        f"{row['val_loss']:>8.3f}  {row['val_accuracy']:>6.1%}  {_ranked(row['measure'], format(row['worth'], '.1%'))}"
    )


def _ranked(measure: str, shown: str) -> str:
    """A column for what networks are ranked by, where that is not the accuracy, which has one already."""
    return "" if measure == "accuracy" else f"{shown:>8}  "


def _header(facts: Mapping[str, Any]) -> str:
    """What stands above ``_measured``."""
    return f"epoch  train loss     acc  val loss     acc  {_ranked(facts['measure'], measure_text(facts['measure']))}"


SEARCH = Lines(
    lambda facts: f"{_header(facts)}entropy    margin  changes",
    _search,
    lambda row: f"{_measured(row)}{row['entropy']:>7.3f}  {row['margin']:>8.1e}  {row['genotype_changes']:>7}",
)
"""``margin`` is the smallest of all layers; ``changes`` counts directions that are new since the epoch before."""
TRAINING = Lines(lambda facts: f"{_header(facts)}     lr", _training, lambda row: f"{_measured(row)}{row['lr']:>7.1e}")
SUPERNET = Lines(TRAINING.header, _search, TRAINING.epoch)
"""Of a search that chooses once, after training: until then there is no choice, and no margin."""


def lines_of(facts: Mapping[str, Any]) -> Lines:
    """Those of the kind of run that begins with these facts."""
    if "gradual" not in facts:
        return TRAINING
    return SEARCH if facts["gradual"] else SUPERNET
