"""What a service is like in one form: read from the engine's words, compared, and turned into the words of an update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.settings import SecretRef
from orchestrator.targets import swarm_cli as cli
from orchestrator.targets.swarm_ports import Port
from orchestrator.targets.swarm_spec import (
    OTHERS,
    Shape,
    differences,
    live_shape,
    other_differences,
    others,
    others_label,
)

ROLLING = {
    "parallelism": 2,
    "delay_s": 0.5,
    "order": "start-first",
    "monitor_s": 1.0,
    "max_failure_ratio": 0.1,
    "failure_action": "pause",
}
SHAPE = Shape(
    image="r/web@sha256:1",
    replicas=3,
    env={"A": "1"},
    command=("serve", "a b"),
    entrypoint=(),
    mounts=("type=volume,source=data,target=/data,volume-nocopy",),
    networks={"front": ("web",)},
    ports=(Port(80, 8080),),
    labels={"team": "shop"},
    container_labels={"d": "1"},
    constraints=("node.role==worker",),
    endpoint_mode="vip",
    update=ROLLING,
    rollback=ROLLING,
)


def spec(**task: Any) -> dict[str, Any]:
    """What an engine says of `SHAPE`."""
    rolling = {
        "Parallelism": 2,
        "Delay": 500_000_000,
        "FailureAction": "pause",
        "Monitor": 1_000_000_000,
        "MaxFailureRatio": 0.10000000149011612,
        "Order": "start-first",
    }
    container = {
        "Image": "r/web@sha256:1",
        "Labels": {"d": "1"},
        "Args": ["serve", "a b"],
        "Env": ["A=1"],
        "Init": False,
        "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data", "VolumeOptions": {"NoCopy": True}}],
        "StopGracePeriod": 10_000_000_000,
        "DNSConfig": {},
        "Isolation": "default",
    }
    return {
        "Name": "shop",
        "Labels": {"team": "shop"},
        "TaskTemplate": {
            "ContainerSpec": container,
            "Resources": {"Limits": {}, "Reservations": {}},
            "RestartPolicy": {"Condition": "any", "Delay": 5_000_000_000, "MaxAttempts": 0},
            "Placement": {"Constraints": ["node.role==worker"]},
            "Networks": [{"Target": "n1", "Aliases": ["web"]}],
            "ForceUpdate": 3,
            "Runtime": "container",
            **task,
        },
        "Mode": {"Replicated": {"Replicas": 3}},
        "UpdateConfig": rolling,
        "RollbackConfig": rolling,
        "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080}]},
    }


LIVE = live_shape(spec(), {"n1": "front"})


def test_what_was_made_is_not_different_from_what_was_wanted() -> None:
    assert list(differences(LIVE, SHAPE)) == []
    assert others(spec()) == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"replicas": 5}, ["replicas: 5 instead of 3"]),
        ({"image": "x"}, ["image: x instead of r/web@sha256:1"]),
        ({"command": ()}, ["command: none instead of serve a b"]),
        ({"env": {"A": "1", "B": "x"}}, ["env B: was added"]),
        ({"env": {}}, ["env A: is gone"]),
        ({"env": {"A": "other"}}, ["env A: another value"]),
        ({"labels": {"team": "other", OTHERS: "x"}}, ["label team: other instead of shop"]),
        ({"networks": {"front": ()}}, ["network front: none instead of web"]),
        ({"ports": ()}, ["port mode=ingress,target=80,published=8080,protocol=tcp: is gone"]),
        ({"mounts": ()}, ["mount volume data:/data: is gone"]),
        ({"constraints": ("x",)}, ["constraint x: was added", "constraint node.role==worker: is gone"]),
        ({"update": {**ROLLING, "parallelism": 9}}, ["update parallelism: 9 instead of 2"]),
    ],
)
def test_what_is_different_is_said(changed: dict[str, Any], said: list[str]) -> None:
    assert list(differences(replace(LIVE, **changed), SHAPE)) == said


def test_a_secrets_value_is_neither_known_nor_told() -> None:
    wanted = replace(SHAPE, env={"A": SecretRef(env="X")})

    assert list(differences(replace(LIVE, env={"A": "s3cret"}), wanted)) == []


def test_tasks_may_be_replaced_as_on_the_way_back() -> None:
    quick = {**ROLLING, "parallelism": 0}

    assert list(differences(replace(LIVE, update=quick, rollback=quick), replace(SHAPE, rollback=quick))) == []


def test_what_is_not_ours_to_set_is_compared_with_what_it_was() -> None:
    limited = spec(Resources={"Limits": {"MemoryBytes": 1000}})
    known = {**limited, "Labels": {OTHERS: others_label(limited)}}

    assert list(other_differences(spec())) == []
    assert list(other_differences(limited)) == ["setting Resources: {'Limits': {'MemoryBytes': 1000}} was added"]
    assert list(other_differences(known)) == []
    assert list(other_differences({**spec(), "Labels": known["Labels"]})) == ["setting Resources: is gone"]


def test_a_service_that_says_nothing_of_updates_has_swarms_own_settings() -> None:
    bare = live_shape({"Name": "x", "TaskTemplate": {"ContainerSpec": {"Image": "x"}}, "Mode": {"Global": {}}}, {})

    assert (bare.replicas, bare.endpoint_mode) == (None, "vip")
    assert bare.update == {
        "parallelism": 1,
        "delay_s": 0.0,
        "order": "stop-first",
        "monitor_s": 5.0,
        "max_failure_ratio": 0.0,
        "failure_action": "pause",
    }


# Argument lists


def test_makes_a_service_of_all_of_it() -> None:
    shape = replace(SHAPE, env={"A": "1", "TOKEN": SecretRef(env="X")}, entrypoint=("sh", "-c"))

    assert cli.create("shop", shape) == (
        "docker", "service", "create", "--detach=true", "--quiet", "--no-resolve-image", "--with-registry-auth",
        "--name=shop", "--replicas=3", "--endpoint-mode=vip", "--label=team=shop", "--container-label=d=1", "--env=A=1",
        "--env=TOKEN", "--mount=type=volume,source=data,target=/data,volume-nocopy", "--network=name=front,alias=web",
        "--publish=mode=ingress,target=80,published=8080,protocol=tcp", "--constraint=node.role==worker", "--entrypoint=sh -c",
        "--update-parallelism=2", "--update-delay=500ms", "--update-order=start-first", "--update-monitor=1000ms",
        "--update-max-failure-ratio=0.1", "--update-failure-action=pause",
        "--rollback-parallelism=2", "--rollback-delay=500ms", "--rollback-order=start-first", "--rollback-monitor=1000ms",
        "--rollback-max-failure-ratio=0.1", "--rollback-failure-action=pause",
        "--", "r/web@sha256:1", "serve", "a b",
    )  # fmt: skip


def test_updates_what_is_different_only() -> None:
    plain = cli.update("shop", LIVE, SHAPE)
    wanted = replace(
        SHAPE,
        env={"B": "2"},
        command=("x", "a b"),
        mounts=("type=bind,source=/x,target=/x",),
        networks={"front": ("web", "shop"), "back": ()},
        ports=(Port(80, 8081),),
        labels={"team": "ops"},
        constraints=(),
        endpoint_mode="dnsrr",
    )
    changed = cli.update("shop", LIVE, wanted)

    assert not [word for word in plain if word.partition("=")[0].endswith(("-rm", "args", "entrypoint", "endpoint-mode"))]
    assert [word for word in changed if word not in plain] == [
        "--label-add=team=ops", "--env-rm=A", "--env-add=B=2", "--mount-rm=/data", "--mount-add=type=bind,source=/x,target=/x",
        "--network-rm=front", "--network-add=name=front,alias=web,alias=shop", "--network-add=name=back",
        "--publish-rm=mode=ingress,target=80,protocol=tcp", "--publish-add=mode=ingress,target=80,published=8081,protocol=tcp",
        "--constraint-rm=node.role==worker", "--endpoint-mode=dnsrr", "--args=x 'a b'",
    ]  # fmt: skip


HOSTILE = st.sampled_from(
    ("-", "--", "-v", "--help", "--privileged", "a\n--x", "", " ", "$(id)", ",", "a,b", '"', "é")
) | st.text(max_size=8)


@given(words=st.lists(HOSTILE, min_size=12, max_size=12))
def test_no_value_becomes_an_option(words: list[str]) -> None:
    """Every word before the end of the options begins with the name of one; what is behind it is a value."""
    hostile = replace(
        SHAPE,
        image=words[0],
        env={words[1]: words[2]},
        command=(words[3],),
        entrypoint=(words[4],),
        mounts=(f"source={words[5]}",),
        networks={words[6]: (words[7],)},
        labels={words[8]: words[9]},
        constraints=(words[10],),
    )
    lists = [
        cli.create(words[11], hostile),
        cli.update(words[11], LIVE, hostile),
        cli.remove(words[11]),
        cli.list_services({words[8]: words[9]}),
        cli.logs(words[11], 3),
        cli.list_tasks([words[11]]),
        cli.inspect_services(words),
        cli.inspect_nodes(words),
        cli.inspect_networks(words),
        cli.inspect_tasks(words, "label"),
        cli.service_containers(words[11]),
        cli.stack_config(words[11]),
        cli.stack_deploy(words[11], words[10], "/run/x", detach=True),
    ]

    known = ("--", "docker", "service", "create", "update", "rm", "ls", "ps", "inspect", "logs", "node", "network", "stack")
    for argv in lists:
        end = argv.index("--") if "--" in argv else len(argv)
        options = argv[:end]
        values = [word for word in options if not word.startswith("--")]
        assert all("=" in word or word.lstrip("-").replace("-", "").isalpha() for word in options if word.startswith("--"))
        assert all(word in (*known, "config", "deploy", "container", "3") or word.startswith("{") for word in values), values
