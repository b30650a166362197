# SPDX-License-Identifier: MIT
"""The units by systemd's own tools, as they are installed under a folder of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.collector.ops.conftest import ROOT

UNITS = ROOT / "collector" / "systemd"
DROP_INS = ROOT / "collector" / "scale-out" / "roles"
SERVICES = ["runspan-collector", "runspan-store", "runspan-backup@run", "runspan-tidy", "runspan-status"]
ROLES = {  # what runs on which machine
    "": set(SERVICES),
    "edge": {"runspan-collector", "runspan-status"},
    "ingest": {"runspan-collector", "runspan-store", "runspan-backup@run", "runspan-tidy", "runspan-status"},
    "dashboard": {"runspan-store", "runspan-status"},
}
SCRIPTS = (ROOT / "collector" / "pyproject.toml").read_text()
TARGETS = Path("/lib/systemd/system")
HIGHEST_EXPOSURE = 1.5  # of 10, as systemd-analyze security has it

pytestmark = pytest.mark.usefixtures("systemd")


@pytest.fixture(scope="module")
def systemd() -> None:
    assert shutil.which("systemd-analyze") and shutil.which("systemd-sysusers"), (
        "systemd is needed to look at its units"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return system(tmp_path)


def system(tmp_path: Path, role: str = "") -> Path:
    """One with nothing but these units, the targets that they name, and stand-ins for the programs."""
    if role:
        (tmp_path / "etc/runspan-collector").mkdir(parents=True)
        (tmp_path / "etc/runspan-collector/role").write_text(f"{role}\n")
    subprocess.run([UNITS / "install", tmp_path], check=True)
    (tmp_path / "lib/systemd/system").mkdir(parents=True)
    for target in TARGETS.glob("*.target"):
        shutil.copy(target, tmp_path / "lib/systemd/system", follow_symlinks=False)
    for service in [*UNITS.glob("*.service"), *UNITS.glob("*/*.conf"), *DROP_INS.glob("*/*.conf")]:
        text = service.read_text()
        for config in re.findall(r"--config (\S+)", text):
            assert (ROOT / Path(config).relative_to("/opt/runspan")).exists(), config
        for program in re.findall(r"^Exec\w+=\+?(/\S+)", text, re.M):
            path = tmp_path / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
            # What is there beside the build's results is there in the repository.
            assert "/build/" in program or (ROOT / Path(program).relative_to("/opt/runspan")).exists(), program
            assert "/venv/" not in program or f"\n{path.name} = " in SCRIPTS, program
    return tmp_path


def analyze(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def verify(root: Path) -> tuple[int, str]:
    return analyze("verify", f"--root={root}", "runspan.target", *(f"{service}.service" for service in SERVICES))


@pytest.mark.parametrize("role", ROLES)
def test_verify(tmp_path: Path, role: str) -> None:
    root = system(tmp_path, role)
    assert verify(root) == (0, "")
    wanted = (root / "etc/systemd/system/runspan.target").read_text()
    assert {name for name in SERVICES if f"{name}." in wanted} == ROLES[role]
    for timer in UNITS.glob("*.timer"):
        when = re.search("OnCalendar=(.*)", timer.read_text())
        assert when and analyze("calendar", when[1])[0] == 0


def test_verify_finds_what_is_wrong(root: Path) -> None:
    drop_in = root / "etc/systemd/system/runspan-.service.d/hardening.conf"
    drop_in.write_text(drop_in.read_text().replace("ProtectClock=yes", "ProtectClok=yes"))
    assert "ProtectClok" in verify(root)[1]
    (root / "opt/runspan/build/venv/collector/bin/runspan-tidy").chmod(0o644)
    code, said = verify(root)
    assert code != 0 and "runspan-tidy is not executable" in said


@pytest.mark.parametrize(("role", "service"), [(role, service) for role in ROLES for service in sorted(ROLES[role])])
def test_exposure(tmp_path: Path, role: str, service: str) -> None:
    root = system(tmp_path, role)
    _, said = analyze("security", "--offline=yes", f"--root={root}", f"{service}.service")
    found = re.search(rf"Overall exposure level for {re.escape(service)}.service: ([\d.]+)", said)
    assert found and float(found[1]) <= HIGHEST_EXPOSURE, said
    for setting in ("NoNewPrivileges", "PrivateTmp", "ProtectSystem", "User", "RestrictAddressFamilies=~AF_PACKET"):
        line = next(line for line in said.splitlines() if setting in line)
        assert "✓" in line, line
    # An allow-list of calls: with the lists in the other order it would be one of what is refused.
    assert re.search(r"✓ SystemCallFilter=~@mount", said) and re.search(r"✓ SystemCallFilter=~@privileged", said), said


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.service")), ids=lambda path: path.name)
def test_every_service(path: Path) -> None:
    text = path.read_text()
    assert path.name.startswith("runspan-"), "the drop-in would not count for it"
    assert re.search(r"^MemoryMax=", text, re.M) and re.search(r"^User=runspan-", text, re.M)
    drop_ins = DROP_INS.glob(f"*/{path.name}.conf")
    settings = re.findall(r"^\s*(\w+)=(.+)", "".join(map(Path.read_text, [path, *drop_ins])), re.M)
    for name, value in settings:
        if "keys/" in value:
            assert name == "LoadCredential", f"{name}={value}"
        assert name not in ("SystemCallFilter", "ExecStartPre", "AmbientCapabilities", "Group", "UMask")


@pytest.mark.parametrize(
    "role, of, shows",
    [("", "collector", ""), ("edge", "collector", ""), ("dashboard", "store", "${RUNSPAN_DASHBOARD}")],
)
def test_status_is_told_the_addresses(tmp_path: Path, role: str, of: str, shows: str) -> None:
    """It reads what the unit reads whose certificate it looks at, and may connect to all of the machine's addresses."""
    units = system(tmp_path, role) / "etc/systemd/system"
    files = [units / "runspan-status.service", *units.glob("runspan-status.service.d/*.conf")]
    unit = "".join(path.read_text() for path in files)
    read = re.findall("^EnvironmentFile=.*", (UNITS / f"runspan-{of}.service").read_text(), re.M)
    assert read and set(read) <= set(re.findall("^EnvironmentFile=.*", unit, re.M))
    command = re.findall("^ExecStart=.+", unit, re.M)[-1]
    assert (f"--collector {shows} " in command) if shows else "--collector" not in command
    assert "IPAddressDeny" not in unit


