"""Work in a few threads, asked for by several threads at a time."""

import subprocess
import sys
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


def test_what_pillow_logs_beside_its_exception_is_not_printed():
    code = "import logging, scansearch.data.threads; logging.getLogger('PIL.TiffImagePlugin').error('a bad tag')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
