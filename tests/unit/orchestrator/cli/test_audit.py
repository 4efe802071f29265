"""`pop-deploy audit`: what is proven, what not, what is wrong; with anchors, archives and attachments, on a real store."""

import json
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from zlib import compress

import pytest

from eventstore import Attachment
from orchestrator.domain import events as e
from orchestrator.domain.ids import stream_of
from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import Story, World

OUTPUT = b"Step 1/3\n" * 40_000

Tamper = Callable[..., None]


@pytest.fixture
def story(world: World) -> Story:
    told = world.deployment(version="1.2.0").to_verified()
    described = {
        "attachment": "deploy/build/9",
        "commands": [
            {"command": "main", "sha256": f"sha256:{sha256(OUTPUT).hexdigest()}", "bytes": len(OUTPUT), "cut_bytes": 0},
            {"command": "then", "sha256": f"sha256:{sha256(b'done').hexdigest()}", "bytes": 4, "cut_bytes": 0},
        ],
    }
    parts = (compress(OUTPUT[:262_144], 1), compress(OUTPUT[262_144:], 1), compress(b"done", 1))
    probed = e.StepProbed(phase="deploy", step="build", attempt=9, answer="not_done", detail="", output=described)
    return told.record(probed, attachments=[Attachment("deploy/build/9", parts)])


@pytest.fixture
def tamper(project: Path) -> Tamper:
    def run(*statements: str) -> None:
        with closing(sqlite3.connect(project / ".claude" / "popkit" / "events.db", isolation_level=None)) as editor:
            for (name,) in editor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                editor.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                editor.execute(statement)

    return run


def anchored(run: Run, project: Path, *more: str) -> Path:
    file = project / "anchors.jsonl"
    assert run("audit", "anchor", "--out", str(file), *more).code == 0
    return file


def test_an_untouched_store_is_intact_and_says_what_that_does_not_prove(run: Run, story: Story) -> None:
    ended = run("audit", "verify")

    assert ended.code == 0
    assert "none was changed, removed, inserted or reordered" in ended.out
    assert "attachments are what their events have on record" in ended.out
    assert "Not proven:\n  - That the newest events were not removed" in ended.out
    assert ended.out.endswith("Result: INTACT\n")


def test_names_the_event_that_was_changed(run: Run, story: Story, tamper: Tamper) -> None:
    tamper("""UPDATE events SET data = CAST(replace(CAST(data AS TEXT), 'ann', 'eve') AS BLOB) WHERE position = 1""")

    ended, data = run("audit", "verify"), run("audit", "verify", "--json").data

    assert ended.code == 1
    assert f"CHANGED event 1 ({stream_of(story.id)}, version 0): its stream, version" in ended.out
    assert ended.out.endswith("Result: BROKEN\n")
    assert (data["success"], data["proven"]) == (False, [])
    assert data["problems"][0] | {"kind": "changed", "position": 1, "version": 0} == data["problems"][0]


@pytest.mark.parametrize("column", ["stream", "type", "time"])
@pytest.mark.parametrize("position", ["1", "5", "(SELECT max(position) FROM events)"])
def test_text_that_is_none_is_damage_at_that_event(run: Run, story: Story, tamper: Tamper, column: str, position: str) -> None:
    tamper(f"UPDATE events SET {column} = CAST(x'61ff62' AS TEXT) WHERE position = {position}")  # noqa: S608

    ended = run("audit", "verify", "--json")

    assert (ended.code, ended.data["success"]) == (1, False)
    assert f"its column {column} holds bytes that are no text (not UTF-8)" in [each["message"] for each in ended.data["problems"]]
    assert "Result: BROKEN" in run("audit", "verify").out


@pytest.mark.parametrize("column", ["stream", "name"])
def test_an_attachments_name_that_is_no_text_is_damage(run: Run, story: Story, tamper: Tamper, column: str) -> None:
    tamper(f"UPDATE attachments SET {column} = CAST(x'61ff62' AS TEXT)")  # noqa: S608

    ended = run("audit", "verify", "--json")

    assert (ended.code, {each["kind"] for each in ended.data["problems"]}) == (1, {"attachment"})


