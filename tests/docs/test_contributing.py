"""The worked examples of CONTRIBUTING.md work: a kind of target, a case of a plan, an event with an upcaster, a migration."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eventstore import NO_STREAM, NewEvent, reading, sqlite, sqlite_file, upgrade
from eventstore.sqlite import SqliteEventStore
from examples.note_target import NoteConfig, NoteTarget
from orchestrator.domain.plan import Slot
from orchestrator.targets import registry
from orchestrator.targets.base import Target
from tests.contract.harness import SLOT, Harness, plain_tools
from tests.contract.target_contract import TargetContract
from tests.contract.test_plans import test_plans_exactly_these_steps as check_plan
from tests.docs.pages import ROOT, blocks, read

PAGE = read(ROOT / "CONTRIBUTING.md")
PYTHON = blocks(PAGE, "python")
MIGRATION = next(block for block in PYTHON if "down_revision" in block.text)
PLAN_CASE = next(block for block in blocks(PAGE, "json") if '"steps"' in block.text)
KIND_LINE = next(block.text for block in blocks(PAGE) if block.text.startswith("Kind("))


class NoteHarness(Harness):
    """As it would stand in ``tests/contract/harness_note.py``."""

    kind = "note"

    def target(self, *, slot: Slot = SLOT, adopt: bool = False) -> Target:
        return NoteTarget(NoteConfig(path="NOTE"), plain_tools(self.project, slot), adopt=adopt)

    def change_source(self, version: str) -> None:
        """The note says the version: there is no other source."""

    def make_foreign(self) -> None:
        (self.project / "NOTE").write_text("do not forget the milk\n")

    def world(self) -> Any:
        return {path.name: path.read_bytes() for path in self.project.iterdir()}


class TestTheExampleOfATarget(TargetContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        harness = NoteHarness(tmp_path)
        yield harness
        harness.tear_down()


@pytest.fixture
def note(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with the page's line in it, which finds the module where it lies now."""
    line = ast.parse(KIND_LINE.rstrip().rstrip(","), mode="eval")
    kind = eval(compile(line, "CONTRIBUTING.md", "eval"), {"Kind": registry.Kind, "_HERE": "examples"})  # noqa: S307 - our own page
    moved = registry.Kind(
        kind.name, kind.config.replace(".note:", ".note_target:"), kind.factory.replace(".note:", ".note_target:")
    )
    monkeypatch.setitem(registry.KINDS, moved.name, moved)


@pytest.mark.usefixtures("note")
def test_one_line_in_the_registry_is_enough(tmp_path: Path) -> None:
    config_type = registry.config_type("note")
    assert config_type is not None

    target = registry.create("note", config_type(path="NOTE"), SimpleNamespace(adopt=False), plain_tools(tmp_path))

    assert isinstance(target, NoteTarget)
    assert "note" in registry.deployable()


@pytest.mark.usefixtures("note")
def test_the_case_of_a_plan_holds(tmp_path: Path) -> None:
    case = tmp_path / "note" / "first.json"
    case.parent.mkdir()
    case.write_text(PLAN_CASE.text)

    check_plan(case)

    wrong = json.loads(PLAN_CASE.text)
    wrong["steps"][0]["title"] = "Writing"
    case.write_text(json.dumps(wrong))
    with pytest.raises(AssertionError):
        check_plan(case)


def test_the_example_of_an_event_runs() -> None:
    (block,) = [block for block in PYTHON if block is not MIGRATION]

    made: dict[str, Any] = {"__name__": __name__}
    exec(compile(block.text, "CONTRIBUTING.md", "exec", dont_inherit=True), made)  # noqa: S102 - our own page

    assert made["codec"].names == {"DeploymentPaused"}


def test_the_example_of_a_migration_upgrades_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, migrations = tmp_path / "events.db", tmp_path / "migrations"
    store = SqliteEventStore(f"sqlite:///{path}")
    store.append("a", [NewEvent("Opened", b"{}")], expected_version=NO_STREAM)
    store.close()
    shutil.copytree(ROOT / "alembic", migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "0002_media_type.py").write_text(MIGRATION.text)
    monkeypatch.setattr(upgrade, "migrations", lambda: migrations)
    for module in (sqlite, reading, sqlite_file):
        monkeypatch.setattr(module, "REVISIONS", ("0001", "0002"))

    SqliteEventStore(f"sqlite:///{path}").close()

    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(attachments)")]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
    assert columns[-1] == "media_type"
