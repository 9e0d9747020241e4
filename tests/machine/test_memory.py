import platform
import resource
import subprocess
import sys

import pytest

CODE = """
import resource, sys, torch
from scansearch.machine.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()

def step():
    return [torch.ones(1 << 20) for _ in range(20)]

step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it speaks to glibc")
def test_memory_of_a_step_is_there_for_the_next():
    pages = 20 * (4 << 20) // resource.getpagesize()
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True, check=True).stdout)
        for mode in ("keep", "leave")
    }
    assert faults["keep"] < pages / 10 < faults["leave"]
