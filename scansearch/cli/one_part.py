"""One run of several that a command would do side by side: here, or for another process, or in processes of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scansearch.cli.console import out
from scansearch.cli.interrupted import resumable
from scansearch.cli.streams import say_line

if TYPE_CHECKING:
    from scansearch.comparing.sub_run import SubRun


def do_one(one: SubRun, done: str, *, json: bool, before: Callable[[], object] = lambda: None) -> None:
    """Does it.

    Args:
        one: The run.
        done: The line that is printed in the end.
        json: Write a line on standard output for each event instead, as ``EventLines`` does.
        before: Called once before it, not in each of its processes.
    """
    from scansearch.cli.launching import launch_command
    from scansearch.display.progress import display
    from scansearch.machine.launched import launched
    from scansearch.training.event_lines import EventLines

    with resumable(one.path):
        if not launched():
            before()
        if one.config.machine.devices > 1 and not launched():
            launch_command(one.config.machine, one.path, one.config.train.batch_size)
        elif json:
            one.do(EventLines(say_line))
        else:
            with display(out) as listener:
                one.do(listener)
            out.print(done, soft_wrap=True)
