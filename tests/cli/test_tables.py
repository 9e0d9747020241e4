"""Tables of listings lose nothing in a narrow terminal."""

from rich.console import Console

from scansearch.cli.console import table


def test_a_long_word_is_folded_not_cut():
    address = "https://example.org/a/long/address/that/must/be/whole.tar.gz"
    console = Console(width=40)
    with console.capture() as capture:
        console.print(table(("data", "where"), [("cifar10", f"from {address}")]))
    shown = capture.get()
    assert "…" not in shown
    assert address in "".join(line[9:].strip() for line in shown.splitlines())
