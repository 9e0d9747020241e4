"""``scansearch scans``: the scan orders there are."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from scansearch.cli.console import guarded, out, print_json, table
from scansearch.errors import ScansearchError


@guarded
def command(
    name: Annotated[str | None, typer.Argument(help="Show the path of this order, for example w2_flip.")] = None,
    grid: Annotated[str, typer.Option(help="Rows x columns of the tokens.")] = "4x4",
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List scan orders; with a name, show when each token of a grid is visited."""
    from scansearch.registry import SCAN_ORDERS
    from scansearch.scans import ScanOrder

    if name is None:
        families = [SCAN_ORDERS.get(n) for n in SCAN_ORDERS.names()]
        facts = [{"family": f.name, "examples": list(f.examples), "description": f.description} for f in families]
        if json:
            print_json(facts)
        else:
            out.print(
                table(("family", "examples", ""), [(f.name, ", ".join(f.examples), f.description) for f in families])
            )
            out.print("\nevery order also comes reversed: add _flip")
        return
    height, width = parse_grid(grid)
    order = ScanOrder(name)
    if json:
        print_json({"name": name, "grid": [height, width], "indices": order.indices(height, width).tolist()})
        return
    places = order.inverse(height, width).view(height, width).tolist()
    digits = len(str(height * width - 1))
    out.print(f"[bold]{name}[/] on {height} x {width}: when each token is visited")
    for row in places:
        out.print("  ".join(f"{place:>{digits}}" for place in row))


def parse_grid(text: str) -> tuple[int, int]:
    """(rows, columns) from ``14x14``, each 1 to 1024."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if not match or not all(1 <= int(n) <= 1024 for n in match.groups()):
        raise ScansearchError(f"a grid is ROWSxCOLUMNS, each 1 to 1024, for example 14x14, but got {text!r}")
    return int(match[1]), int(match[2])
