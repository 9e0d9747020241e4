"""Opens the storage of a study: a journal file, or a database whose tables another worker may be making just now."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial

from scansearch.errors import ScansearchError
from scansearch.strategy.black_box.storage import SQLITE

HEARTBEAT, GRACE, PATIENCE = 60, 120, 60  # seconds
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds
RACES = ("already exists", "unique", "duplicate", "locked")
"""What databases say to the second of two workers that make the tables at the same time."""
JOURNAL = b'{"op_code"'


def opened(url: str, on_stale: Callable[[Study, FrozenTrial], None]) -> BaseStorage:
    """Opens a storage, and makes it if it is not there.

    Args:
        url: URL of a database, path of a journal, or nothing: then it is kept in memory.
        on_stale: Told about each trial that is given up because its worker's heartbeat is silent.

    Raises:
        ScansearchError: If the file is no journal. Errors of the database come as they are.
    """
    for pause in PAUSES:
        try:
            return _opened(url, on_stale)
        except Exception as error:
            if not any(race in f"{error} {error.__cause__}".lower() for race in RACES):
                raise
            time.sleep(pause)
    return _opened(url, on_stale)


def _opened(url: str, on_stale: Callable[[Study, FrozenTrial], None]) -> BaseStorage:
    if not url:
        return InMemoryStorage()
    if "://" not in url:
        return JournalStorage(_journal(url))
    options = {"connect_args": {"timeout": PATIENCE}} if url.startswith(SQLITE) else {"pool_pre_ping": True}
    with warnings.catch_warnings():  # heartbeats are marked as experimental
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RDBStorage(
            url, options, heartbeat_interval=HEARTBEAT, grace_period=GRACE, heartbeat_stale_trial_callback=on_stale
        )


def check_journal(path: str) -> None:
    """Checks that what is at a path, if anything, is a journal.

    Raises:
        ScansearchError: If it is not.
    """
    if not os.path.exists(path):
        return
    if not os.path.isfile(path):  # a pipe would be waited for without end
        raise ScansearchError(f"{path} is no file, so no journal of Optuna; begin a run with another --set storage=")
    with open(path, "rb") as file:
        head = file.read(len(JOURNAL))
    if not JOURNAL.startswith(head):
        raise ScansearchError(f"{path} is not a journal of Optuna; begin a run with another --set storage=")


def _journal(path: str) -> JournalFileBackend:
    """A journal without the half line that a power cut or a full disk leaves at its end: what follows would be lost with it."""
    check_journal(path)
    lock = JournalFileSymlinkLock(path)
    backend = JournalFileBackend(path, lock_obj=lock)
    lock.acquire()  # nobody writes now
    try:
        whole = Path(path).read_bytes()
        if not whole.endswith(b"\n"):
            os.truncate(path, whole.rfind(b"\n") + 1)
    finally:
        lock.release()
    return backend
