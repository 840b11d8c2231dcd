"""Program: ``python -m slaibench`` is the ``slaibench`` command."""

from slaibench.cli.app import main

if __name__ == "__main__":
    main()
