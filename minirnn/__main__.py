"""`python -m minirnn`."""

import sys

from .cli import main

if __name__ == "__main__":              # not in a process that a benchmark starts
    sys.exit(main())
