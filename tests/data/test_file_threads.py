"""Work in a few threads, asked for by several threads at a time."""

import threading
import warnings

from scansearch.data.threads import each


def test_warnings_are_as_before_when_two_threads_have_asked():
    began, go_on = threading.Event(), threading.Event()
    before = list(warnings.filters)
    slow = threading.Thread(target=lambda: each(lambda _: (began.set(), go_on.wait(10)), [1]))
    slow.start()
    assert began.wait(10)
    assert each(lambda n: 2 * n, [1, 2]) == [2, 4]
    go_on.set()
    slow.join()
    assert warnings.filters == before
