"""Storages that are being made, half written, or something else."""

import pytest
from optuna.storages import JournalStorage
from sqlalchemy.exc import IntegrityError, OperationalError

from scansearch.strategy.black_box import opening


def failing(errors):
    """What stands in for a database that another worker is making: it fails with these errors, then opens."""

    def make(*arguments, **named):
        if errors:
            raise errors.pop(0)
        return "open"

    return make


def test_tables_that_another_worker_makes_just_now_are_waited_for(monkeypatch):
    races = [
        OperationalError("CREATE TABLE studies", None, Exception("table studies already exists")),
        IntegrityError("INSERT", None, Exception("UNIQUE constraint failed: version_info.version_info_id")),
        IntegrityError(
            "INSERT", None, Exception('duplicate key value violates unique constraint "alembic_version_pkc"')
        ),
        OperationalError("INSERT", None, Exception("database is locked")),
    ]
    monkeypatch.setattr(opening, "PAUSES", (0.0,) * 4)
    monkeypatch.setattr(opening, "RDBStorage", failing(races))
    assert opening.opened("sqlite:///study.db", print) == "open"
    assert not races


def test_what_waiting_cannot_mend_is_told_at_once(monkeypatch):
    errors = [OperationalError("SELECT", None, Exception("could not connect to server: Connection refused"))]
    monkeypatch.setattr(opening, "RDBStorage", failing(errors))
    with pytest.raises(OperationalError, match="Connection refused"):
        opening.opened("postgresql://host/db", print)


def test_an_empty_or_half_first_line_is_a_new_journal(tmp_path):
    for begun in (b"", b'{"op', b'{"op_code":0,"worker_id":"x","study_na'):
        (tmp_path / "study.log").write_bytes(begun)
        assert isinstance(opening.opened(str(tmp_path / "study.log"), print), JournalStorage)
        assert (tmp_path / "study.log").read_bytes() == b""
