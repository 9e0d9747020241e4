"""Measures and prints: python -m benchmarks [NAME ...] [--repeats N] [--json FILE] [--check] [--tiny]; `-h` lists the names."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import machine, many_directions, memory, orders, scan, strategies, supernet_step
from benchmarks.comparison import Comparison
from scansearch.errors import ScansearchError

BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Comparison]]] = {
    "scan": lambda options: scan.run(options.repeats, tiny=options.tiny),
    "step": lambda options: supernet_step.run(options.repeats, tiny=options.tiny),
    "many": lambda options: many_directions.run(options.repeats, tiny=options.tiny),
    "orders": lambda options: orders.run(options.repeats, tiny=options.tiny),
    "strategies": lambda options: strategies.run(options.repeats, tiny=options.tiny),
    "memory": lambda options: memory.run(tiny=options.tiny),
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; a mistake in it ends the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Speed and memory of scansearch, against its peers in the same process.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(BENCHMARKS)} (default: all)"
    )
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="rounds of each timing (default: 7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    parser.add_argument("--check", action="store_true", help="end with status 1 if a promised ratio is missed")
    parser.add_argument(
        "--tiny", action="store_true", help="tiny shapes, to see that it runs; the figures mean nothing"
    )
    options = parser.parse_args(arguments)
    if wrong := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark {wrong[0]!r}; there is: {', '.join(BENCHMARKS)}")
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, but got {options.repeats}")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json needs an existing folder, but there is no {options.json.parent}")
    if options.check and (options.tiny or (options.names and not {"scan", "step"} & set(options.names))):
        parser.error("--check compares times at full size: leave --tiny out, and measure scan or step")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmarks asked for; returns the exit status."""
    options, console = parse(arguments), Console(highlight=False)
    facts, found = machine.facts(), []
    for name, fact in facts.items():
        console.print(f"{name:<10} {fact}", markup=False, soft_wrap=True)
    for name in dict.fromkeys(options.names or BENCHMARKS):
        for comparison in BENCHMARKS[name](options):
            console.print(f"\n{comparison.title}", style="bold", markup=False, soft_wrap=True)
            console.print(comparison.table())
            found.append(comparison)
    if options.json:
        data = {"machine": facts, "repeats": options.repeats, "results": [comparison.to_dict() for comparison in found]}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return _verdict(console, found) if options.check else 0


def _verdict(console: Console, found: Sequence[Comparison]) -> int:
    missed = [line for comparison in found for line in comparison.missed()]
    console.print()
    for line in missed or ["every ratio promised holds"]:
        console.print(line, markup=False, soft_wrap=True)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ScansearchError, OSError) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
