"""Passwords are found wherever a URL may hold one, and nothing else is taken for one."""

import pytest

from scansearch.masking import masked, passwords, without


@pytest.mark.parametrize(
    ("url", "secret", "shown"),
    [
        ("postgresql://me:hunter2@host/db", "hunter2", "postgresql://me:***@host/db"),
        ("postgresql+psycopg2://me:hunter2@host:5432/db", "hunter2", "postgresql+psycopg2://me:***@host:5432/db"),
        ("mysql://me:hun@ter/2?@host/db", "hun@ter/2?", "mysql://me:***@host/db"),
        ("mysql://me:hun%40ter2@host/db", "hun@ter2", "mysql://me:***@host/db"),
        ("redis://:hunter2@host", "hunter2", "redis://:***@host"),
        ("https://me:hunter2@host/images.npz", "hunter2", "https://me:***@host/images.npz"),
        ("postgresql://host/db?user=me&password=hunter2", "hunter2", "postgresql://host/db?user=me&password=***"),
        ("postgresql://host/db?sslpassword=hunter2&x=1", "hunter2", "postgresql://host/db?sslpassword=***&x=1"),
        ("https://host/data?access_token=hunter2", "hunter2", "https://host/data?access_token=***"),
    ],
)
def test_a_password_is_found_and_masked(url, secret, shown):
    assert secret in passwords(url)
    assert masked(f"--set storage={url} 'and {url}'") == f"--set storage={shown} 'and {shown}'"


def test_those_that_a_url_quotes_or_breaks_are_found_too():
    assert "hunter2" in passwords("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dme%3BPWD%3Dhunter2%3B")
    assert "{hun;ter2}" in passwords("mssql+pyodbc:///?odbc_connect=UID=me;PWD={hun;ter2}")
    assert "hunter 2" in passwords("postgresql://me:hunter 2@host/db")
    assert "hunter2" in passwords("sqlite+pysqlcipher://:hunter2@/study.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@host:5432/db", "postgresql://host/db?passfile=/data/.pgpass", "sqlite:////data/a:b@c/study.db",
        "sqlite:///:memory:", "study.log", "", "https://host:8080/data?page=2", "--set tokens=3 --set depth=2",
    ],
)  # fmt: skip
def test_what_holds_no_password_stays_as_it_is(url):
    assert passwords(url) == set()
    assert masked(url) == url


def test_pieces_of_a_password_that_a_parser_quotes_are_masked():
    url = "postgresql://me:hunter:two@host/db"
    assert (
        without("invalid literal for int() with base 10: 'two@host'", url)
        == "invalid literal for int() with base 10: '***@host'"
    )
