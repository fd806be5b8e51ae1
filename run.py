"""Handoff: follow people across cameras. `python run.py --sources cams.yaml`, `python run.py --help`."""

import sys


def start() -> int:
    """Run the command line; Ctrl-C while it is being loaded is an interruption too."""
    try:
        from pipeline.cli import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(start())
