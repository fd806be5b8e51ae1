"""`python -m world`."""

import sys

from world.cli import main

if __name__ == "__main__":
    sys.exit(main())
