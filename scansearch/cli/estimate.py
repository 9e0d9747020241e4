"""``scansearch estimate``: what a search would take."""

from __future__ import annotations

from typing import Annotated

import typer

from scansearch.cli import run_options
from scansearch.cli.console import guarded


@guarded
def command(
    space: run_options.Space = None,
    strategy: run_options.Strategy = None,
    model: run_options.Model = None,
    data: run_options.Data = None,
    data_root: run_options.DataRoot = None,
    epochs: run_options.Epochs = None,
    batch_size: run_options.BatchSize = None,
    devices: run_options.Devices = None,
    seed: run_options.Seed = None,
    config: run_options.Config = None,
    preset: run_options.Preset = None,
    settings: run_options.Assignments = None,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """Say what a search would take: memory at its peak, and time.

    Takes the options of `scansearch run`. A few steps are counted and timed here, most of them of few images; nothing is written.
    Where memory does not suffice, a line says which setting would.

    Examples:
      scansearch estimate --space wide128 --batch-size 256
      scansearch estimate --model local_vim_tiny --data imagefolder --data-root photos --set image_size=224
    """
    from scansearch.cli.show_estimate import show_estimate

    made = run_options.made_config(
        space=space, strategy=strategy, model=model, data=data, data_root=data_root, seed=seed,
        epochs=epochs, batch_size=batch_size, devices=devices, config=config, preset=preset, settings=settings,
    )  # fmt: skip
    show_estimate(made, json=json)
