# SPDX-License-Identifier: MIT
"""The page of arithmetic says what the command prints, and the command what its rules are."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runspan_collector.files import KEPT_DAYS

ROOT = Path(__file__).resolve().parents[4]
COMMAND = ROOT / "collector" / "scale-out" / "capacity.py"
SHOWN = ["1000", "10000", "100000", "1000000", "10000000"]


def table(*arguments: str) -> str:
    return subprocess.run([str(COMMAND), *arguments], check=True, capture_output=True, text=True).stdout


def test_the_days_are_those_of_the_store() -> None:
    assert f"DAYS_TABLE = 3, 1, {KEPT_DAYS}\n" in COMMAND.read_text(encoding="utf-8")


def row(printed: str, label: str) -> list[str]:
    (line,) = [line for line in printed.splitlines() if line.startswith(f"| {label}")]
    return [cell.strip().replace(",", "") for cell in line.strip("|").split("|")[1:]]


def test_the_page_has_what_the_command_prints() -> None:
    page = (ROOT / "collector" / "scale-out" / "README.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- capacity -->\n")
    shown, end, _ = rest.partition("<!-- /capacity -->")
    assert end
    assert shown == table(*SHOWN)


def test_more_runs_take_no_fewer_machines_and_no_longer() -> None:
    many = [str(10**exponent) for exponent in range(1, 9)]
    printed = table(*many)
    machines = [int(cell) for cell in row(printed, "machines")]
    assert machines == sorted(machines) and machines[0] == 1 and machines[-1] > 7
    assert all(float(cell) <= 60 for cell in row(printed, "all questions"))


def test_prices_and_the_peak_are_what_is_said() -> None:
    free = table("1000000", "--machine", "0", "--disk", "0", "--backup", "0")
    assert row(free, "price") == ["0"]
    assert int(row(table("1000000", "--machine", "1", "--disk", "0", "--backup", "0"), "price")[0]) == int(
        row(free, "machines")[0]
    )
    # 86,400 runs a day are one a second.
    assert row(table("86400", "--peak", "3"), "requests a second, peak") == ["3"]
