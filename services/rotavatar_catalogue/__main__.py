"""`python -m rotavatar_catalogue`."""

import sys

from rotavatar_catalogue.cli import main

if __name__ == "__main__":
    sys.exit(main())
