"""What ``scansearch estimate`` and ``scansearch run --dry-run`` print."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.cli.console import err, out, print_json
from scansearch.display.lines import from_to
from scansearch.display.plain import plain
from scansearch.documents import MAX_INTEGER
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.runs.config import RunConfig

COUNTING = "counting the memory of a few small steps, and timing them"


def show_estimate(config: RunConfig, *, json: bool) -> None:
    """Prints how much a search would be, want of memory included."""
    from scansearch.searching.search_estimate import estimate

    with err.status(COUNTING):
        facts = estimate(config)
    _show(facts, json=json)


def show_dry_run(config: RunConfig, folder: Path, *, json: bool) -> None:
    """Prints all settings, as a --config file has them, and how much the search would be.

    Raises:
        ScansearchError: If it would surely fail for want of memory.
    """
    from scansearch.searching.search_estimate import estimate

    with err.status(COUNTING):
        facts = estimate(config, folder)
    if not json:
        out.print(config.to_toml(), markup=False, soft_wrap=True)
    failing = facts["memory"].get("fails")
    _show(facts, json=json, advise=not failing)
    if failing:
        raise ScansearchError(facts["memory"]["advice"])


def _show(facts: dict[str, Any], *, json: bool, advise: bool = True) -> None:
    if json:
        space = facts["space"]
        if space["genotypes"] > MAX_INTEGER:  # other programs read a longer one wrongly, or not at all
            space["genotypes"] = _count(space["genotypes"])
        print_json(facts)
        return
    for line in _lines(facts):
        out.print(line, soft_wrap=True)
    for note in facts["notes"]:
        err.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
    if advise and (advice := facts["memory"].get("advice")):
        err.print(f"[yellow]out of memory:[/] {plain(advice)}", soft_wrap=True)


def _lines(facts: dict[str, Any]) -> list[str]:
    images, space, work, memory = (facts[key] for key in ("images", "space", "work", "memory"))
    steps = f"{work['epochs']:,} epochs of {work['steps_per_epoch']:,} steps: {work['steps']:,} updates of the weights"
    after = {"judgements": "genotypes judged at most", "tunings": "updates of fine-tuning"}
    more = [f"{work[key]:,} {what}" for key, what in after.items() if work[key]]
    sizes = ", ".join(f"{name} {memory[name] / 2**20:,.1f} MB" for name in ("weights", "gradients", "optimizer"))
    shape = " x ".join(map(str, images["shape"]))
    return [
        f"[bold]images[/]: {images['train']:,} for training, {images['validation']:,} for validation, {shape}, "
        f"{images['classes']:,} classes",
        f"[bold]space[/]: {_count(space['genotypes'])} genotypes; {space['layers']} layers, each keeps "
        f"{from_to(space['keep'])} of {from_to(space['candidates'])}",
        f"[bold]work[/]: {', '.join([steps if work['steps'] else 'no supernet is trained', *more])}",
        f"[bold]memory[/]: {_peak(memory)}",
        f"[bold]parameters[/]: {memory['parameters']:,}; {sizes}",
        f"[bold]time[/]: {_time(facts)}",
        "nothing was written",
    ]


def _peak(memory: dict[str, Any]) -> str:
    if "peak" not in memory:
        return "not known before the run: no supernet is trained"
    of = f" of {memory['available'] / 2**30:,.1f} GB" if memory["available"] else ""
    each = f" for each of {memory['processes']} processes that share it" if memory["processes"] > 1 else ""
    way = f"; mixture={memory['mixture']}" if memory["mixture"] != "auto" else ""
    why = f" ({memory['reason'].partition(' ')[2]})" if memory["reason"] else ""
    return (
        f"{memory['peak'] / 2**20:,.0f} MB at the peak{each}{of} ({memory['device']}); the tensors of a step are "
        f"{memory['tensors'] / 2**20:,.0f} MB of it{way}{why}"
    )


def _time(facts: dict[str, Any]) -> str:
    time = facts["time"]
    if time["seconds"] is None:
        return f"not known before the run: {time['reason']}"
    each, later = time["seconds_per_step"], {"judging": "judgements", "fine-tuning": "tunings"}
    more = ["evaluation after each epoch", *(what for what, key in later.items() if facts["work"][key])]
    return (
        f"{each:g} s a step, {_measured(facts)}; so the updates take about {_duration(time['seconds'])}; "
        f"{', '.join(more)} and figures come on top"
    )


def _measured(facts: dict[str, Any]) -> str:
    steps, batches = facts["time"]["measured_steps"], facts["time"]["measured_batches"]
    if batches == [facts["work"]["batch"]]:
        return f"measured here on {steps} {'step' if steps == 1 else 'steps'} after a first one"
    return f"by those with {' and '.join(map(str, batches))} images, as it would take long to measure"


def _duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2g} seconds"


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**6 else f"{Decimal(number):.3g}"
