# SPDX-License-Identifier: MIT
"""runspan-serve: run the maintainers' side on this machine until Ctrl-C: ./build.sh serve.

Certificates, keys and data are in a folder, by default in the user's home, and stay there. A server uses systemd
instead (collector/systemd).
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import math
import os
import re
import secrets
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from runspan_collector.files import BACKUP, BUILD, OTLP, QUEUE, ROOT, SCHEMAS, STATE, replace

BIN = Path(sys.executable).parent
USER = "maintainer"
WAS = BUILD / "serve"  # the default folder of earlier versions, which a clean would have removed
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def say(text: str) -> None:
    print(text, flush=True)


def in_group_of_its_own() -> None:
    """Start a process group, because serve handles Ctrl-C and ends the programs in order. End when serve is killed."""
    os.setsid()
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)


class Piece:
    """A program that serve starts, and starts again when it ends."""

    def __init__(self, name: str, command: list[str | Path], log: Path, port: int, environment: dict[str, str]) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.port = port
        self.log = log / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.again = 0.0  # the last start, and the earliest time of the next one
        self.pause = 0.5

    def start(self) -> None:
        self.started = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=in_group_of_its_own,
            )

    def tend(self) -> None:
        if self.process and self.process.poll() is not None:
            # If it ends soon after its start, wait longer each time.
            self.pause = min(2 * self.pause, 30) if time.monotonic() < self.started + 60 else 1
            how = ended(self.process.returncode)
            say(f"{self.name} {how}: started again in {self.pause:g} s; {self.log} ends with: {last_line(self.log)}")
            self.process, self.again = None, time.monotonic() + self.pause
        elif self.process is None and time.monotonic() >= self.again:
            self.start()

    def answers(self) -> bool:
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end within 30 s and is killed")
            self.process.kill()
            self.process.wait()


def last_line(path: Path) -> str:
    """Return the last line of a log, which has the reason if a program can't start."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return (file.read().decode(errors="replace").strip().splitlines() or ["nothing"])[-1]


def ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


class Stopped(Exception):
    """Ctrl-C, or SIGTERM."""


def stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # ignore further signals
    raise Stopped


