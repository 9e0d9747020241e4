"""``python -m scansearch``: the command line, where no script is on the PATH."""

from scansearch.cli.main import main

if __name__ == "__main__":
    main()
