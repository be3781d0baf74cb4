"""What the scripts share: the broker's address, orders for the harness, waiting, child processes."""
import json
import os
import queue
import subprocess
import sys
import threading
import time

BOOTSTRAP = os.environ["BOOTSTRAP"]
_ORDERS = os.fdopen(os.dup(1), "w")
_CHILDREN = []


def _order(text):
    _ORDERS.write(text + "\n")
    _ORDERS.flush()
    assert sys.stdin.readline() == "done\n", f"the harness did not {text} the broker"


def stop_broker():
    """SIGTERM; the harness fails the test unless the broker then ends with exit code 0."""
    _order("stop")


def kill_broker():
    """SIGKILL, as a crash."""
    _order("kill")


def start_broker():
    """Starts the broker again on its folder and port, and waits until it answers."""
    _order("start")


def until(condition, what, seconds=60):
    """Calls `condition`, which asks the broker and so takes its time, until it is true; returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"


def same(got, expected, what="value"):
    """Fails unless both are equal, and shows where they begin to differ."""
    if got == expected:
        return
    if isinstance(got, list) and isinstance(expected, list):
        at = next((n for n, pair in enumerate(zip(got, expected)) if pair[0] != pair[1]), min(len(got), len(expected)))
        raise AssertionError(f"{what}: {len(got)} instead of {len(expected)}; at {at}: got {got[at:at + 3]!r:.600}, expected {expected[at:at + 3]!r:.600}")
    raise AssertionError(f"{what}: got {got!r:.900}, expected {expected!r:.900}")


class Child:
    """A process of its own that runs `SCRIPT FUNCTION` and tells what it does in lines of JSON.

    It can be killed as a crashing client would be. It ends by itself once this process is gone.
    """

    def __init__(self, script, function, *arguments):
        code = "import child, sys; child.main(sys.argv[1:])"
        self.process = subprocess.Popen([sys.executable, "-c", code, script, function, *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=os.path.dirname(os.path.abspath(__file__)))
        self.told = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        _CHILDREN.append(self)

    def _listen(self):
        for line in self.process.stdout:
            self.told.put(json.loads(line))
        self.told.put(None)

    def next(self, seconds=60):
        """The next thing it tells."""
        try:
            told = self.told.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"the child told nothing for {seconds} s") from None
        assert told is not None, f"the child ended with {self.process.wait(20)}"
        return told

    def until(self, condition, what, seconds=60):
        """Waits for something that fulfils the condition, and returns it."""
        deadline = time.monotonic() + seconds
        while True:
            told = self.next(max(0.1, deadline - time.monotonic()))
            if condition(told):
                return told
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; last: {told}"

    def kill(self):
        """SIGKILL: nothing is committed, nobody is told."""
        self.process.kill()
        self.process.wait(20)

    def end(self):
        """Asks it to end in order, and waits for that."""
        self.process.stdin.close()
        assert self.process.wait(60) == 0, "the child did not end in order"


def end_children():
    """Ends what is still running."""
    for child in _CHILDREN:
        if child.process.poll() is None:
            child.kill()
