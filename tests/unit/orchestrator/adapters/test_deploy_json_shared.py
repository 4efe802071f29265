"""Busy editors and several publishers at once, as real processes: no edit is lost, and the history is right in the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.adapters.deploy_json import DeployJsonFile

ROOT = Path(__file__).parents[4]
TIMES = 100

# Reads the file, adds its edit to what it finds, and saves; an edit that is not in the file in the end was lost.
EDITOR = """
import json, os, sys
path, times, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
for number in range(times):
    with open(path) as file:
        document = json.load(file)
    document["edits"].append(number)
    text = json.dumps(document, indent=2)
    if way == "rename":
        with open(path + "~", "w") as file:
            file.write(text)
        os.replace(path + "~", path)
    else:
        with open(path, "w") as file:
            file.write(text)
    sys.stdin.readline() if number % 10 == 9 else None
"""

PUBLISHER = """
import sys
from orchestrator.adapters.deploy_json import DeployJsonFile
for number in range(int(sys.argv[2])):
    DeployJsonFile(sys.argv[1]).publish(lambda existing: [{"by": sys.argv[3], "n": number}, *existing])
"""


@pytest.mark.parametrize("way", ["rename", "in place"])
def test_no_edit_of_a_busy_editor_is_lost(tmp_path: Path, way: str) -> None:
    path = tmp_path / "deploy.json"
    path.write_text('{"edits": [], "history": []}')
    editor = subprocess.Popen(
        [sys.executable, "-c", EDITOR, path, str(TIMES), way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert editor.stdin is not None
    assert editor.stdout is not None
    editor.stdout.readline()

    for number in range(TIMES):
        DeployJsonFile(path).publish(lambda existing, number=number: [{"n": number}])
        if number % 10 == 9:  # keeps both at work until the end, whoever is faster
            editor.stdin.write("\n")
            editor.stdin.flush()
    assert editor.wait(60) == 0
    DeployJsonFile(path).publish(lambda existing: [{"n": "last"}])

    assert json.loads(path.read_text()) == {"edits": list(range(TIMES)), "history": [{"n": "last"}]}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["deploy.json", "locks"]


def test_publishers_do_not_lose_each_others_records(tmp_path: Path) -> None:
    path = tmp_path / "deploy.json"
    path.write_text("{}")
    argv = [sys.executable, "-c", PUBLISHER, path, "25"]

    running = [subprocess.Popen([*argv, name], cwd=ROOT) for name in ("ann", "bob", "cyd")]
    codes = [publisher.wait(60) for publisher in running]

    records = json.loads(path.read_text())["history"]
    assert codes == [0, 0, 0]
    for name in ("ann", "bob", "cyd"):
        assert [record["n"] for record in reversed(records) if record["by"] == name] == list(range(25))
