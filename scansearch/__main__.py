"""The entry point: ``scansearch`` and ``python -m scansearch``. Signals are answered before anything heavy is imported."""

from scansearch.cli.interrupted import ignore, install
from scansearch.cli.streams import prepare


def main() -> None:
    """Runs the command line; Ctrl-C ends it in one line from here to the last moment."""
    install()
    prepare()
    try:
        from scansearch.cli.main import main as run

        run()
    finally:
        ignore()


if __name__ == "__main__":
    main()
