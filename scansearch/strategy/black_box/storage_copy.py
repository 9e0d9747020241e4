"""A study as it is now, in memory, for whoever only wants to look: the storage is read, and neither made nor written."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend
from typing_extensions import override

from scansearch.files import check_writable
from scansearch.strategy.black_box.opening import PATIENCE, check_journal
from scansearch.strategy.black_box.storage import SQLITE

TABLES = ("studies", "version_info", "alembic_version")
"""Tables without which Optuna would make its own."""


def copied(url: str, study: str) -> BaseStorage:
    """A storage in memory with what another has of a study; empty if that is not there yet.

    Args:
        url: URL of a database, path of a journal, or nothing.
        study: Name of the study.

    Raises:
        ScansearchError: If the file is no journal, or a file cannot be made or written there. Errors of the database come as
            they are.
    """
    if not url:
        return InMemoryStorage()
    if "://" not in url:
        return JournalStorage(_JournalInMemory(_lines(url)))
    return _of_database(url, study)


class _JournalInMemory(BaseJournalBackend):
    def __init__(self, lines: list[bytes]) -> None:
        self.logs: list[dict[str, Any]] = [json.loads(line) for line in lines]

    @override
    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self.logs[log_number_from:]

    @override
    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += logs


def _lines(path: str) -> list[bytes]:
    """The whole lines of a journal; another process may be writing the last one."""
    check_journal(path)
    _check_place(path)
    content = Path(path).read_bytes() if os.path.exists(path) else b""
    return content[: content.rfind(b"\n") + 1].splitlines()


def _of_database(url: str, study: str) -> BaseStorage:
    import sqlalchemy

    path = url.removeprefix(SQLITE) if url.startswith(SQLITE) else ""
    held, options = InMemoryStorage(), {}
    if path not in ("", ":memory:"):
        _check_place(path)
        if not os.path.exists(path):
            return held
        read_only = f"file:{quote(path)}?mode=ro"
        options = {"creator": lambda: sqlite3.connect(read_only, uri=True, timeout=PATIENCE)}
    engine = sqlalchemy.create_engine(url, **options)
    there = sqlalchemy.inspect(engine).get_table_names()
    engine.dispose()
    if not set(TABLES) <= set(there):
        return held
    storage = RDBStorage(url, options, skip_table_creation=True)
    if any(found.study_name == study for found in storage.get_all_studies()):
        optuna.copy_study(from_study_name=study, from_storage=storage, to_storage=held)
    storage.engine.dispose()
    return held


def _check_place(path: str) -> None:
    """Checks that the file, or one of its name, can be written."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    check_writable(folder)
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
