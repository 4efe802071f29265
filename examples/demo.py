"""What `make demo` shows: a dry run, a live release, a broken one that is rolled back, and how to look at all of it afterwards.

Everything happens in a directory of its own (``.demo``, or the one named on the command line) and on a free port of the loopback
interface. The service that it starts is stopped at the end, also when the demo is interrupted. A copy of this file works with an
installed pop-deploy anywhere: run it with the Python that pop-deploy is installed for.
"""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

from orchestrator.domain.plan import Slot
from orchestrator.targets.local_place import Place
from orchestrator.targets.local_service import Service

POP_DEPLOY = str(Path(sys.executable).with_name("pop-deploy"))
SLOT = Slot("shop", "staging", "local")
ROLLED_BACK = 6
AUTHOR = ("-c", "user.name=Demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false")

SERVER = '''\
"""A shop. Version 1.1.0 has a bug: its health check fails."""

import http.server
import pathlib

VERSION = pathlib.Path("version").read_text().strip()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        broken = VERSION == "1.1.0" and self.path == "/health"
        self.send_response(500 if broken else 200)
        self.end_headers()
        self.wfile.write(f"shop {VERSION} {'broken' if broken else 'ok'}\\n".encode())

    def log_message(self, form, *values):
        print(form % values, flush=True)


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'''


def main() -> None:
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo").absolute()
    make_room(directory)
    project, place, port = directory / "my shop", directory / "srv", free_port()
    write_project(project, place, port)
    try:
        say("A dry run asks everything that the deployment will depend on, and changes nothing.")
        show(project, "execute", "--mode", "dry_run")

        say("Version 1.0.0 goes live: a process that really runs, checked over HTTP.")
        show(project, "execute", "--mode", "deploy", "--yes", "--reason", "first release")
        ask(port)

        say(
            "Version 1.1.0 is broken: its health check answers 500. pop-deploy goes back to the last verified release by itself, "
            f"and says so with exit code {ROLLED_BACK}."
        )
        write_version(project, "1.1.0")
        show(project, "execute", "--mode", "deploy", "--yes", expect=ROLLED_BACK)
        ask(port)

        say("What has happened, newest first.")
        show(project, "history")

        say("The same from the events: every state that the newest deployment went through, and why.")
        show(project, "replay", "latest")

        say("Where the project stands.")
        show(project)
    finally:
        stop_service(place)


def make_room(directory: Path) -> None:
    """An empty *directory*. Nothing is removed that an earlier demo has not left there."""
    found = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    if found - {"my shop", "srv"}:
        sys.exit(f"{directory} holds more than an earlier demo has left there: name another directory")
    stop_service(directory / "srv")
    shutil.rmtree(directory, ignore_errors=True)


def write_project(project: Path, place: Path, port: int) -> None:
    """A small web service at version 1.0.0, with its deploy.json, in a git repository of its own where there is git."""
    (project / "app").mkdir(parents=True)
    (project / "app" / "server.py").write_text(SERVER.replace("PORT", str(port)), encoding="utf-8")
    data = project / ".claude" / "popkit"
    data.mkdir(parents=True)
    (data / "deploy.json").write_text(json.dumps(deploy_json(place, port), indent=2) + "\n", encoding="utf-8")
    git(project, "init", "--quiet")
    write_version(project, "1.0.0")


def deploy_json(place: Path, port: int) -> dict[str, object]:
    return {
        "version": "1.0",
        "project_name": SLOT.project,
        "default_environment": SLOT.environment,
        "environments": {SLOT.environment: {}},
        "targets": {
            SLOT.target: {
                "enabled": True,
                "primary": True,
                "auto_rollback": True,
                "config": {"path": str(place), "source": "app", "run": [sys.executable, "server.py"], "drain_s": 2},
                "health_check": {
                    "url": f"http://127.0.0.1:{port}/health",
                    "expect_body": "ok",
                    "interval_s": 0.5,
                    "timeout_s": 3,
                },
            }
        },
        "history": [],
    }


def write_version(project: Path, version: str) -> None:
    (project / "app" / "version").write_text(f"{version}\n", encoding="utf-8")
    (project / "package.json").write_text(json.dumps({"name": "shop", "version": version}) + "\n", encoding="utf-8")
    git(project, "add", "app", "package.json")
    git(project, *AUTHOR, "commit", "--quiet", "--no-verify", "--message", f"Version {version}")


def git(project: Path, *words: str) -> None:
    """The demo works without git too; then no commit is on record."""
    if shutil.which("git"):
        subprocess.run(["git", *words], cwd=project, check=True)


def say(sentence: str) -> None:
    print(f"\n\n{textwrap.fill(sentence, 100)}", flush=True)


def show(project: Path, *words: str, expect: int = 0) -> None:
    """Run a command as a user would, and insist on its exit code."""
    print(f"\n$ {shlex.join(['pop-deploy', *words])}", flush=True)
    done = subprocess.run([POP_DEPLOY, *words], cwd=project, stdin=subprocess.DEVNULL, check=False)
    print(f"(exit code {done.returncode})", flush=True)
    if done.returncode != expect:
        sys.exit(f"expected exit code {expect}")


def ask(port: int) -> None:
    """What really runs, asked over HTTP."""
    url = f"http://127.0.0.1:{port}/"
    with urllib.request.urlopen(url, timeout=5) as response:
        print(f"\n$ curl {url}\n{response.read().decode().strip()}", flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_service(root: Path) -> None:
    """End the service that the demo has started."""
    place = Place(root, SLOT)
    if place.is_ours():
        Service(place).stop(drain_s=2, say=lambda line: None)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    where = sys.argv[1] if len(sys.argv) > 1 else ".demo"
    print(f"\n\nThat took {time.monotonic() - started:.0f} s. The project is in {where}; nothing of it runs any more.")
