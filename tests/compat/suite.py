"""What the outside suites share: a broker of their own, and a verdict against the list of what passes.

A suite is a folder with three files:

`run`          fetches and builds the suite under `target/suites/<name>`, runs it, calls `main` of this module
`allow.txt`    the tests that pass, one name a line, `slow` behind a name that only `--full` runs; it only grows
`FINDINGS.md`  every test that is not in the list, with the reason

Standard library only. Exit status 0: everything in the list passed. 1: something did not. 77: the suite
cannot be run on this machine, and the last line says why.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
PASSED, FAILED, LEFT_OUT = "pass", "FAIL", "skip"
START_SECONDS = 30


class CannotRun(Exception):
    """This machine lacks something; the suite is skipped, and says what is missing."""


@dataclasses.dataclass
class Result:
    """How one test ended, and what it said where it failed."""

    outcome: str
    said: str = ""


@dataclasses.dataclass
class Broker:
    """A broker that runs for one suite."""

    address: str
    log: pathlib.Path
    data: pathlib.Path
    process: subprocess.Popen

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@dataclasses.dataclass
class Run:
    """One run: where to work, which binary to try, and which tests are wanted (`None`: all)."""

    folder: pathlib.Path
    work: pathlib.Path
    binary: pathlib.Path
    only: list[str] | None

    @contextlib.contextmanager
    def broker(self, settings: dict[str, str], port: int | None = None, name: str = "broker") -> Iterator[Broker]:
        """Starts a broker on an empty folder, waits until it listens, and ends it afterwards.

        `{address}` in a setting becomes where it listens.
        """
        data = self.work / f"{name}-data"
        shutil.rmtree(data, ignore_errors=True)
        address = f"127.0.0.1:{port or free_port()}"
        words = [self.binary, "--data", data, "--set", f"listeners=PLAINTEXT://{address}"]
        for key, value in ({"ottla.admin.listener": ""} | settings).items():
            words += ["--set", f"{key}={value.format(address=address)}"]
        log = self.work / f"{name}.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "OTTLA_"))}
        with log.open("wb") as output:
            process = subprocess.Popen(words, stdout=output, stderr=output, env=clean)
        try:
            await_listener(process, address, log)
            yield Broker(address, log, data, process)
            if process.poll() is not None:
                raise RuntimeError(f"the broker ended with {process.returncode}:\n{log.read_text()[-4000:]}")
        finally:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def await_listener(process: subprocess.Popen, address: str, log: pathlib.Path) -> None:
    """Connects until somebody accepts; a broker that ended instead is an error with its log."""
    host, port = address.split(":")
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            raise RuntimeError(f"the broker ended with {process.returncode}:\n{log.read_text()[-4000:]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the broker does not listen:\n{log.read_text()[-4000:]}")


def need(*commands: str) -> None:
    """Stops with a skip unless all of these commands are installed."""
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise CannotRun(f"not installed: {', '.join(missing)}")


def crate_source(name: str) -> pathlib.Path:
    """The source of a crate that this workspace depends on, as cargo unpacked it."""
    need("cargo")
    words = ["cargo", "metadata", "--format-version", "1", "--locked"]
    answer = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    manifests = [package["manifest_path"] for package in json.loads(answer.stdout)["packages"] if package["name"] == name]
    if len(manifests) != 1:
        raise RuntimeError(f"{len(manifests)} crates are called {name}")
    return pathlib.Path(manifests[0]).parent


def build_step(folder: pathlib.Path, *words: str) -> None:
    """Runs a command that has to succeed; what it says is shown if it does not."""
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-4000:]}")


def read_allowed(folder: pathlib.Path) -> dict[str, bool]:
    """The tests that have to pass; true for those that only a full run tries."""
    allowed = {}
    for line in (folder / "allow.txt").read_text().splitlines():
        name, _, mark = line.partition(" ")
        if name and not name.startswith("#"):
            if mark not in ("", "slow"):
                raise ValueError(f"allow.txt: {line!r}: only `slow` may stand behind a name")
            allowed[name] = mark == "slow"
    return allowed


def judge(allowed: dict[str, bool], wanted: list[str] | None, results: dict[str, Result]) -> int:
    """Prints every result and returns the exit status."""
    for name in sorted(results):
        print(f"{results[name].outcome}  {name}")
    passed = {name for name, result in results.items() if result.outcome == PASSED}
    broken = [name for name in (allowed if wanted is None else wanted) if name in allowed and name not in passed]
    for name in broken:
        print(f"\n--- {name} is in allow.txt and did not pass\n{results.get(name, Result(FAILED, 'it did not run')).said}")
    for name in sorted(passed - allowed.keys()):
        print(f"new: {name} passes and is not in allow.txt")
    print(f"\n{len(passed)} of {len(results)} passed; {len(broken)} of those that have to pass did not")
    return 1 if broken else 0


def main(script: str, run: Callable[[Run], dict[str, Result]]) -> None:
    """The command line of a suite's `run`; `run` gives each test's result by name."""
    folder = pathlib.Path(script).resolve().parent
    parser = argparse.ArgumentParser(description=f"Runs the suite {folder.name} against a broker of its own.")
    parser.add_argument("--full", action="store_true", help="all tests, not just the quick ones that have to pass")
    parser.add_argument("--only", metavar="REGEX", help="those tests of the list whose name holds REGEX")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/ottla")
    options = parser.parse_args()

    allowed = read_allowed(folder)
    wanted = None
    if not options.full:
        wanted = [name for name, slow in allowed.items() if not slow or options.only]
    if options.only:
        wanted = [name for name in (allowed if wanted is None else wanted) if re.search(options.only, name)]
    work = ROOT / "target/suites" / folder.name
    work.mkdir(parents=True, exist_ok=True)
    try:
        results = run(Run(folder, work, options.binary.resolve(), wanted))
    except CannotRun as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(SKIPPED)
    sys.exit(judge(allowed, wanted, results))
