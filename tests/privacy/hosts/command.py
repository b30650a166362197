# SPDX-License-Identifier: MIT
"""StripePy's own command, which pip makes with the path of the virtual environment in it."""

import sys

from stripepy.main import main

if __name__ == "__main__":  # its workers import this, too
    sys.exit(main())
