"""Whatever the terminal can show, and whoever reads, a command ends as it should."""

import json
import os
import subprocess
import sys

import pytest

ASCII = [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}]
SCREENS = ["--help", "run --help", "spaces", "spaces default8", "strategies darts"]


def process(*arguments, code="pass", environment=None, **streams):
    program = f"{code}\nfrom scansearch.__main__ import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **(environment or {})},
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **streams},
        check=False,
    )


SHOW = "from scansearch.genotype import published as p; from scansearch.cli.genotype_table import show_genotype as s; "
SYMBOLS = f"import scansearch.cli.streams as t; t.prepare(); {SHOW} s(p('vim_tiny')); print('\\u4e2d \\u2026')"


@pytest.mark.parametrize("environment", [ASCII[0], pytest.param(ASCII[1], marks=pytest.mark.slow)])
def test_every_symbol_has_a_stand_in(environment):
    """Each command, one after the other in one process, to save the imports."""
    code = (
        f"{SYMBOLS}\nfrom scansearch.cli.main import app\n"
        f"for line in {SCREENS}: app(args=line.split(), standalone_mode=False)"
    )
    done = process("scans", "nöpe", code=code, environment=environment)
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"    1  o  o" in done.stdout
    assert b"\\u4e2d ..." in done.stdout
    assert done.stdout.isascii()
    assert done.stderr.count(b"\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("environment", ASCII)
@pytest.mark.parametrize(
    "line", ["scans", "scans w2 --json", "models", "doctor", "spaces wide32", "bench --unit flops"]
)
def test_every_command_can_be_shown_anywhere(environment, line):
    done = process(*line.split(), environment=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_json_for_other_programs_is_the_same_in_every_encoding():
    code = "from scansearch.cli import console; console.print_json({'a': '\\u4e2d'})"
    found = [process("--version", code=code, environment=environment).stdout for environment in (*ASCII, {})]
    data = [json.loads(text[: text.index(b"}") + 1]) for text in found]
    assert data == [{"a": "中"}] * 3


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_is_no_error(unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    done = process("--help", environment={"PYTHONUNBUFFERED": unbuffered}, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_closed_streams():
    closing = "import os; os.close(1); import sys; sys.stdout = None"
    done = process("--help", code=closing)
    assert (done.returncode, done.stderr) == (0, b"")
    check = f"{closing}\nfrom scansearch.cli.streams import prepare; prepare()\nassert open('/dev/null').fileno() > 2"
    assert process("--version", code=check).stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("line", ["--help", pytest.param("spaces --json", marks=pytest.mark.slow)])
def test_what_was_asked_for_and_cannot_be_written_is_an_error(line):
    with open("/dev/full", "wb") as full:
        done = process(*line.split(), stdout=full)
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1
