"""The update of one service: what is sent to the swarm, and when it is sent again. The client is the test's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Mode, Slot, Step
from orchestrator.domain.settings import SecretRef
from orchestrator.targets.base import Answer, CommandResult, ForeignResource, Request, StepError
from orchestrator.targets.docker_engine import Engine
from orchestrator.targets.swarm import SwarmConfig, SwarmTarget
from orchestrator.targets.swarm_engine import Swarm
from orchestrator.targets.swarm_service import ServiceUpdate
from orchestrator.targets.swarm_slot import Wanted
from tests.contract.harness import PlainStepRun, plain_tools

SLOT = Slot("shop", "staging", "web")
OUTCOMES = {"push": {"digest": "sha256:1"}}


@dataclass
class Client:
    """A docker client that knows one service, and answers every change with the next of *answers*."""

    labels: dict[str, str] | None
    image: str = "old"
    mode: dict[str, Any] = field(default_factory=lambda: {"Replicated": {"Replicas": 1}})
    answers: list[str] = field(default_factory=list)
    changes: list[tuple[tuple[str, ...], Any]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], **_: Any) -> CommandResult:
        spec = {
            "Name": "shop",
            "Labels": self.labels,
            "Mode": self.mode,
            "TaskTemplate": {"ContainerSpec": {"Image": self.image}},
        }
        if argv[1:3] == ("service", "ls"):
            return CommandResult(tuple(argv), 0, "shop\n" if self.labels is not None else "", "", 1)
        if argv[1:3] == ("service", "inspect") and self.labels is not None:
            return CommandResult(tuple(argv), 0, json.dumps({"ID": "s", "Spec": spec, "UpdateStatus": None}), "", 1)
        return CommandResult(tuple(argv), 1, "", "Error: no such service: shop", 1)

    def change(self, argv: Sequence[str], **options: Any) -> CommandResult:
        self.changes.append((tuple(argv), options))
        said = self.answers.pop(0) if self.answers else ""
        return CommandResult(tuple(argv), 1 if said else 0, "", said, 1)


def step(**config: Any) -> Step:
    target = SwarmTarget(SwarmConfig(image_name="shop/web", service="shop", **config), plain_tools(Path("/project"), SLOT))
    request = Request(
        version="1.1.0", mode=Mode.DEPLOY, commit_sha=None, source_digest=None, observed=None, reference=None, inputs={}
    )
    return target.plan(request).step("update")


def apply(client: Client, tmp_path: Path, update: Step | None = None) -> str:
    update = update or step()
    tools = replace(plain_tools(tmp_path, SLOT), query=client)
    run = PlainStepRun("deploy-1", update, OUTCOMES, tmp_path, tmp_path)
    run.command = client.change  # type: ignore[method-assign]
    return ServiceUpdate(tools, Swarm(Engine(client, tmp_path), tools.clock)).apply(update, run).message


def ours(deployment_id: str = "deploy-0") -> dict[str, str]:
    return Wanted.of(SLOT, step(), deployment_id, OUTCOMES).labels


def test_makes_a_service_that_does_not_exist(tmp_path: Path) -> None:
    client = Client(None)

    assert apply(client, tmp_path) == "service shop gets shop/web@sha256:1"
    assert [argv[1:3] for argv, _ in client.changes] == [("service", "create")]


def test_labels_and_service_are_written_by_one_call(tmp_path: Path) -> None:
    client = Client(ours())

    apply(client, tmp_path)

    [(argv, _)] = client.changes
    assert argv[1:3] == ("service", "update")
    assert "--label-add=pop-deploy.deployment=deploy-1" in argv
    assert "--container-label-add=pop-deploy.deployment=deploy-1" in argv
    assert "--image=shop/web@sha256:1" in argv


def test_reads_again_what_swarm_has_changed_meanwhile(tmp_path: Path) -> None:
    overtaken = "Error response from daemon: rpc error: code = Unknown desc = update out of sequence"
    client = Client(ours(), answers=[overtaken, overtaken])

    apply(client, tmp_path)

    assert [options["name"] for _, options in client.changes] == ["service-1", "service-2", "service-3"]


def test_does_not_do_again_what_was_refused(tmp_path: Path) -> None:
    client = Client(ours(), answers=["Error response from daemon: rpc error: code = InvalidArgument desc = no"])

    with pytest.raises(StepError, match="InvalidArgument") as caught:
        apply(client, tmp_path)

    assert not caught.value.effect
    assert len(client.changes) == 1


def test_a_secret_is_in_the_environment_of_the_client_only(tmp_path: Path) -> None:
    client = Client(None)

    apply(client, tmp_path, step(env={"TOKEN": SecretRef(env="SHOP_TOKEN"), "MODE": "x"}))

    [(argv, options)] = client.changes
    assert {"--env=TOKEN", "--env=MODE=x"} <= set(argv)
    assert options["env"] == {"TOKEN": SecretRef(env="SHOP_TOKEN")}


def test_a_global_service_is_refused(tmp_path: Path) -> None:
    client = Client(ours(), mode={"Global": {}})

    with pytest.raises(StepError, match="global"):
        apply(client, tmp_path)

    assert client.changes == []


def test_a_foreign_service_is_refused(tmp_path: Path) -> None:
    client = Client({"team": "somebody"})

    with pytest.raises(ForeignResource, match="adopt"):
        apply(client, tmp_path)

    assert client.changes == []


def test_a_probe_reads_labels_and_image(tmp_path: Path) -> None:
    def probed(client: Client) -> Answer:
        tools = replace(plain_tools(tmp_path, SLOT), query=client)
        return ServiceUpdate(tools, Swarm(Engine(client, tmp_path), tools.clock)).probe(step(), "deploy-1", OUTCOMES).answer

    assert probed(Client(None)) is Answer.NOT_DONE
    assert probed(Client(ours("deploy-1"))) is Answer.NOT_DONE  # another image
    assert probed(Client(ours("deploy-0"), image="shop/web@sha256:1")) is Answer.NOT_DONE
    assert probed(Client(ours("deploy-1"), image="shop/web@sha256:1")) is Answer.DONE
