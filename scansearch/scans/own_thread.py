"""Tables that outlive the call that first asks for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_own_thread(make: Callable[[], T]) -> T:
    """What ``make`` returns, computed in a thread of its own.

    A tensor that is kept must not belong to what its first caller is about: ``torch.inference_mode``, a trace, an export
    with fake tensors, a transform of ``torch.func``, a default device. All of these hold for one thread only.

    Raises:
        BaseException: Whatever ``make`` raises.
    """
    made: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            made.append(make())
        except BaseException as error:  # raised again below, in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return made[0]
