"""``scansearch strategies``: the strategies there are, and their settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scansearch.cli.console import guarded, out, plain, print_json, table


@guarded
def command(
    name: Annotated[str | None, typer.Argument(help="Show the settings and presets of this strategy.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List search strategies; with a name, show its settings (for --set) and its presets (for --preset)."""
    from scansearch.registry import STRATEGIES

    if name is None:
        found = [(n, STRATEGIES.get(n).description, STRATEGIES.get(n).when) for n in STRATEGIES.names()]
        if json:
            print_json([{"name": n, "description": d, "when": w} for n, d, w in found])
        else:
            out.print(table(("strategy", "what it does", "take it when"), found))
        return
    kind = STRATEGIES.get(name)
    if json:
        schema = kind.Settings.model_json_schema()
        print_json(
            {
                "name": name,
                "description": kind.description,
                "when": kind.when,
                "settings": schema,
                "presets": kind.presets,
            }
        )
        return
    out.print(f"[bold]{plain(name)}[/]: {plain(kind.description)}")
    out.print(f"take it when: {plain(kind.when)}\n" if kind.when else "")
    rows = [(key, _default(field), field.description or "") for key, field in kind.Settings.model_fields.items()]
    out.print(table(("setting", "default", ""), rows))
    for preset, sections in kind.presets.items():
        values = ", ".join(f"{key}={value}" for section in sections.values() for key, value in section.items())
        out.print(f"\n--preset [bold]{plain(preset)}[/]: {plain(values)}")


def _default(field: Any) -> str:
    return "unset" if field.default is None else str(field.default)
