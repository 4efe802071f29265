"""Live progress: plain lines, a terminal, and nothing; what it writes is the upper part of the report."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from orchestrator.projections.deployment_result import deployment_result
from orchestrator.rendering import report
from orchestrator.rendering.live import LiveProgress
from orchestrator.rendering.progress import PlainProgress, SilentProgress, for_command
from tests.unit.orchestrator.rendering.watching import Gone, Terminal, deploy, plain
from tests.unit.orchestrator.stories import Story, dry_run

# --- plain --------------------------------------------------------------------


@pytest.mark.parametrize("healthy", [True, False])
def test_progress_and_the_rest_are_the_same_report_as_all_at_once(healthy: bool) -> None:
    story = Story().verified() if healthy else Story().unhealthy().rolled_back()
    result = deployment_result(story.deployment, history_path="deploy.json", deploy_url="")
    at_the_start = deployment_result(Story().executing().deployment, history_path="deploy.json", deploy_url="")
    progress, stream = plain()
    progress.opening = lambda: report.opening(at_the_start)

    deploy(progress, healthy=healthy)
    progress.close()

    assert stream.getvalue() + report.text(result, begun=progress.begun) == report.text(result)


def test_the_progress_of_a_dry_run_and_the_rest_are_the_same_report() -> None:
    result = deployment_result(dry_run().deployment, history_path="deploy.json", deploy_url="")
    at_the_start = deployment_result(Story(mode="dry_run").prepared().deployment, history_path="deploy.json", deploy_url="")
    progress, stream = plain()
    progress.opening = lambda: report.opening(at_the_start)

    progress.phase("Checks")
    progress.check("docker engine", "pass", "answers")

    assert stream.getvalue() + report.text(result, begun=progress.begun) == report.text(result)


def test_a_resumed_deployment_lists_what_was_done_before_and_goes_on() -> None:
    story = Story().executing().done("build", 45)
    before = deployment_result(story.deployment, history_path="deploy.json", deploy_url="")
    progress, stream = plain()
    progress.opening = lambda: report.opening(before)

    progress.phase("Steps")
    progress.step_started(2, 5, "Pushing to registry")
    progress.step_finished("done", 12_000)

    assert stream.getvalue().endswith(
        "\nSteps:\n  [1/5] Building image... done (45s)\n  [2/5] Pushing to registry... done (12s)\n"
    )
    assert stream.getvalue().count("Steps:") == 1


def test_a_title_is_shown_when_the_step_starts() -> None:
    progress, stream = plain()

    progress.step_started(1, 5, "Building image")
    while_it_runs = stream.getvalue()
    progress.step_finished("done", 400)

    assert while_it_runs == "  [1/5] Building image..."
    assert stream.getvalue() == "  [1/5] Building image... done (0.4s)\n"


def test_a_remark_within_a_step_stands_on_its_own_line() -> None:
    progress, stream = plain()

    progress.step_started(1, 2, "Waiting")
    progress.line("1 of 3 replicas\nare ready")
    progress.line("2 of 3")
    progress.step_finished("done", 1000)

    assert stream.getvalue() == "  [1/2] Waiting...\n  1 of 3 replicas are ready\n  2 of 3\n  [1/2] Waiting... done (1s)\n"


def test_a_step_that_never_ended_is_interrupted() -> None:
    progress, stream = plain()

    progress.step_started(1, 2, "Waiting")
    progress.close()
    progress.close()

    assert stream.getvalue() == "  [1/2] Waiting... interrupted\n"


def test_an_interrupted_step_with_remarks_says_its_title_again() -> None:
    progress, stream = plain()

    progress.step_started(1, 2, "Waiting")
    progress.line("1 of 3")
    progress.close()

    assert stream.getvalue().endswith("  1 of 3\n  [1/2] Waiting... interrupted\n")


def test_a_result_without_a_step_writes_nothing() -> None:
    progress, stream = plain()

    progress.step_finished("done", 5)

    assert (stream.getvalue(), progress.begun) == ("", False)


def test_what_a_step_prints_is_not_shown_in_plain_lines() -> None:
    progress, stream = plain()

    progress.step_started(1, 1, "Building")
    progress.output(b"noise\n")

    assert "noise" not in stream.getvalue()


def test_titles_and_checks_cannot_steer_a_terminal() -> None:
    progress, stream = plain()

    progress.step_started(1, 1, "Buil\x1b[2Jding\nResult: SUCCESS")
    progress.step_finished("done", 0)
    progress.check("na\x07me", "pass", "a\r\nb")

    assert stream.getvalue() == "  [1/1] Building Result: SUCCESS... done (0ms)\n  [pass] name: a b\n"


def test_a_deployment_goes_on_when_its_reader_has_gone() -> None:
    progress = PlainProgress(Gone())

    deploy(progress)
    progress.close()

    assert progress.begun


def test_a_closed_stream_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()

    deploy(PlainProgress(stream))

    assert stream.closed


def test_lines_are_flushed_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("w", encoding="ascii") as stream:
        PlainProgress(stream).step_started(1, 1, "Zürich")

        assert file.read_text(encoding="ascii") == "  [1/1] Z?rich..."


# --- silence ------------------------------------------------------------------


def test_silence_has_not_begun_the_report() -> None:
    progress = SilentProgress()

    deploy(progress)
    progress.line("x")
    progress.close()

    assert progress.begun is False


# --- choosing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("terminal", "term", "kind"),
    [(True, "xterm", LiveProgress), (True, "dumb", PlainProgress), (True, None, PlainProgress), (False, "xterm", PlainProgress)],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_only_a_terminal_gets_live_progress(
    terminal: bool, term: str | None, kind: type, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, other = (Terminal() if terminal else io.StringIO()), io.StringIO()
    monkeypatch.setattr(sys, "stderr" if as_json else "stdout", used)
    monkeypatch.setattr(sys, "stdout" if as_json else "stderr", other)

    progress = for_command(as_json=as_json, environ={"TERM": term} if term else {})
    progress.phase("Steps")

    assert type(progress) is kind
    assert (used.getvalue(), other.getvalue()) == ("\nSteps:\n", "")


def test_quiet_is_silent() -> None:
    assert type(for_command(as_json=False, quiet=True)) is SilentProgress
