"""Splits that say something about the process that reads them. They travel to it, so this file imports little."""

import os
import signal
import sys
from dataclasses import dataclass

import torch

FACTS = {
    "pid": os.getpid,
    "kernels": lambda: sum(name.startswith(("scansearch.ops", "numba", "triton")) for name in sys.modules),
    "threads": torch.get_num_threads,
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@dataclass
class Asked:
    """One image, which is a fact about the process."""

    what: str

    def __len__(self):
        return 1

    def subset(self, indices):
        return self

    def batch(self, indices):
        return torch.tensor([FACTS[self.what]()]), torch.tensor([0])


def asked(workers, what):
    """What a worker process says."""
    return int(workers.begin(Asked(what))()[0])
