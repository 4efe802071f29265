"""The examples of a canary run by one command each, and show a bad version caught at its weight."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.kubernetes import KubernetesBackend
from tests.backends.swarm import SwarmBackend

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples"
ENDED_S = 540
"""Three deployments of nine replicas, with nothing else to do about one minute."""


def shown(name: str) -> str:
    """What the example prints; it has to end well."""
    program = EXAMPLES / name / "run.py"
    done = subprocess.run([sys.executable, program], timeout=ENDED_S, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def require_told(text: str) -> None:
    """A good version was promoted, a bad one was caught, and of the requests none was lost by either."""
    assert text.count("Canary at 10% (1 of 10 replicas, 10% reached)... done") == 2
    assert "the canary failed: health" in text and "Result: ROLLED BACK to 1.1.0" in text
    assert len(re.findall(r"^\d+ requests, 0 lost; answered by ", text, re.M)) == 2


@pytest.mark.swarm
@pytest.mark.docker
def test_the_example_on_a_swarm(swarm_backend: SwarmBackend) -> None:
    require_told(shown("canary-swarm"))


@pytest.mark.kubernetes
@pytest.mark.docker
def test_the_example_on_kubernetes(kubernetes_backend: KubernetesBackend) -> None:
    require_told(shown("canary-kubernetes"))
