"""The report as Markdown: the same bytes for the same events, and nothing that others wrote gets out of its place."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.projections.incident import incident
from orchestrator.rendering.incident import filename, markdown
from orchestrator.rendering.markdown import code, fenced, words
from tests.unit.orchestrator.stories import ID, OLD, Story

HOSTILE = "```\n# Severity: none\n~~~\n````` <script>alert(1)</script> ![x](https://evil.example/?q) \x1b[2J\u202e\u2028# gone"


def test_the_same_events_give_the_same_bytes() -> None:
    story = Story().unhealthy().rolled_back()

    first, second = (markdown(incident(list(story.told), {"rollback/restore/1": ("x", False)})) for _ in range(2))

    assert first == second
    assert first.endswith("\n") and not first.endswith("\n\n")


def test_it_says_what_people_ask_first() -> None:
    text = markdown(incident(Story().unhealthy().rolled_back().told, {}))

    titles = [line for line in text.splitlines() if line.startswith("#")]
    assert titles == [
        "# Incident: 1.2.0 in production/docker",
        "## Summary",
        "## Timeline",
        "## Failure",
        "## Log",
        "## Who and why",
        "## Commits in question",
        "## Actions",
    ]
    assert "- Severity: **high** (production, restored after an outage of less than 15 minutes)" in text
    assert "- 2026-03-18T14:30:22.000+00:00 deployment of 1.2.0 requested (ann@ci-7)" in text
    assert "- [ ] Deploy the repaired version" in text


def test_a_hostile_log_message_and_reason_stay_in_their_places() -> None:
    story = Story(reason=HOSTILE, version="1.2.0").executing()
    story.broke("build", 1, HOSTILE, output={"attachment": "deploy/build/1", "commands": [{"bytes": 9}]})
    story.failed("build", HOSTILE, trace=HOSTILE, diagnostics=[HOSTILE])

    text = markdown(incident(story.told, {"deploy/build/1": (HOSTILE, False)}))

    outside = "\n".join(_outside_fences(text))
    assert text.count("# Severity: none") >= 3
    assert "\n# Severity" not in f"\n{outside}" and "\n# gone" not in f"\n{outside}"
    assert [line for line in outside.splitlines() if line.startswith("#")][1:] == [
        "## Summary",
        "## Timeline",
        "## Failure",
        "## Log",
        "## Who and why",
        "## Commits in question",
        "## Actions",
    ]
    assert "<script>" not in outside.replace("\\<", "") and "![" not in outside.replace("\\!", "").replace("\\[", "")
    assert "\x1b" not in text and "\u202e" not in text and "https://evil" not in outside


def _outside_fences(text: str) -> list[str]:
    """The lines that CommonMark does not take for code: a block ends at a line of nothing but a fence as long as its first."""
    outside, fence = [], ""
    for line in text.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            if len(ticks) >= len(fence) and line.strip() == ticks:
                fence = ""
        elif len(ticks) >= 3:
            fence = ticks
        else:
            outside.append(line)
    assert not fence, "a block was left open"
    return outside


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 1.2.0 at 14:30", "plain words, 1.2.0 at 14:30"),
        ("*a* _b_ snake_case", r"\*a\* \_b\_ snake_case"),
        ("<b> & [x](y) !", r"\<b> \& \[x\](y) \!"),
        ("https://x.example", r"https:\//x.example"),
        ("two\nlines\x1b[31m", "two lines"),
    ],
)
def test_words_are_no_markdown(text: str, shown: str) -> None:
    assert words(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("", "-")])
def test_code_may_hold_backticks(text: str, shown: str) -> None:
    assert code(text) == shown


def test_a_fence_is_longer_than_any_in_what_it_holds() -> None:
    assert fenced("````\nx") == "`````text\n````\nx\n`````\n"


def test_a_rollback_that_is_not_finished_says_so() -> None:
    text = markdown(incident(Story().unhealthy().going_back(OLD).told, {}))

    assert "not finished: is open" in text


def test_the_files_name_is_the_deployments() -> None:
    assert filename(ID) == f"incident-{ID}.md"


def test_a_decision_that_nobody_has_made_stands_open() -> None:
    story = Story().unhealthy()
    story.tell(e.DecisionRequested(decision_id="after_failure", question="?", header="Failure", options=[]))

    assert "- `after_failure` stands open" in markdown(incident(story.told, {}))