def run(*command: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def must(*command: str | Path, text: str | None = None) -> None:
    done = run(*command, text=text)
    if done.returncode != 0:
        sys.exit(f"serve: {command[0]}: {done.stderr.strip()}")


def default_folder() -> Path:
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share") / "runspan-collector"


def hold_build() -> int:
    """Lock build/, because its programs run from now on: build.sh changes nothing there while this is open."""
    held = os.open(BUILD, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def configure(folder: Path) -> None:
    """Write backup.ini anew, because the folder may have been moved. Do not replace one that somebody has changed."""
    path = folder / "backup.ini"
    form = "[backup]\ndata = {0}/data\nkeys = {0}/keys\nrestic = {1}\nrepository = {0}/data/backup\n"
    made = re.escape(form.format("FOLDER", "RESTIC")).replace("FOLDER", "(?P<at>.*)", 1)
    text = form.format(folder, BUILD / "collector" / "restic")
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    if there == text or there and not re.fullmatch(made.replace("FOLDER", "(?P=at)").replace("RESTIC", ".*"), there):
        return
    replace(path, text, 0o600)


def belong_together(keys: Path) -> bool:
    """Return whether certificate and key are a pair. They are not after a power cut between the two."""
    try:
        pair = keys / "tls.crt", keys / "tls.key"
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pair, password="")  # else OpenSSL would ask for it
    except (OSError, ssl.SSLError):
        return False
    return True


def prepare(folder: Path) -> None:
    """Make the keys, certificates, folders and the repository that are missing."""
    data, keys = folder / "data", folder / "keys"
    for path in (data / OTLP, data / QUEUE, data / STATE, folder / "log"):
        path.mkdir(parents=True, exist_ok=True)
    must(BIN / "runspan-keys", keys)
    if not belong_together(keys) or run("openssl", "x509", "-checkend", "86400", "-in", keys / "tls.crt").returncode:
        must(BIN / "runspan-keys", keys, "tls", "localhost", "127.0.0.1", "::1")
    password, users = keys / "dashboard.password", keys / "dashboard.users"
    if not users.exists():
        word = password.read_text(encoding="utf-8").strip() if password.exists() else ""
        if not word:
            word = secrets.token_urlsafe(12)
            replace(password, word, 0o600)  # before the users' file, so that a power cut leaves no user without it
        must(BIN / "runspan-dashboard", "passwd", "--users", users, USER, text=word + "\n")
    configure(folder)
    if not (data / BACKUP / "config").exists():
        must(BIN / "runspan-backup", "init", "--config", folder / "backup.ini")


def login(keys: Path) -> str:
    """Return the name and password that serve has made, or "" if somebody has removed them."""
    password = keys / "dashboard.password"
    return f" as {USER}, password {password.read_text(encoding='utf-8')}" if password.exists() else ""


def word(path: Path) -> str:
    """Return a path as a word to paste into a shell."""
    return shlex.quote(str(path))


def addresses(options: argparse.Namespace) -> str:
    """Return what serve says when all is up: where, and lines to paste into a shell."""
    keys, public = options.folder / "keys", options.public
    told = f"Public:     https://localhost:{public}/ has the counts of whole weeks, without a login\n" if public else ""
    status = f"{word(BIN / 'runspan-status')} --data {word(options.folder / 'data')}"
    return f"""\
Reports:    export RUNSPAN_ENDPOINT=https://localhost:{options.port}/v1/traces SSL_CERT_FILE={word(keys / "ca.crt")}
            and then run the program
Dashboard:  https://localhost:{options.dashboard_port}/{login(keys)}
            (your browser does not know the certificate; its CA is {keys / "ca.crt"})
{told}Status:     {status} --collector 127.0.0.1:{options.port} \\
                --health 127.0.0.1:{options.health_port} --metrics 127.0.0.1:{options.metrics_port}
Ctrl-C ends all of it. Data, keys and logs stay in {options.folder}."""


def back_up(folder: Path, *more: str) -> None:
    commands: list[list[str | Path]] = [
        [BIN / "runspan-backup", word, "--config", folder / "backup.ini"] for word in ("run", *more)
    ]
    commands.append([BIN / "runspan-tidy", "--data", folder / "data"])
    for command in commands:
        done = run(*command)
        if done.returncode != 0:
            say(done.stderr.strip())


PORTS = ("--port", "--dashboard-port", "--public", "--metrics-port", "--health-port")


def in_the_way(options: argparse.Namespace) -> str:
    """Return why a port can't be used, and the option that names another; empty if all can be."""
    used: dict[int, str] = {}
    for option in PORTS:
        port = getattr(options, option.strip("-").replace("-", "_"))
        if port is None:
            continue
        if port in used:
            return f"{used[port]} and {option} have the same port, {port}"
        used[port] = option
        if why := taken(port):
            return f"port {port} can't be used: {why}. {option} names another one"
    return ""


def taken(port: int) -> str:
    """Return why a port can't be used; empty if it can be.

    No other program may have it on ::1 either, because programs and browsers try that first for localhost.
    """
    if not 0 < port < 2**16:
        return "it is not between 1 and 65535"
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "another program listens there"
            if family == socket.AF_INET:  # else this machine has no IPv6
                return str(error)
    return ""


VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?:env:)?([A-Za-z_]\w*)(?:\}|(:-))")
"""A variable in a configuration. $$ stands for a dollar."""
COMMENT = re.compile(r"(?:^|\s)#.*$", re.M)
PROXIES = [name for lower in ("http_proxy", "https_proxy", "no_proxy") for name in (lower, lower.upper())]
"""The variables that say how a further output comes to its destination."""


def with_variables(config: list[Path], environment: dict[str, str]) -> dict[str, str]:
    """Return the environment with the variables that further configuration files of the collector's name.

    Raise OSError if a file can't be read, or names a variable that is not set; ValueError if it is not text.
    """
    found = {name: os.environ[name] for name in PROXIES if name in os.environ and config}
    for path in config:
        text = path.read_text(encoding="utf-8")
        found |= {name: os.environ[name] for name, _ in VARIABLE.findall(text) if name in os.environ}
        for name, default in VARIABLE.findall(COMMENT.sub("", text)):
            if name not in environment | found and not default:
                raise OSError(f"{path} needs the variable {name}, which is not set")
    return found | environment


