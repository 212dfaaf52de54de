"""`python -m client` in the checkout, `python -m gapless.client` from the wheel."""

import sys

from .cli.main import main

sys.exit(main())
