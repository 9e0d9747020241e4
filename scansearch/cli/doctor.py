"""``scansearch doctor``: what works on this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scansearch.cli.console import guarded, out, print_json, table
from scansearch.display.plain import plain


@guarded
def command(
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """Say what works on this machine, and why: versions, devices, and the backends of the selective scan."""
    facts = _facts()
    if json:
        print_json(facts)
        return
    out.print(table(("package", "version"), list(facts["versions"].items())))
    out.print(
        f"\npython {facts['python']}; {plain(facts['processor'])}; {facts['threads']} threads; "
        f"GPU: {plain(facts['gpu'] or 'none')}\n"
    )
    rows = [(b["name"], "yes" if b["available"] else "no", b["reason"]) for b in facts["backends"]]
    out.print(table(("scan backend", "works", "what it runs on, or why not"), rows))
    for device, backend in facts["auto"].items():
        out.print(f"\nauto uses [bold]{plain(backend)}[/] on {device}")


def _facts() -> dict[str, Any]:
    import platform
    from dataclasses import asdict

    import torch

    from scansearch.machine.environment import processor, versions
    from scansearch.ops import backend_report, resolve_backend

    gpu = torch.cuda.is_available()
    devices = ["cpu", "cuda"] if gpu else ["cpu"]
    return {
        "python": platform.python_version(),
        "versions": versions(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if gpu else None,
        "backends": [asdict(status) for status in backend_report(devices[-1])],
        "auto": {device: resolve_backend("auto", torch.empty(0, device=device)) for device in devices},
    }