def test_each_unit_is_started(root: Path) -> None:
    """By the target, by a timer, or as another instance of a template."""
    wanted = set(re.findall(r"[\w@-]+\.(?:service|timer)", (UNITS / "runspan.target").read_text()))
    for path in [*UNITS.glob("*.service"), *UNITS.glob("*.timer")]:
        timers = {timer.replace(".timer", ".service") for timer in wanted}
        instances = {re.sub("@.*", "@.service", name) for name in timers}
        assert path.name in wanted | timers | instances, path.name
    assert all((UNITS / name).exists() for name in wanted)


def test_each_service_waits_for_the_time() -> None:
    """A store whose clock is wrong leaves runs out, and a certificate may not be valid yet."""
    unit = (UNITS / "runspan-.service.d/hardening.conf").read_text().partition("[Service]")[0]
    for word in ("Wants", "After"):
        assert f"\n{word}=time-sync.target\n" in unit


def test_users_and_folders(root: Path) -> None:
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    users = {line.split(":")[0]: line for line in (root / "etc/passwd").read_text().splitlines()}
    named = {re.search("^User=(.*)", path.read_text(), re.M)[1] for path in UNITS.glob("*.service")}  # type: ignore[index]
    assert named == set(users)
    assert all(line.endswith("/usr/sbin/nologin") for line in users.values())
    assert "runspan:" in (root / "etc/group").read_text()
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}"], check=True, capture_output=True)
    assert (root / "var/lib/runspan/state").stat().st_mode & 0o7777 == 0o1770
    assert (root / "etc/runspan-collector/keys").stat().st_mode & 0o7777 == 0o700


def test_install_keeps_what_is_there(root: Path) -> None:
    configuration = root / "etc/runspan-collector/backup.ini"
    configuration.write_text("[backup]\n")
    subprocess.run([UNITS / "install", root], check=True)
    assert configuration.read_text() == "[backup]\n"


def test_a_role_is_kept_changed_and_left(tmp_path: Path) -> None:
    root, units = system(tmp_path, "ingest"), tmp_path / "etc/systemd/system"
    subprocess.run([UNITS / "install", root], check=True)  # an upgrade
    assert (units / "runspan-store.service.d/role.conf").exists()
    role = root / "etc/runspan-collector/role"
    role.write_text("edge\n")
    subprocess.run([UNITS / "install", root], check=True)
    assert not (units / "runspan-store.service.d/role.conf").exists()
    assert "edge.yaml" in (units / "runspan-collector.service.d/role.conf").read_text()
    role.write_text("queen\n")
    assert subprocess.run([UNITS / "install", root], capture_output=True, check=False).returncode == 2
    role.unlink()
    subprocess.run([UNITS / "install", root], check=True)
    assert list(units.glob("*/role.conf")) == []
    assert (units / "runspan.target").read_text() == (UNITS / "runspan.target").read_text()
