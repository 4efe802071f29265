"""A canary that a real Prometheus judges, which scrapes a real exporter that the test drives; the target is ``fake``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.lifecycle import State
from tests.backends.prometheus import Exporter, Prometheus
from tests.e2e.canaries import AWHILE, CANARY, Canaries, pause, weight
from tests.e2e.project import Project, ended, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.prometheus]

REMOVED = ["canary_10", "rollback_canary_remove", "restore"]
SIDES = {"canary": "fake-canary", "stable": "fake"}
"""What the two sides are called in queries."""
NOW = 'sum(errors_now{task="{{canary}}"})'
"""A gauge of the canary's side; without data where the exporter says nothing."""
SHARE = 'sum(rate(requests_total{task="{{canary}}",code="500"}[5s])) / sum(rate(requests_total{task="{{canary}}"}[5s]))'
"""Of the requests of the last five seconds, how many the canary has answered with 500."""
EVERY_S = 0.05


class Measured:
    """What the two sides count, and who asks for it. 1.0.0 is verified on the fake, 1.1.0 comes next."""

    def __init__(self, canaries: Canaries, directory: Path, stack: ExitStack) -> None:
        self.canaries = canaries
        self.exporter = stack.enter_context(Exporter())
        self._server = stack.enter_context(ExitStack())
        self.prometheus = self._server.enter_context(Prometheus.started(directory, {"shop": [self.exporter.address]}))
        self._stack, self._over = stack, threading.Event()
        self._failing = {"canary": 0.0, "stable": 0.0}

    def check(self, query: str = NOW, **rule: Any) -> dict[str, Any]:
        made = {"name": "errors", "prometheus": {"url": self.prometheus.url, "query": query}, "interval_s": 0.2}
        return {**made, **({"max": 1} if not {"min", "max", "max_ratio_to_stable"} & rule.keys() else {}), **rule}

    def configure(self, *steps: dict[str, Any], check: dict[str, Any] | None = None, **canary: Any) -> None:
        self.canaries.configure(*(steps or (weight(10), pause(AWHILE))), checks=(check or self.check(),), **canary)

    def now(self, value: float, side: str = "canary") -> None:
        """What the gauge of *side* says, known to Prometheus."""
        series = f'errors_now{{task="{SIDES[side]}"}}'
        self.exporter.set(series, value)
        self.prometheus.wait_for(f"{series} == {value:g}")

    def silent(self) -> None:
        """The exporter says nothing of the canary any more, and Prometheus has noticed."""
        series = f'errors_now{{task="{SIDES["canary"]}"}}'
        self.exporter.remove(series)
        wait_until(lambda: not self.prometheus.query(series), "Prometheus has no data")

    def serve(self, **failing: float) -> None:
        """Both sides serve from now on, and such a share of their answers is 500."""
        self.fail(**failing)
        thread = threading.Thread(target=self._count)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(self._over.set)
        self.prometheus.wait_for(SHARE.replace("{{canary}}", SIDES["canary"]))

    def fail(self, **failing: float) -> None:
        self._failing |= failing

    def stop(self) -> None:
        """There is no Prometheus any more."""
        self._server.close()

    def _count(self) -> None:
        while not self._over.wait(EVERY_S):
            for side, share in self._failing.items():
                self.exporter.add(f'requests_total{{task="{SIDES[side]}",code="200"}}', 10 * (1 - share))
                self.exporter.add(f'requests_total{{task="{SIDES[side]}",code="500"}}', 10 * share)


@pytest.fixture
def measured(project: Project, prometheus_program: str, tmp_path: Path) -> Iterator[Measured]:
    canaries = Canaries(project).configure(weight(10))
    canaries.errors(0)
    project.deploy("1.0.0", "--target", "fake")
    project.set_version("1.1.0")
    with ExitStack() as stack:
        yield Measured(canaries, tmp_path / "prometheus", stack)


def removed(measured: Measured, why: str) -> None:
    """The canary is gone, the stable release was not touched, and the record says why."""
    canaries = measured.canaries
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"
    assert canaries.last.state is State.ROLLED_BACK and canaries.last.failure is not None
    assert why in canaries.last.failure.message


