"""`python -m ingress_api`: wires the process together."""

import sys

from ingress_api.starting import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
