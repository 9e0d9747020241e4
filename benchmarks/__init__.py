"""Every number in docs/benchmarks.md and docs/evidence.md, and the command that measures it: python -m benchmarks."""

import os

from scansearch.machine.before_torch import set_variables

set_variables()  # as the command line does, for ours and for the peers alike
os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler says when it begins and ends
