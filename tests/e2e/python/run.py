"""Runs one test: `run.py SCRIPT FUNCTION`, with the broker's address in BOOTSTRAP.

Standard output belongs to the orders for the harness (see common.py); whatever a test or a
library prints goes to standard error.
"""
import faulthandler
import importlib
import logging
import os
import sys

import common

# Shows where a test hangs, and ends it, before the harness would.
LIMIT_SECONDS = 120

if __name__ == "__main__":
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    logging.basicConfig(level=logging.WARNING, format="%(relativeCreated)d ms %(name)s %(levelname)s %(message)s")
    sys.stdout = sys.stderr
    getattr(importlib.import_module(sys.argv[1]), sys.argv[2])()
    sys.stderr.flush()
    common.end_children()
    # A client's background threads must not keep a finished test from ending.
    os._exit(0)
