"""`python -m aurora_otel`: the command line, where its script is not on the path."""

import sys

from aurora_otel.cli import main

if __name__ == "__main__":
    sys.exit(main())