# What is asked


def test_a_query_names_both_sides_and_the_time_since_the_first_weight(measured: Measured) -> None:
    measured.now(5)
    measured.now(3, "stable")
    asked = {
        "both": f'100 * {NOW} + sum(errors_now{{task="{{{{stable}}}}"}})',
        "window": 'sum(count_over_time(errors_now{task="{{canary}}"}[{{window}}]))',
    }
    # The first second may have been without a scrape.
    checks = tuple(measured.check(query, name=name, min=1, failure_limit=5) for name, query in asked.items())
    measured.canaries.configure(weight(10), pause(4), checks=checks)
    done = measured.canaries.project.run(*CANARY)

    assert done.code == 0, done.out + done.err
    assert {one["value"] for one in measured.canaries.samples("both")} == {503}
    seen = [one["value"] for one in measured.canaries.samples("window") if "value" in one]
    assert seen[0] <= 2 and seen[-1] >= 4 and seen[-1] > seen[0]  # one scrape a second


def test_a_query_with_several_values_is_no_measurement(measured: Measured) -> None:
    measured.now(0)
    measured.now(0, "stable")
    measured.configure(check=measured.check("errors_now", consecutive_error_limit=1))
    done = measured.canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    removed(measured, "errors: could not be asked 2 times in a row: expected one value, got a vector of 2")


def test_a_query_that_prometheus_refuses_is_no_measurement_and_says_why(measured: Measured) -> None:
    measured.configure(check=measured.check("sum(", consecutive_error_limit=0))
    done = measured.canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    removed(measured, "HTTP 400: invalid parameter")


# What it decides


def test_a_good_canary_is_promoted(measured: Measured) -> None:
    measured.serve(canary=0.01)
    measured.configure(weight(10), pause(2), weight(50), check=measured.check(SHARE, max=0.05, min_samples=5))
    done = measured.canaries.project.run(*CANARY)

    assert done.code == 0, done.out + done.err
    assert measured.canaries.effects == ["canary_10", "canary_50", "step-1", "step-2", "canary_remove"]
    assert measured.canaries.removed() and measured.canaries.live_version == "1.1.0"
    samples = measured.canaries.samples()
    assert len(samples) >= 5
    assert all(one["value"] == pytest.approx(0.01, abs=0.01) for one in samples)


def test_an_error_rate_above_its_maximum_ends_it(measured: Measured) -> None:
    measured.serve(canary=0.01)
    measured.configure(check=measured.check(SHARE, max=0.05))
    with measured.canaries.up() as process:
        wait_until(measured.canaries.samples, "it is measured")
        measured.fail(canary=0.5)
        done = ended(process)

    assert done.code == 6, done.out + done.err
    removed(measured, "expected at most 0.05 (1 failed)")
    last = measured.canaries.samples()[-1]
    assert last["verdict"] == "fail" and 0.05 < last["value"] <= 0.5


def test_what_both_sides_suffer_from_is_not_held_against_the_canary(measured: Measured) -> None:
    """The stable side is asked at the same time: the canary is allowed what befalls both."""
    measured.serve(canary=0.02, stable=0.02)
    measured.configure(check=measured.check(SHARE, max_ratio_to_stable=1.5))
    with measured.canaries.up() as process:
        measured.fail(canary=0.6, stable=0.6)
        wait_until(lambda: [one for one in measured.canaries.samples() if one.get("stable", 0) > 0.5], "both fail")
        measured.fail(stable=0.0)
        done = ended(process)

    assert done.code == 6, done.out + done.err
    *before, last = measured.canaries.samples()
    assert {one["verdict"] for one in before} == {"pass"}
    assert all(one["value"] <= 1.5 * one["stable"] for one in before)
    assert last["value"] > 1.5 * last["stable"] and last["threshold"] == "at most 1.5 times the stable side's"
    removed(measured, "of the stable side (1 failed)")


# What cannot be known


NO_NUMBER = '0 * sum(errors_now{task="{{canary}}"}) / 0'
"""Nothing failed of nothing: NaN."""


