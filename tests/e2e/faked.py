"""What tests ask of a project with the target ``fake``, which the fixture of that name makes."""

from __future__ import annotations

from tests.e2e.project import Project, Ran

LIVE = ("execute", "--mode", "deploy", "--yes")
FAKE = (*LIVE, "--target", "fake")
EFFECT = "orchestrator.targets.fake_child:make_effect"


def effects(project: Project) -> list[str]:
    """The steps whose effects were made, in order."""
    log = project.root / "fake" / "effects.log"
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def said(done: Ran) -> str:
    """All that was printed; never a traceback."""
    assert "Traceback" not in done.out + done.err, done.err
    return done.out + done.err
