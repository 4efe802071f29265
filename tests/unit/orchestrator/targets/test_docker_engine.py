"""What the answers of the docker client are taken for, and what they must never be taken for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.targets.base import CommandResult, QueryTimeout, Unreachable
from orchestrator.targets.docker_engine import Container, Engine, Presence
from orchestrator.targets.docker_ports import HostPort

ID = "a" * 64
FACTS = {
    "Id": ID,
    "Name": "/shop",
    "Image": "r.example/shop@sha256:1",
    "Labels": {"pop-deploy.project": "shop"},
    "Status": "running",
    "StartedAt": "2026-11-23T03:57:43.116869560Z",
    "ExitCode": 0,
    "OOMKilled": False,
    "Error": "",
    "RestartCount": 2,
    "Health": "healthy",
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/udp": [{"HostIp": "", "HostPort": ""}]},
}


class Script:
    """A `Query` that answers by the words of a command: the first entry all of whose words are in it."""

    def __init__(self, *answers: tuple[str, CommandResult | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        words = " ".join(argv)
        self.asked.append(words)
        answer = next(answer for needle, answer in self.answers if needle in words)
        if isinstance(answer, Exception):
            raise answer
        return answer


def said(stdout: str = "", stderr: str = "", code: int = 0) -> CommandResult:
    return CommandResult((), code, stdout, stderr, 1)


def engine(*answers: tuple[str, CommandResult | Exception]) -> Engine:
    return Engine(Script(*answers), Path("/project"))


def registry(**config: Any) -> tuple[str, CommandResult]:
    return "docker info", said(json.dumps({"RegistryConfig": config, "DockerRootDir": "/var/lib/docker"}))


def test_reads_a_container() -> None:
    container = Container.from_facts(FACTS)

    assert (container.name, container.running, container.started, container.restarts) == ("shop", True, True, 2)
    assert (container.health, container.restart_policy) == ("healthy", "on-failure:3")
    assert container.ports == (HostPort("127.0.0.1", 8080),)


def test_knows_a_container_that_was_never_started() -> None:
    container = Container.from_facts({**FACTS, "Status": "created", "StartedAt": "0001-01-01T00:00:00Z", "Health": None})

    assert not container.started
    assert not container.running


def test_finds_by_labels_and_by_the_very_name() -> None:
    """Docker takes a name for the beginning of an ID, too."""
    other = {**FACTS, "Id": "dead" + "0" * 60, "Name": "/other", "Labels": {}}
    lines = "\n".join(json.dumps(facts) for facts in (FACTS, other))
    asked = engine(("container ls", said(f"{ID}\n")), ("container inspect", said(lines)))

    found = asked.containers({"pop-deploy.project": "shop"}, named="dead")

    assert [container.name for container in found] == ["shop"]


def test_what_does_not_exist_is_an_answer() -> None:
    asked = engine(("container ls", said()), ("container inspect", said("\n", "Error: No such container: shop\n", 1)))

    assert asked.containers({"a": "b"}, named="shop") == []


def test_a_question_that_failed_is_not_taken_for_nothing_there() -> None:
    asked = engine(("container ls", said()), ("container inspect", said("\n", "template parsing error: no entry\n", 1)))

    with pytest.raises(Unreachable, match="template parsing error"):
        asked.containers({"a": "b"}, named="shop")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            said("", "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", 1),
            "No Docker engine answers",
        ),
        (QueryTimeout("docker container ls did not answer"), "Docker did not answer docker container ls in 30 s"),
    ],
)
def test_an_engine_that_does_not_answer_is_unreachable(answer: CommandResult | Exception, message: str) -> None:
    with pytest.raises(Unreachable, match=message):
        engine(("container ls", answer)).containers({"a": "b"})


@pytest.mark.parametrize(
    ("stderr", "presence"),
    [
        ("Error response from daemon: manifest for r/x@sha256:0 not found: manifest unknown: manifest unknown", Presence.MISSING),
        (
            "Error response from daemon: pull access denied for r/x, repository does not exist or may require login",
            Presence.DENIED,
        ),
        ("Error response from daemon: unauthorized: authentication required", Presence.NO_ANSWER),
        ('Error response from daemon: Get "https://r/v2/": dial tcp: connect: connection refused', Presence.NO_ANSWER),
    ],
)
def test_tells_apart_how_a_registry_answers(stderr: str, presence: Presence) -> None:
    answer = engine(("docker pull", said("", stderr, 1))).access("r.example/x")

    assert answer.presence is presence
    assert bool(answer.problem) is (presence is not Presence.MISSING)


def test_believes_that_a_manifest_is_missing_only_when_the_registry_lets_us_in() -> None:
    missing = said("", "no such manifest: r.example/x@sha256:1", 1)
    refused = said("", "Error response from daemon: unauthorized: authentication required", 1)
    asked = engine(registry(), ("manifest inspect", missing), ("docker pull", refused))

    answers = asked.tag_answers("r.example/x", ["1.0.0"], "sha256:1")

    assert answers["1.0.0"].presence is Presence.NO_ANSWER
    assert "refuses the login" in answers["1.0.0"].problem


def test_compares_what_a_tag_leads_to_with_what_the_digest_leads_to() -> None:
    asked = engine(
        registry(),
        ("@sha256:1", said('{"schemaVersion": 2}')),
        ("x:latest", said('{"schemaVersion": 2}')),
        ("x:moved", said('{"schemaVersion": 3}')),
        ("x:gone", said("", "no such manifest", 1)),
    )

    answers = asked.tag_answers("r.example/x", ["latest", "moved", "gone"], "sha256:1")

    assert [answer.presence for answer in answers.values()] == [Presence.THERE, Presence.MISSING, Presence.MISSING]


@pytest.mark.parametrize(
    ("repository", "config", "insecure"),
    [
        ("127.0.0.1:5000/x", {"InsecureRegistryCIDRs": ["127.0.0.0/8"]}, True),
        ("localhost:5000/x", {"InsecureRegistryCIDRs": ["127.0.0.0/8"]}, True),
        ("10.1.2.3:5000/x", {"InsecureRegistryCIDRs": ["127.0.0.0/8"]}, False),
        ("r.example/x", {"InsecureRegistryCIDRs": ["127.0.0.0/8"]}, False),
        ("r.example/x", {"IndexConfigs": {"r.example": {"Secure": False}}}, True),
        ("r.example/x", {"IndexConfigs": {"r.example": {"Secure": True}}}, False),
        ("shop/web", {}, False),
    ],
)
def test_trusts_a_registry_as_the_engine_does(repository: str, config: dict[str, Any], insecure: bool) -> None:
    assert engine(registry(**config)).insecure(repository) is insecure


def test_says_what_the_last_health_check_printed() -> None:
    asked = engine(("container inspect", said('"first\\n"\n"second\\n"\n\n')))

    assert asked.last_health_output("shop") == "second"
