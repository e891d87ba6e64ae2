"""Runs the command `umbed-keras` as `python -m umbed_keras`."""

import sys

from umbed_keras.apps.command import main

sys.exit(main())
