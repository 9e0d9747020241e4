"""Storages of a study, and how to die in the midst of them."""

from contextlib import contextmanager

import pytest
from optuna.storages import BaseStorage, JournalStorage, RDBStorage

TRIALS = 12  # TPE learns from the eleventh on
KINDS = {"journal": JournalStorage, "sqlite": RDBStorage}
WRITES = [name for name in sorted(BaseStorage.__abstractmethods__) if name.startswith(("create", "set"))]
WRITES.append("_create_new_trial")  # what RDBStorage's cache calls


class Killed(BaseException):
    pass


def die():
    raise Killed


def url(kind, folder):
    return str(folder / "study.log") if kind == "journal" else f"sqlite:///{folder / 'study.db'}"


@contextmanager
def dying_after(number, kind, die=die):
    """Dies when the storage has done ``number`` writes; yields whether it did."""
    done = [0]

    def counted(method):
        def call(*arguments, **named):
            result = method(*arguments, **named)
            done[0] += 1
            if done[0] == number:
                die()
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            if not hasattr(KINDS[kind], name):
                continue
            patch.setattr(KINDS[kind], name, counted(getattr(KINDS[kind], name)))
        yield lambda: done[0] >= number
