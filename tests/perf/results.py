"""What was measured: results.csv, a line a figure, which grows with every run that ends."""

import csv
import dataclasses
import datetime
import functools
import os
import pathlib
import platform
import re
import statistics
import subprocess

from rows import BROKERS

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE / "results.csv"
FIELDS = ("date", "commit", "machine", "row", "broker", "version", "fsync", "figure", "median", "least", "most", "repeats")

# What can change a figure: the broker, the load generator, and how a Kafka is started.
MEASURED = ("src", "actors", "Cargo.toml", "Cargo.lock", "tests/perf/*.rs", "tests/compat/apache_kafka.py")
UNMEASURED = (":!actors/benches",)


def git(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *words], cwd=HERE.parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@functools.cache
def is_unchanged_since(commit: str) -> bool:
    """Whether what is measured is now what it was at that commit; no, if the commit is unknown."""
    return git("diff", "--quiet", commit, "--", *MEASURED, *UNMEASURED).returncode == 0


def measured_commit() -> str:
    """The commit that is measured, marked where files that were not committed have their part in it."""
    commit = git("rev-parse", "--short", "HEAD").stdout.strip()
    return commit if is_unchanged_since("HEAD") else f"{commit}-changed"


def machine() -> str:
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{os.cpu_count()} cores, {found[1] if found else platform.machine()}, Linux {platform.release()}"


def place(line: dict[str, str]) -> tuple[str, str, str]:
    """Lines of one row and broker stand and fall together."""
    return line["row"], line["broker"], line["fsync"]


@dataclasses.dataclass
class Results:
    """The lines of a file of results, replaced row by row and written at once."""

    file: pathlib.Path
    rows: list[str]
    versions: dict[str, str]
    commit: str = dataclasses.field(default_factory=measured_commit)
    lines: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        if self.file.exists():
            with self.file.open(newline="") as file:
                self.lines = list(csv.DictReader(file))

    def has(self, row: str, broker: str, repeats: int) -> bool:
        """Whether a row was measured as often as this on what is measured now."""
        kind = BROKERS[broker]
        return any(
            place(line) == (row, kind.name, kind.fsync)
            and line["version"] == self.versions[broker]
            and int(line["repeats"]) >= repeats
            and is_unchanged_since(line["commit"])
            for line in self.lines
        )

    def put(self, row: str, broker: str, runs: list[dict[str, float]]) -> None:
        """Keeps the medians of the runs of one row so far, in the place of what stood there."""
        kind = BROKERS[broker]
        self.lines = [line for line in self.lines if place(line) != (row, kind.name, kind.fsync)]
        for figure in runs[0]:
            values = [run[figure] for run in runs if figure in run]
            numbers = [f"{number:.4g}" for number in (statistics.median(values), min(values), max(values))]
            head = (f"{datetime.date.today()}", self.commit, machine(), row, kind.name, self.versions[broker], kind.fsync, figure)
            self.lines.append(dict(zip(FIELDS, (*head, *numbers, str(len(values))), strict=True)))
        self.lines.sort(key=self.order)
        self.write()

    def order(self, line: dict[str, str]) -> tuple[int, int]:
        """As the tables of rows and of brokers go; what is in neither any more stands last."""
        kinds = [(kind.name, kind.fsync) for kind in BROKERS.values()]
        row = self.rows.index(line["row"]) if line["row"] in self.rows else len(self.rows)
        kind = (line["broker"], line["fsync"])
        return row, kinds.index(kind) if kind in kinds else len(kinds)

    def write(self) -> None:
        """Replaces the file as a whole: whoever interrupts this finds the old one or the new one."""
        new = self.file.with_suffix(".new")
        with new.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.lines)
        new.replace(self.file)
