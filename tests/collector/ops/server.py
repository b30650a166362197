# SPDX-License-Identifier: MIT
"""The units, run by systemd itself: ./build.sh test systemd

It boots systemd in a container (systemd-nspawn) whose files are this machine's, with all changes in memory, and goes
through collector/docs/running.md there: install, keys, start, reports, kills, the backup by its unit and by root, a new
certificate and password, restore; then the store's disk is full while it starts, and the machine becomes an edge. Ends
with an error where something is not as it should be. It needs root, overlayfs, systemd 250 or newer, and
/usr/bin/python3 with venv. CI does not run it: not every machine lets one boot another.
"""

from __future__ import annotations

import http.client
import os
import re
import secrets
import shlex
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.collector.ops.conftest import ROOT
from tests.collector.ops.serving import deliver, report
from tests.collector.waiting import wait_for

VENV = "/opt/runspan/build/venv/collector"
NSPAWN = ROOT / "build/debs/root/usr/bin/systemd-nspawn"
BUILT = ("collector", "schemas", "contrib", "build.sh")


def say(text: str) -> None:
    print(text, flush=True)


class Machine:
    """A booted container. Commands run in it as root, with none of this process's environment."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    def attempt(self, command: str, *, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        inside = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p"]
        inside += [
            "env",
            "-i",
            f"PATH={VENV}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "LANG=C.UTF-8",
            "bash",
            "-c",
        ]
        return subprocess.run([*inside, f"cd /opt/runspan && {command}"], input=text, capture_output=True, check=False)

    def run(self, command: str, *, text: bytes = b"") -> str:
        done = self.attempt(command, text=text)
        assert done.returncode == 0, f"{command}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def send(self, count: int) -> set[str]:
        """Reports from within its network, each acknowledged; their span ids."""
        inside = ["nsenter", "-t", str(self.leader), "-n"]
        program = [sys.executable, "-m", "tests.collector.ops.server", "send", str(count)]
        ca = self.run("cat /etc/runspan-collector/keys/ca.crt")
        done = subprocess.run([*inside, *program, ca], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    def pid(self, unit: str) -> int:
        return int(self.run(f"systemctl show -P MainPID {unit}"))

    def rows(self) -> int:
        found = re.search(r'"rows": (\d+)', self.run("cat /var/lib/runspan/state/store.json || true"))
        return int(found[1]) if found else -1

    def wait_for_rows(self, count: int) -> None:
        wait_for(lambda: self.rows() == count, f"the store has {self.rows()} runs, not {count}", 60)

    def wait_for_end(self, unit: str) -> None:
        wait_for(lambda: self.attempt(f"systemctl is-active {unit}").stdout == b"inactive\n", f"{unit} does not end")

    def start(self, *units: str) -> None:
        """One after the other: of several jobs systemctl says only that one failed."""
        for unit in units:
            done = self.attempt(f"systemctl start {unit}")
            assert done.returncode == 0, self.run(f"journalctl --no-pager -n 20 -u {unit}")


def send(count: int, ca: str) -> None:
    context = ssl.create_default_context(cadata=ca)
    for _ in range(count):
        connection = http.client.HTTPSConnection("localhost", 4319, timeout=10, context=context)
        span_id = secrets.token_bytes(8)
        deliver(connection, report(span_id))
        connection.close()
        print(span_id.hex())


@contextmanager
def mounted(*command: str | Path) -> Iterator[None]:
    subprocess.run(["mount", *command], check=True)
    try:
        yield
    finally:
        if subprocess.run(["umount", "-R", command[-1]], check=False).returncode != 0:
            subprocess.run(["umount", "-R", "-l", command[-1]], check=True)


def fill(opt: Path) -> None:
    """What running.md has at /opt/runspan, with a Python that the units' users may read."""
    (opt / "build/venv").mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard", "--deduplicate", *BUILT],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.split(b"\0") if name and (ROOT / os.fsdecode(name)).exists()]
    copy = f"tar c --null -T - | tar x -C {shlex.quote(str(opt))} --no-same-owner"
    subprocess.run(["bash", "-c", copy], cwd=ROOT, input=b"\0".join(names), check=True)
    subprocess.run(["cp", "-a", ROOT / "build/collector", opt / "build"], check=True)
    venv = opt / Path(VENV).relative_to("/opt/runspan")
    subprocess.run(["/usr/bin/python3", "-m", "venv", venv], check=True)
    subprocess.run([str(venv / "bin/pip"), "install", "-q", "-r", str(ROOT / "collector/requirements.txt")], check=True)


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        stack.enter_context(mounted("-t", "tmpfs", "-o", "size=3g", "tmpfs", folder))
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        options = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        stack.enter_context(mounted("-t", "overlay", "-o", options, "overlay", folder / "root"))
        fill(folder / "root/opt/runspan")
        # A network of its own, with nothing but a loopback.
        nspawn: list[str | Path] = [NSPAWN, "-D", folder / "root", "--private-network", "--register=no", "--keep-unit"]
        with open(folder / "console", "wb") as console:
            process = subprocess.Popen(
                [*nspawn, "--machine=runspan-server", "--boot", "--", "--unit=basic.target"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        leader = 0
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            wait_for(lambda: children.read_text().strip() != "", "nothing was started in the container")
            leader = int(children.read_text().split()[0])
            made = Machine(leader)
            running = "systemctl is-system-running --wait"
            wait_for(lambda: made.attempt(running).stdout.strip() in (b"running", b"degraded"), "it did not boot")
            yield made
            made.attempt("systemctl poweroff")
            process.wait(60)
        finally:
            if leader and process.poll() is None:
                os.kill(leader, signal.SIGKILL)  # and with the first process all others of the container
            process.kill()
            process.wait()


def alone(at: Machine) -> int:
    """The only machine, as in running.md. Returns how many reports it has."""
    # Here, since its programs have their interpreter's path in them.
    at.run("python -m pip install -q --no-deps --no-build-isolation --no-index -e ./collector")
    at.run("collector/systemd/install")
    at.run("runspan-keys /etc/runspan-collector/keys")
    at.run("runspan-keys /etc/runspan-collector/keys tls telemetry.example.org localhost")
    passwd = "runspan-dashboard passwd"
    at.run(f"{passwd} --users /etc/runspan-collector/keys/dashboard.users ada", text=b"correct horse battery\n")

    assert at.attempt("systemctl start runspan-backup@init").returncode != 0
    said = at.run("journalctl --no-pager -u runspan-backup@init")
    assert "which is not encrypted: see collector/docs/running.md" in said, said
    say("on a volume that is not encrypted: refused, until it is said to be encrypted elsewhere")
    at.run("touch /etc/runspan-collector/volume-is-encrypted-elsewhere && systemctl reset-failed")

    at.start("runspan-backup@init")
    at.run("systemctl enable --now runspan.target")
    wait_for(lambda: at.rows() == 0, "the store does not come up", 60)
    at.start("runspan-backup@run", "runspan-backup@check", "runspan-status")
    say(at.run("runspan-status").rstrip())

    sent = at.send(20)
    at.wait_for_rows(20)
    for unit in ("runspan-collector", "runspan-store"):
        before = at.pid(unit)
        at.run(f"kill -KILL {before}")
        sent |= at.send(20)
        wait_for(lambda unit=unit, before=before: at.pid(unit) not in (0, before), f"{unit} is not started again")  # type: ignore[misc]
    at.wait_for_rows(len(sent))
    say(f"{len(sent)} reports, collector and store killed once each: all in the store")

    for unit in ("runspan-collector", "runspan-store"):
        status = at.run(f"cat /proc/{at.pid(unit)}/status")
        user = at.run(f"id -u {unit}").strip()
        for line in (
            rf"Uid:\s+{user}\s",
            r"CapEff:\s+0+\n",
            r"CapBnd:\s+0+\n",
            r"NoNewPrivs:\s+1\n",
            r"Seccomp:\s+2\n",
        ):
            assert re.search(line, status), (unit, line)
        # As that process sees it: others' folders, the keys on the disk, and a system to be written to.
        others = {
            "runspan-collector": ("ls /var/lib/runspan/store", "touch /var/lib/runspan/state/x"),
            "runspan-store": ("ls /var/lib/runspan/backup", "touch /var/lib/runspan/otlp/x"),
        }
        into = f"nsenter -t {at.pid(unit)} -m setpriv --reuid {user} --regid runspan --init-groups --bounding-set=-all"
        assert at.attempt(f"{into} ls /var/lib/runspan/otlp").returncode == 0
        for refused in (*others[unit], "ls /etc/runspan-collector/keys", "ls /root", "touch /opt/runspan/x"):
            assert at.attempt(f"{into} {refused}").returncode != 0, (unit, refused)
    say("both run as users of their own, without capabilities, with a filter of system calls, and see no other's files")

    ask = "curl -sS --cacert /etc/runspan-collector/keys/ca.crt https://localhost:{}/data/totals.json"
    assert at.attempt(ask.format(8444)).returncode != 0
    at.run("echo 'RUNSPAN_PUBLIC=[::]:8444' >/etc/runspan-collector/store.env && systemctl restart runspan-store")
    wait_for(lambda: at.attempt(ask.format(8444)).returncode == 0, "no public page")
    wait_for(lambda: '"runs":0,"weeks":' in at.run(ask.format(8444)), "no public counts")
    assert at.run(ask.format(8443)) == "Log in first."
    say("the public counts are there when store.env says where, and the other page wants a login")

    at.start("runspan-backup@run", "runspan-tidy", "runspan-backup@verify")
    certificate = "openssl s_client -connect localhost:{} </dev/null 2>/dev/null | openssl x509"
    at.run("runspan-keys /etc/runspan-collector/keys tls localhost")
    at.run("systemctl try-restart runspan-collector runspan-store")
    new = at.run("openssl x509 -in /etc/runspan-collector/keys/tls.crt")
    for port in (4319, 8443):
        shown = certificate.format(port)
        wait_for(lambda shown=shown: at.attempt(shown).stdout.decode() == new, f"{port} shows an old one")  # type: ignore[misc]
    sent |= at.send(5)
    at.run("umask 077 && runspan-backup rotate && runspan-backup check --read-data")
    at.start("runspan-backup@run", "runspan-backup@check")
    restored = at.run("runspan-backup restore /tmp/drill >/dev/null && cat /tmp/drill/otlp/*.json")
    assert set(re.findall(r'"spanId":"([0-9a-f]{16})"', restored)) == sent
    at.start("runspan-backup@run", "runspan-status")
    say(f"new certificate, new password by root, then the units again; all {len(sent)} reports are in the backup")

    at.run("systemctl stop runspan.target")
    for unit in ("runspan-collector", "runspan-store", "runspan-backup@run.timer"):
        at.wait_for_end(unit)
    at.run("systemctl start runspan.target")
    at.wait_for_rows(len(sent))
    failed = at.run("systemctl --failed --plain --no-legend")
    assert failed == "", failed
    say("the target stops and starts all of it; systemctl --failed is empty")
    return len(sent)


def full_disk(at: Machine, rows: int) -> None:
    """The store's disk is full while it starts, and then has room again; also as versions before left it."""
    folder = "/var/lib/runspan/store"
    at.run("systemctl stop runspan-store")
    at.run(f"mount -t tmpfs -o size=16m,mode=700,uid=runspan-store,gid=runspan tmpfs {folder}")
    at.run("rm /var/lib/runspan/state/store.json && systemctl start runspan-store")
    at.wait_for_rows(rows)
    for emptied in (False, True):
        at.run("systemctl stop runspan-store")
        at.attempt(f"head -c 20m /dev/zero >{folder}/filler")
        if emptied:
            at.run(f"for f in $(find {folder} -name spans.sql -o -name taken.sql); do : >$f; done")
        at.run("systemctl start runspan-store")
        rows += len(at.send(5))
        if emptied:
            journal = "journalctl --no-pager -u runspan-store"
            wait_for(lambda journal=journal: "no room for the store" in at.run(journal), "it does not say why")  # type: ignore[misc]
        time.sleep(3)
        assert at.run("systemctl is-active runspan-store") == "active\n"
        at.run(f"rm {folder}/filler")
        at.wait_for_rows(rows)
    at.run(f"systemctl stop runspan-store && umount {folder} && systemctl start runspan-store")
    say(f"the store was started twice on a full disk, once with empty views: all {rows} reports are there")


def edge(at: Machine) -> None:
    """The same machine as an edge, with a Kafka that nobody has started."""
    at.run("systemctl stop runspan.target")
    at.wait_for_end("runspan-store")
    at.run("echo edge >/etc/runspan-collector/role && collector/systemd/install")
    at.run("cd /etc/runspan-collector/keys && cp ca.crt kafka-ca.crt && cp tls.crt kafka.crt && cp tls.key kafka.key")
    settings = ['RUNSPAN_KAFKA="[127.0.0.1:9093, 127.0.0.1:9094]"']
    settings += ["RUNSPAN_HEALTH=[::]:9889", "RUNSPAN_METRICS_PORT=9888"]  # which runspan-status has to know
    at.run("cat >/etc/runspan-collector/collector.env", text="\n".join(settings).encode())
    at.run("systemctl start runspan.target")
    at.send(5)
    at.wait_for_end("runspan-store")
    assert "edge.yaml" in at.run(f"tr '\\0' ' ' </proc/{at.pid('runspan-collector')}/cmdline")
    at.start("runspan-status")
    say("as an edge, without its Kafka: 5 reports acknowledged")


def main() -> None:
    if sys.argv[1:2] == ["send"]:
        return send(int(sys.argv[2]), sys.argv[3])
    if os.geteuid() != 0:
        sys.exit("server: this needs root")
    subprocess.run([ROOT / "scripts/debs.sh", "systemd-container"], check=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder)) as at:
        say(at.run("systemctl --version | head -n 1").rstrip())
        full_disk(at, alone(at))
        edge(at)
    say(f"all as it should be, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