def refusal(collector: Piece) -> str:
    """Return why the collector refuses its configuration files, and would end each time; empty if it takes them."""
    done = subprocess.run(
        [collector.command[0], "validate", *collector.command[1:]],
        env=collector.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def pieces(options: argparse.Namespace) -> list[Piece]:
    data, keys, log = (options.folder / name for name in ("data", "keys", "log"))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {
        "RUNSPAN_LISTEN": f"127.0.0.1:{options.port}",
        "RUNSPAN_DATA": str(data).replace("$", "$$"),  # the collector expands what is in a variable
        "RUNSPAN_KEYS": str(keys).replace("$", "$$"),
        "RUNSPAN_SCHEMAS": str(SCHEMAS).replace("$", "$$"),
        "RUNSPAN_METRICS_PORT": str(options.metrics_port),
        "RUNSPAN_HEALTH": f"127.0.0.1:{options.health_port}",
        "RUNSPAN_PER_MINUTE": str(options.per_minute),
    }
    collector: list[str | Path] = [
        BUILD / "collector" / "otelcol",
        "--config",
        ROOT / "collector/config/collector.yaml",
    ]
    for path in options.config:
        collector += ["--config", path.absolute()]
    store: list[str | Path] = [BIN / "runspan-store", "--data", data, "--keys", keys]
    store += ["--dashboard", f"127.0.0.1:{options.dashboard_port}"]
    store += ["--public", f"127.0.0.1:{options.public}"] if options.public else []
    return [
        Piece("collector", collector, log, options.port, with_variables(options.config, environment)),
        Piece("store", store, log, options.dashboard_port, kept),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        default=default_folder(),
        help="where keys and data are; else $XDG_DATA_HOME/runspan-collector, or in ~/.local/share",
    )
    parser.add_argument("--port", type=int, default=4319, help="for reports")
    parser.add_argument("--dashboard-port", type=int, default=8443)
    parser.add_argument(
        "--public", type=int, nargs="?", const=8444, metavar="PORT", help="the counts for everybody too; else 8444"
    )
    parser.add_argument("--metrics-port", type=int, default=8888)
    parser.add_argument("--health-port", type=int, default=8889)
    parser.add_argument("--per-minute", type=int, default=3000, help="reports of one address; 0 for any number")
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a further one of the collector's, collector/config/vendor.yaml for one",
    )
    parser.add_argument("--backup-every", type=float, default=60, metavar="SECONDS")
    options = parser.parse_args()
    options.folder = options.folder.absolute()
    if options.folder == default_folder() and WAS.exists() and not options.folder.exists():
        sys.exit(
            f"serve: keys and data are in {WAS}, from before. To go on with them:\n"
            f"    mkdir -p {word(options.folder.parent)} && mv {word(WAS)} {word(options.folder)}"
        )
    if not re.fullmatch(r"[^\0-\x1f\x7f\ud800-\udfff]+", str(options.folder)):
        sys.exit(f"serve: --folder: {str(options.folder)!r} has a character that files of settings can't have")
    if reason := in_the_way(options):
        sys.exit(f"serve: {reason}")
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        running = pieces(options)
    except (OSError, ValueError) as error:
        sys.exit(f"serve: --config: {error}")
    try:
        hold_build()
        try:
            prepare(options.folder)
        except (OSError, ValueError) as error:  # a full disk, for one
            sys.exit(f"serve: {error}")
        if options.config and (reason := refusal(running[0])):
            sys.exit(f"serve: --config: {reason}")
        for piece in running:
            piece.start()
        patience = time.monotonic() + 20
        while missing := [piece for piece in running if not piece.answers()]:
            if time.monotonic() > patience:
                patience = math.inf
                for piece in missing:
                    say(f"{piece.name} does not answer yet; {piece.log} ends with: {last_line(piece.log)}")
            for piece in running:
                piece.tend()
            time.sleep(0.2)
        say(addresses(options))
        back_up(options.folder, "check")
        following = time.monotonic() + options.backup_every
        while True:
            for piece in running:
                piece.tend()
            if time.monotonic() >= following:
                back_up(options.folder)
                following = time.monotonic() + options.backup_every
            time.sleep(0.2)
    except Stopped:
        pass
    finally:
        for piece in running:  # the collector first, so that store and backup get all reports
            piece.stop()
    if (options.folder / "data" / BACKUP / "config").exists():
        back_up(options.folder)
    say("all ended")