def test_names_what_was_removed(run: Run, story: Story, tamper: Tamper) -> None:
    tamper("DELETE FROM events WHERE position IN (3, 4)")

    assert "REMOVED event 3: events 3 to 4 are missing" in run("audit", "verify").out


def test_does_not_change_the_store(run: Run, story: Story, project: Path) -> None:
    before = (project / ".claude" / "popkit" / "events.db").read_bytes()

    run("audit", "verify")

    assert (project / ".claude" / "popkit" / "events.db").read_bytes() == before


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("UPDATE attachments SET data = x'789c' WHERE name LIKE '%9' AND part = 1", "cannot be decompressed"),
        ("DELETE FROM attachments WHERE name LIKE '%9'", "it is missing"),
        ("DELETE FROM attachments WHERE name LIKE '%9' AND part = 2", "is missing"),
        ("UPDATE attachments SET name = 'other' WHERE name LIKE '%9'", "other: no event has it on record"),
        ("INSERT INTO attachments SELECT stream, 'more', 0, data FROM attachments WHERE part = 2", "more: no event has it"),
        ("INSERT INTO attachments SELECT stream, name, 3, data FROM attachments WHERE part = 2", "more than was recorded"),
    ],
)
def test_finds_an_attachment_that_is_not_the_recorded_one(run: Run, story: Story, tamper: Tamper, edit: str, words: str) -> None:
    tamper(edit)

    ended = run("audit", "verify")

    assert ended.code == 1
    assert words in ended.out


def test_finds_an_attachment_with_other_content(run: Run, story: Story, tamper: Tamper) -> None:
    other = compress(b"DONE", 1).hex()
    tamper(f"UPDATE attachments SET data = x'{other}' WHERE name LIKE '%9' AND part = 2")  # noqa: S608

    assert "its content is not what was recorded (command 2)" in run("audit", "verify").out


# anchors


def test_an_anchor_is_one_signed_line_and_its_key_is_private(run: Run, story: Story, project: Path) -> None:
    ended = run("audit", "anchor")

    key = project / ".claude" / "popkit" / "audit.key"
    head = story.world.store.head()
    assert (ended.data["position"], ended.data["hash"]) == (head.position, head.hash.hex())
    assert ended.data["store_id"] == story.world.store.store_id
    assert ended.out.count("\n") == 1
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.with_name("audit.key.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----")


def test_an_anchor_proves_that_nothing_before_it_was_removed_or_written_anew(run: Run, story: Story, project: Path) -> None:
    file = anchored(run, project)
    key = str(project / ".claude" / "popkit" / "audit.key.pub")

    ended = run("audit", "verify", "--anchor", str(file), "--public-key", key)

    head = story.world.store.head().position
    assert ended.code == 0
    assert f"Events 1 to {head} are those that stood there" in ended.out
    assert "Not proven" not in ended.out


def test_says_what_is_newer_than_the_anchor_and_whose_key_it_was(run: Run, story: Story, project: Path) -> None:
    file = anchored(run, project)
    story.world.deployment(version="1.3.0").to_verified()

    ended = run("audit", "verify", "--anchor", str(file))

    assert "the anchor is older" in ended.out
    assert "Whose key signed the anchor" in ended.out


def test_finds_the_newest_events_removed_only_against_an_anchor(run: Run, story: Story, project: Path, tamper: Tamper) -> None:
    file, head = anchored(run, project), story.world.store.head().position
    tamper(f"DELETE FROM events WHERE position > {head - 2}", "DELETE FROM attachments WHERE name LIKE '%9'")  # noqa: S608

    assert run("audit", "verify").code == 0
    ended = run("audit", "verify", "--anchor", str(file))

    assert ended.code == 1
    assert f"the store ends at event {head - 2}: the newest 2 of that time were removed" in ended.out


