"""A real Prometheus for one test, and a real exporter that the test drives.

Nothing is shared: a test starts both on free ports of loopback and both end with its ``with`` block.

>>> with Exporter() as exporter, Prometheus.started(tmp_path, {"web": [exporter.address]}) as prometheus:
...     exporter.set('http_requests_total{version="2",code="500"}', 3)
...     prometheus.wait_for('http_requests_total{code="500"} == 3')
"""

from __future__ import annotations

import http.server
import json
import math
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.backends.docker import free_port

_READY_S, _QUERY_S, _END_S = 30.0, 5.0, 10.0


def available() -> str | None:
    """Return why these tests cannot run here, or None if they can."""
    return None if shutil.which("prometheus") else "no prometheus on PATH; run tests/backends/prometheus-up.sh"


class Exporter:
    """Serves ``/metrics`` in Prometheus's text format from a thread of this process; counters start when they are set.

    A series is written as Prometheus writes it: ``name`` or ``name{label="value"}``.
    """

    def __init__(self) -> None:
        self._series: dict[str, float] = {}
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``, as Prometheus names a target."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def set(self, series: str, value: float) -> None:
        """Set *series* to *value*."""
        with self._lock:
            self._series[series] = value

    def add(self, series: str, value: float = 1) -> None:
        """Count *value* more, from 0 on."""
        with self._lock:
            self._series[series] = self._series.get(series, 0.0) + value

    def remove(self, series: str) -> None:
        """No longer say anything about *series*."""
        with self._lock:
            self._series.pop(series, None)

    def text(self) -> str:
        """What ``/metrics`` says now."""
        with self._lock:
            return "".join(f"{series} {value!r}\n" for series, value in self._series.items())

    def __enter__(self) -> Exporter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.text().encode()
                self.send_response(200 if self.path == "/metrics" else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Silent: a test's output is its own."""

        return Handler


@dataclass(frozen=True)
class Prometheus:
    """One that runs.

    Attributes:
        url: Where it answers.
        targets_file: What it scrapes; see :meth:`scrape`.
    """

    url: str
    targets_file: Path

    @staticmethod
    @contextmanager
    def started(directory: Path, targets: Mapping[str, Sequence[str]], *, interval_s: int = 1) -> Iterator[Prometheus]:
        """Start one whose data is in *directory*, and end it afterwards.

        Args:
            directory: Empty, or not there yet.
            targets: ``HOST:PORT`` of exporters by the value of their label ``side``.
            interval_s: Seconds between scrapes.
        """
        directory.mkdir(parents=True, exist_ok=True)
        found = Prometheus(f"http://127.0.0.1:{free_port()}", directory / "targets.json")
        found.scrape(targets)
        config = directory / "prometheus.json"  # which is YAML too
        jobs = [{"job_name": "tests", "file_sd_configs": [{"files": [str(found.targets_file)], "refresh_interval": "1s"}]}]
        every = f"{interval_s}s"
        settings = {"scrape_interval": every, "scrape_timeout": every}
        config.write_text(json.dumps({"global": settings, "scrape_configs": jobs}), encoding="utf-8")
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={urllib.parse.urlsplit(found.url).netloc}",
            "--log.level=warn",
        ]
        with (directory / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            found._wait_until_ready(process, directory / "prometheus.log")
            yield found
        finally:
            _end(process)

    def scrape(self, targets: Mapping[str, Sequence[str]]) -> None:
        """Scrape *targets*, and no others, from now on; Prometheus notices within seconds."""
        groups = [{"targets": list(addresses), "labels": {"side": side}} for side, addresses in targets.items()]
        new = self.targets_file.with_suffix(".new")
        new.write_text(json.dumps(groups), encoding="utf-8")
        new.replace(self.targets_file)

    def query(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values of an instant query's vector; empty without data."""
        asked = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(asked, timeout=_QUERY_S) as response:
            answer: dict[str, Any] = json.load(response)
        return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]

    def wait_for(self, query: str, *, within_s: float = 15.0) -> float:
        """Wait until *query* has data that is a number; return the first value.

        Raises:
            TimeoutError: There was none in time.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            values = [value for _, value in self.query(query) if not math.isnan(value)]
            if values:
                return values[0]
            time.sleep(0.1)
        raise TimeoutError(f"no data for {query} within {within_s} s")

    def _wait_until_ready(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=_QUERY_S):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"Prometheus is not ready:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
