"""Measures and prints: python -m benchmarks [NAME ...] [options]; `-h` lists names and options."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path

from rich.console import Console

from benchmarks import (
    alone,
    curve_figure,
    curves,
    decoys,
    derived,
    estimate,
    floor,
    growth,
    image_check,
    loader,
    machine,
    many_directions,
    memory,
    orders,
    paper,
    planted,
    proposals,
    ranks,
    scale,
    scan,
    strategies,
    subsets,
    supernet_step,
    update,
)
from benchmarks.comparison import Result
from benchmarks.curve_table import Worth
from benchmarks.growth import Growth
from benchmarks.search import named, search
from scansearch.errors import ScansearchError
from scansearch.registry import STRATEGIES

BENCHMARKS: dict[str, Callable[[argparse.Namespace], Sequence[Result]]] = {
    # First, as it forks: JAX, once it has run, warns of that.
    "loader": lambda options: loader.run(options.repeats, tiny=options.tiny),
    "scan": lambda options: scan.run(options.repeats, tiny=options.tiny),
    "step": lambda options: supernet_step.run(options.repeats, tiny=options.tiny),
    "floor": lambda options: floor.run(options.repeats, tiny=options.tiny),
    "derived": lambda options: derived.run(options.repeats, tiny=options.tiny),
    "update": lambda options: update.run(options.repeats, tiny=options.tiny),
    "scale": lambda options: scale.run(options.repeats, tiny=options.tiny),
    "paper": lambda options: paper.run(),
    "many": lambda options: many_directions.run(options.repeats, tiny=options.tiny),
    "orders": lambda options: orders.run(options.repeats, tiny=options.tiny),
    "strategies": lambda options: strategies.run(options.repeats, tiny=options.tiny),
    "subsets": lambda options: subsets.run(options.repeats, tiny=options.tiny),
    "memory": lambda options: memory.run(tiny=options.tiny),
    "estimate": lambda options: estimate.run(tiny=options.tiny),
    "planted": lambda options: planted.run(options.seeds or planted.SEEDS, options.strategy, tiny=options.tiny),
    "decoys": lambda options: decoys.run(
        options.seeds or decoys.SEEDS, options.strategy, root=options.data_root, tiny=options.tiny
    ),
    "alone": lambda options: alone.run(options.seeds or alone.SEEDS, root=options.data_root, tiny=options.tiny),
    "curves": lambda options: curves.run(
        options.seeds or curves.SEEDS,
        options.strategy,
        budgets=options.budget or curves.BUDGETS,
        layouts=options.layouts,
        layout_seeds=options.layout_seed or (),
        both=options.both,
        record=options.record,
        processes=options.processes,
        trainings=options.trainings,
        tiny=options.tiny,
    ),
    "proposals": lambda options: proposals.run(options.seeds or proposals.SEEDS, options.strategy, tiny=options.tiny),
    "ranks": lambda options: ranks.run(
        options.seeds or ranks.SEEDS, options.strategy, options.genotypes, root=options.data_root, tiny=options.tiny
    ),
    "images": lambda options: image_check.run(options.repeats, tiny=options.tiny),
}
LONG = ("planted", "decoys", "alone", "curves", "proposals", "ranks")
"""Whole searches, many of them: up to an hour or more each, so they run only when they are named."""
SETTABLE = {"curves", "planted"}
"""Those whose ``--strategy`` may have settings."""
CHECKED = ("scan", "step", "derived", "update", "scale", "subsets", "estimate", "planted", "decoys")
"""Those that promise something."""

WIDTH = 170
"""Columns of the widest table: where there are fewer, as in a pipe, lines run on rather than lose their figures."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Speed and memory of scansearch against its peers in the same process, and what its searches find.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to measure: {', '.join(BENCHMARKS)} (default: all but {', '.join(LONG)})",
    )
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="rounds of each timing (default: 7)")
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="searches a strategy (of each layout, in curves); trainings a genotype, in alone and ranks, there also supernets a row",
    )
    parser.add_argument(
        "--strategy",
        action="append",
        metavar="NAME",
        help="only this one, where benchmarks search; again for more; in curves and planted also with settings: single_path,pick=expected",
    )
    parser.add_argument(
        "--genotypes", type=int, default=ranks.GENOTYPES, metavar="N",
        help=f"genotypes that supernets rank, in ranks (default: {ranks.GENOTYPES})",
    )  # fmt: skip
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="folder of fashion-mnist, for decoys, alone and ranks"
    )
    parser.add_argument(
        "--budget",
        type=int,
        action="append",
        metavar="N",
        help="time of a search in trainings, in curves; again for more",
    )
    parser.add_argument("--layouts", type=int, default=6, metavar="N", help="layouts, in curves (default: 6)")
    parser.add_argument(
        "--layout-seed", type=int, action="append", metavar="N", help="draws hidden layouts, in curves; again for more"
    )
    parser.add_argument(
        "--both", action="store_true", help="the open layouts, too, beside those that --layout-seed draws"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="results so far, to go on from, in curves")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="jobs at once, in curves (default: 1)")
    parser.add_argument(
        "--trainings", type=int, default=1, metavar="N", help="of what each search found, in curves (default: 1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="also draw scale, or curves, as a PNG")
    parser.add_argument("--check", action="store_true", help="end with status 1 if a promise is missed")
    parser.add_argument(
        "--tiny", action="store_true", help="tiny shapes, to see that it runs; the figures mean nothing"
    )
    options = parser.parse_args(arguments)
    if wrong := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark {wrong[0]!r}; there is: {', '.join(BENCHMARKS)}")
    for strategy in options.strategy or ():
        name, settings = named(strategy)
        if name not in STRATEGIES:
            parser.error(f"unknown strategy {strategy!r}; there is: {', '.join(STRATEGIES.names())}")
        if settings and (elsewhere := {*options.names} - SETTABLE):
            parser.error(
                f"settings of a strategy are for {' and '.join(sorted(SETTABLE))}, but {elsewhere.pop()} got {strategy!r}"
            )
        if fixed := settings.keys() & signature(search).parameters:
            parser.error(f"{fixed.pop()} is not for --strategy to say: the benchmark chooses it, but got {strategy!r}")
    least_of = {"repeats": 1, "seeds": 1, "genotypes": 3, "layouts": 1, "processes": 1, "trainings": 1}
    least_of |= {"budget": 1, "layout_seed": 0}
    for flag, least in least_of.items():
        given = getattr(options, flag)
        for number in given if isinstance(given, list) else [given]:
            if number is not None and number < least:
                parser.error(f"--{flag.replace('_', '-')} must be at least {least}, but got {number}")
    if options.both and options.layout_seed is None:
        parser.error("--both is for layouts that are drawn; give --layout-seed, or leave it out")
    for flag, file in (("json", options.json), ("figure", options.figure)):
        if file and not file.parent.is_dir():
            parser.error(f"--{flag} needs an existing folder, but there is no {file.parent}")
    if options.check and (options.tiny or (options.names and not {*CHECKED} & {*options.names})):
        parser.error(f"--check compares at full size: leave --tiny out, and measure some of {', '.join(CHECKED)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmarks asked for; returns the exit status."""
    options, console = parse(arguments), Console(highlight=False)
    console.width = max(console.width, WIDTH)
    facts, found = machine.facts(), list[Result]()
    for name, fact in facts.items():
        console.print(f"{name:<10} {fact}", markup=False, soft_wrap=True)
    for name in dict.fromkeys(options.names or (name for name in BENCHMARKS if name not in LONG)):
        for comparison in BENCHMARKS[name](options):
            console.print(f"\n{comparison.title}", style="bold", markup=False, soft_wrap=True)
            console.print(comparison.table())
            found.append(comparison)
    if options.json:
        data = {"machine": facts, "repeats": options.repeats, "results": [comparison.to_dict() for comparison in found]}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    if options.figure:
        _draw(found, options.figure)
    return _verdict(console, found) if options.check else 0


def _draw(found: Sequence[Result], file: Path) -> None:
    if growths := [result for result in found if isinstance(result, Growth)]:
        growth.draw(growths, file)
    elif worth := next((result for result in found if isinstance(result, Worth)), None):
        curve_figure.draw(worth, file)


def _verdict(console: Console, found: Sequence[Result]) -> int:
    missed = [line for comparison in found for line in comparison.missed()]
    console.print()
    for line in missed or ["everything promised holds"]:
        console.print(line, markup=False, soft_wrap=True)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ScansearchError, OSError) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
