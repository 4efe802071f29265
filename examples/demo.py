"""A dry run, a live deployment, a broken one that is rolled back, history and replay: what `make demo` shows.

Everything happens in a directory of its own (``.demo`` here, or the one named on the command line) and on a free port of the loopback
interface; the service that it starts is stopped at the end.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

POP_DEPLOY = str(Path(sys.executable).with_name("pop-deploy"))

SERVER = '''
import http.server, pathlib
VERSION = pathlib.Path("version").read_text().strip()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        broken = VERSION == "1.1.0" and self.path == "/health"
        self.send_response(500 if broken else 200)
        self.end_headers()
        self.wfile.write(f"shop {VERSION} {'broken' if broken else 'ok'}\\n".encode())
    def log_message(self, *args):
        print(*args, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'''


def main() -> None:
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo").absolute()
    shutil.rmtree(place, ignore_errors=True)
    project, port = place / "my shop", free_port()
    write_project(project, place / "srv", port)
    try:
        show(project, "execute", "--mode", "dry_run", expect=0)
        show(project, "execute", "--mode", "deploy", "--yes", "--reason", "first release", expect=0)
        asked(port)
        write_version(project, "1.1.0")
        show(project, "execute", "--mode", "deploy", "--yes", expect=6)
        asked(port)
        show(project, "history", expect=0)
        show(project, "replay", "latest", expect=0)
        show(project, expect=0)
    finally:
        stop_service(place / "srv")


def write_project(project: Path, place: Path, port: int) -> None:
    """A small web service with its deploy.json."""
    (project / "app").mkdir(parents=True)
    (project / "app" / "server.py").write_text(SERVER.replace("PORT", str(port)))
    write_version(project, "1.0.0")
    local = {
        "enabled": True,
        "primary": True,
        "auto_rollback": True,
        "config": {"path": str(place), "source": "app", "run": [sys.executable, "server.py"], "drain_s": 2},
        "health_check": {"url": f"http://127.0.0.1:{port}/health", "expect_body": "ok", "interval_s": 0.2, "timeout_s": 3},
    }
    document = {
        "version": "1.0",
        "project_name": "shop",
        "default_environment": "staging",
        "environments": {"staging": {}},
        "targets": {"local": local},
        "history": [],
    }
    data = project / ".claude" / "popkit"
    data.mkdir(parents=True)
    (data / "deploy.json").write_text(json.dumps(document, indent=2) + "\n")


def write_version(project: Path, version: str) -> None:
    (project / "app" / "version").write_text(version + "\n")
    (project / "package.json").write_text(json.dumps({"name": "shop", "version": version, "private": True}) + "\n")


def show(project: Path, *words: str, expect: int) -> None:
    """Run a command as a user would, and insist on its exit code."""
    print(f"\n$ pop-deploy {' '.join(words)}".rstrip(), flush=True)
    done = subprocess.run([POP_DEPLOY, *words], cwd=project, stdin=subprocess.DEVNULL, check=False)
    print(f"(exit code {done.returncode})", flush=True)
    if done.returncode != expect:
        sys.exit(f"expected exit code {expect}")


def asked(port: int) -> None:
    """What really runs, asked over HTTP."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:  # noqa: S310 - loopback
        print(f"\n$ curl 127.0.0.1:{port}\n{response.read().decode().strip()}", flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_service(place: Path) -> None:
    """End the service that the demo started, by the identity that its release has on record."""
    from orchestrator.targets import processes

    for record in sorted((place / "run").glob("*.json")) if (place / "run").is_dir() else []:
        identity = json.loads(record.read_text()).get("process")
        if identity:
            processes.terminate(processes.ProcessId.from_json(identity), group=True, drain_s=2)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\nThe demo took {time.monotonic() - started:.0f} s. Its project is in .demo; nothing of it runs any more.")
