"""Group members that run in a process of their own, so that a test can kill them (see common.Child)."""
import importlib
import json
import os
import signal
import sys
import threading

_OUT = os.fdopen(os.dup(1), "w")
_LOCK = threading.Lock()


def tell(**what):
    """Tells the test something, as one line of JSON."""
    with _LOCK:
        _OUT.write(json.dumps(what) + "\n")
        _OUT.flush()


def _watch():
    # The test closes our input to end us in order; a test that died has closed it as well.
    sys.stdin.read()
    signal.raise_signal(signal.SIGINT)


def main(arguments):
    """Runs `SCRIPT FUNCTION ARGUMENTS`, which ends in order at a KeyboardInterrupt."""
    sys.stdout = sys.stderr
    # Tests that a shell starts in the background are started with interrupts ignored, and so is this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_watch, daemon=True).start()
    script, function, *rest = arguments
    getattr(importlib.import_module(script), function)(*rest)
    sys.stderr.flush()
    os._exit(0)
