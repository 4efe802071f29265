"""Prints how many crash points were killed: the tests report theirs as a property, also from other processes."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = [
        (report.nodeid.partition("[")[2].rstrip("]"), value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "crash_points" and report.when == "call"
    ]
    if counts:
        terminalreporter.section("crash points")
        for scenario, count in sorted(counts):
            terminalreporter.line(f"{count:>4}  {scenario}")
        terminalreporter.line(f"{sum(int(str(count)) for _, count in counts):>4}  in all")