def test_no_data_ends_it(measured: Measured) -> None:
    measured.now(0)
    measured.configure()
    with measured.canaries.up() as process:
        wait_until(measured.canaries.samples, "it is measured")
        measured.silent()
        done = ended(process)

    assert done.code == 6, done.out + done.err
    removed(measured, "errors: no value (1 failed)")


def test_nan_ends_it(measured: Measured) -> None:
    measured.now(0)
    measured.configure(check=measured.check(NO_NUMBER))
    done = measured.canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    removed(measured, "errors: no value (1 failed)")
    assert [one["verdict"] for one in measured.canaries.samples()] == ["no_data"]
    assert "value" not in measured.canaries.samples()[0]


@pytest.mark.parametrize("query", [NOW, NO_NUMBER], ids=["no data", "NaN"])
def test_no_data_waits_for_a_person_where_it_is_told_to(measured: Measured, query: str) -> None:
    if query == NO_NUMBER:
        measured.now(0)
    measured.configure(check=measured.check(query, no_data="pause"))
    with measured.canaries.up() as process:
        wait_until(lambda: measured.canaries.last.state is State.PAUSED, "it pauses")
        open_ = measured.canaries.last.open_decision
        aborted = measured.canaries.project.run("abort", measured.canaries.last.id)
        done = ended(process)

    assert open_ is not None and open_.detail["reason"] == "errors: no value"
    assert (aborted.code, done.code) == (0, 6), aborted.err + done.out
    assert measured.canaries.effects == REMOVED and measured.canaries.removed()


@pytest.mark.parametrize("no_data", ["fail", "pause"])
def test_a_prometheus_that_is_gone_is_asked_so_often_and_no_more(measured: Measured, no_data: str) -> None:
    measured.now(0)
    measured.configure(check=measured.check(no_data=no_data, consecutive_error_limit=2))
    said = "errors: could not be asked 3 times in a row: "
    with measured.canaries.up() as process:
        wait_until(measured.canaries.samples, "it is measured")
        measured.stop()
        if no_data == "pause":
            wait_until(lambda: measured.canaries.last.state is State.PAUSED, "it pauses")
            assert measured.canaries.last.open_decision is not None
            assert measured.canaries.last.open_decision.detail["reason"].startswith(said)
            measured.canaries.project.run("abort", measured.canaries.last.id)
        done = ended(process)

    assert done.code == 6, done.out + done.err
    verdicts = [one["verdict"] for one in measured.canaries.samples()]
    assert verdicts[:1] == ["pass"] and "error" in verdicts
    if no_data == "fail":
        removed(measured, said)
        assert verdicts[-3:] == ["error"] * 3 and "error" not in verdicts[:-3]


def test_no_sample_at_all_never_leads_to_a_promotion(measured: Measured) -> None:
    """Whatever is let pass: at its deadline it is removed."""
    measured.configure(weight(10), pause(1), check=measured.check(failure_limit=1000), deadline_s=3)
    done = measured.canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    removed(measured, "the canary was not promoted within 3 s (deadline_s): errors has 0 of 1 samples")
    assert {one["verdict"] for one in measured.canaries.samples()} == {"no_data"}


# On record


def test_every_sample_is_replayed_with_value_threshold_and_verdict(measured: Measured) -> None:
    measured.now(0.25)
    measured.configure()
    with measured.canaries.up() as process:
        wait_until(lambda: measured.canaries.last.sampled, "samples are on record")
        measured.now(2)
        done = ended(process)
    replay = measured.canaries.project.run("replay", measured.canaries.last.id, "--json").json("replay")

    assert done.code == 6, done.out + done.err
    assert replay["legal"] is True
    sampled = [event["data"]["samples"] for event in replay["events"] if event["event"] == "CanarySampled"]
    found = [
        (one["value"], one["threshold"], one["verdict"]) for samples in sampled for one in samples if one["check"] == "errors"
    ]
    assert found[-1] == (2.0, "at most 1", "fail")
    assert set(found[:-1]) == {(0.25, "at most 1", "pass")}