def test_finds_everything_written_anew_only_against_an_anchor(run: Run, story: Story, project: Path, tamper: Tamper) -> None:
    from eventstore.chain import GENESIS, link
    from eventstore.events import Head, NewEvent

    file, head, anew = anchored(run, project), Head(0, GENESIS), []
    for event in story.world.store.read_all():
        data = event.data.replace(b"ann@ci-7", b"eve@ci-7")
        anew.append(link(head, event.stream, event.version, event.time, NewEvent(event.type, data, event.metadata)))
        head = Head(anew[-1].position, anew[-1].hash)
    tamper(*(f"UPDATE events SET data = x'{new.data.hex()}', previous_hash = x'{new.previous_hash.hex()}', "  # noqa: S608
             f"hash = x'{new.hash.hex()}' WHERE position = {new.position}" for new in anew))  # fmt: skip

    assert run("audit", "verify").code == 0
    ended = run("audit", "verify", "--anchor", str(file))

    assert ended.code == 1
    assert "the chain was written anew" in ended.out


@pytest.mark.parametrize("field", ["position", "hash", "time", "store_id", "public_key", "signature", "fingerprint"])
def test_an_anchor_that_was_changed_is_not_believed(run: Run, story: Story, project: Path, field: str) -> None:
    file = anchored(run, project)
    values = json.loads(file.read_text())
    text = values[field]
    values[field] = text - 1 if field == "position" else ("f" if text[0] != "f" else "e") + text[1:]
    file.write_text(json.dumps(values))

    ended = run("audit", "verify", "--anchor", str(file))

    assert ended.code == 1
    assert "its signature is wrong" in ended.out or "its fingerprint is not that of its key" in ended.out


def test_an_anchor_of_another_key_does_not_count(run: Run, story: Story, project: Path) -> None:
    run("audit", "key", "--key", str(project / "mallory.key"))
    run("audit", "key")
    file = anchored(run, project, "--key", str(project / "mallory.key"))

    ended = run("audit", "verify", "--anchor", str(file), "--public-key", str(project / ".claude" / "popkit" / "audit.key.pub"))

    assert ended.code == 1
    assert "it was signed by another key" in ended.out


def test_checks_every_anchor_of_a_file(run: Run, story: Story, project: Path) -> None:
    anchored(run, project)
    story.world.deployment(version="1.3.0").to_verified()

    data = run("audit", "verify", "--anchor", str(anchored(run, project)), "--json").data

    assert [anchor["holds"] for anchor in data["anchors"]] == [True, True]
    assert data["anchors"][0]["position"] < data["anchors"][1]["position"]


def test_a_key_is_never_overwritten_nor_used_when_others_can_read_it(run: Run, story: Story, project: Path) -> None:
    first = run("audit", "key", "--json").data
    key = Path(first["key"])
    before = key.read_bytes()

    again = run("audit", "key")
    key.chmod(0o644)
    refused = run("audit", "anchor")

    assert (again.code, refused.code) == (2, 2)
    assert "is never overwritten" in again.err
    assert f"chmod 600 {key}" in refused.err
    assert key.read_bytes() == before
    assert first["fingerprint"].startswith("SHA256:")


@pytest.mark.parametrize("contents", ["", "{}", "[]", '{"position": 1}', "mine"])
def test_refuses_a_file_that_is_no_anchor(run: Run, story: Story, project: Path, contents: str) -> None:
    (project / "file").write_text(contents)

    ended = run("audit", "verify", "--anchor", str(project / "file"))

    assert ended.code == 2
    assert "anchor" in ended.err


def test_says_what_to_install_when_the_library_is_missing(
    run: Run, story: Story, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)

    ended = run("audit", "anchor")

    assert ended.code == 2
    assert "pip install 'pop-deploy[audit]'" in ended.err
    assert run("audit", "verify").code == 0
