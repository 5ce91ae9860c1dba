"""`python -m zoo` is the command `zoo`."""

from __future__ import annotations

import sys

from zoo.cli.main import main

sys.exit(main())
