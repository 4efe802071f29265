"""The dry run's questions to a swarm, after those about image and engine, which are `docker_checks`'. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.domain.plan import CANARY_WEIGHT, Plan
from orchestrator.targets.base import Check, CheckStatus, Tools
from orchestrator.targets.docker_checks import Preflight, answered
from orchestrator.targets.docker_engine import Engine
from orchestrator.targets.docker_ports import HostPort, first_taken
from orchestrator.targets.swarm_engine import Service, Swarm
from orchestrator.targets.swarm_ports import Port, parse_port
from orchestrator.targets.swarm_slot import CANARY, is_ours
from orchestrator.targets.swarm_spec import live_shape
from orchestrator.targets.swarm_stack import StackUpdate

Answer = tuple[CheckStatus, str]
PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP


class SwarmPreflight:
    """Asks about one plan.

    Args:
        observe: The target's own `observe`, which refuses what is not ours.
    """

    def __init__(self, tools: Tools, engine: Engine, swarm: Swarm, stack: StackUpdate, observe: Callable[[], object]) -> None:
        self._tools, self._engine, self._swarm, self._stack, self._observe = tools, engine, swarm, stack, observe

    def checks(self, plan: Plan) -> Iterator[Check]:
        """One after another, as they are answered."""
        yield from Preflight(self._tools, self._engine, self._observe).checks(plan)
        manager = self._check("swarm", self._manager)
        yield manager
        able = manager.status is PASS
        spec, stack = plan.release.detail.get("service"), plan.release.detail.get("stack")
        if spec:
            yield self._check("networks", lambda: self._networks(spec), able=able)
            yield self._check("ports", lambda: self._ports(spec), able=able)
        if stack:
            yield self._check("stack file", lambda: self._stack_file(stack), able=able)
        weight = next((step for step in plan.steps if step.kind == CANARY_WEIGHT), None)
        if weight is not None:
            yield self._check("canary", lambda: self._canary(weight.inputs["canary"]), able=able)

    def _check(self, name: str, ask: Callable[[], Answer], *, able: bool = True) -> Check:
        if not able:
            return Check(name, SKIP, "not asked: there is no swarm to ask")
        return answered(self._tools.clock, name, ask)

    def _manager(self) -> Answer:
        node = self._swarm.node()
        if node.get("ControlAvailable"):
            return PASS, f"the engine manages a swarm of {node.get('Nodes') or 1} nodes"
        state = node.get("LocalNodeState") or "inactive"
        return FAIL, (
            f"the engine manages no swarm (it is {'a worker' if state == 'active' else state}). Point DOCKER_HOST or the docker "
            "context at a manager, or begin a swarm: docker swarm init"
        )

    def _networks(self, spec: Mapping[str, Any]) -> Answer:
        names = spec["networks"]
        if not names:
            return PASS, "uses none of its own"
        found = {one["Name"]: one for one in self._swarm.networks(names)}
        missing = [name for name in names if name not in found]
        if missing:
            name = missing[0]
            return FAIL, f"there is no network {', '.join(missing)}. Create it: docker network create --driver overlay {name}"
        local = [name for name in names if found[name].get("Scope") != "swarm"]
        if local:
            return FAIL, f"{', '.join(local)} exists on one engine only. A service needs a network of the swarm (driver overlay)"
        return PASS, f"{', '.join(names)}: there"

    def _ports(self, spec: Mapping[str, Any]) -> Answer:
        ports = [parse_port(port) for port in spec["ports"]]
        fixed = [port for port in ports if port.published is not None]
        if not fixed:
            return PASS, "no port has to be free"
        host = [port for port in fixed if port.mode == "host"]
        nodes = [one for one in self._swarm.nodes() if one.get("Status") == "Ready" and one.get("Availability") == "Active"]
        if host and spec["replicas"] > len(nodes):
            return FAIL, (
                f"each of {spec['replicas']} replicas needs port {host[0].published} of a node of its own, and only {len(nodes)} "
                "are ready. Leave published out, or publish it for the whole swarm"
            )
        taken = self._taken(spec, fixed) if len(nodes) == 1 and self._engine.is_local() else None
        if taken is not None:
            return FAIL, taken
        if host and spec["update"]["order"] == "start-first" and spec["replicas"] == len(nodes):
            return WARN, (
                f"with update.order start-first a new replica finds port {host[0].published} taken by the one that it replaces. "
                "Use stop-first, or leave published out"
            )
        return PASS, f"{', '.join(str(port.published) for port in fixed)} can be had"

    def _taken(self, spec: Mapping[str, Any], wanted: list[Port]) -> str | None:
        live = self._swarm.service(spec["name"])
        held = {port.published for port in _published(live)} if live is not None else set()
        asked = [HostPort("", port.published or 0, port.protocol) for port in wanted if port.published not in held]
        found = first_taken(asked)
        return f"port {found[0].port} is already taken ({found[1]}). Stop that, or change ports" if found is not None else None

    def _stack_file(self, stack: Mapping[str, Any]) -> Answer:
        services = self._stack.services(stack["file"])
        if stack["service"] not in services:
            return FAIL, f"stack.service: {stack['file']} has no service {stack['service']}; it has: {', '.join(services)}"
        return PASS, f"{stack['file']} is valid and has the service {stack['service']}"

    def _canary(self, name: str) -> Answer:
        live = self._swarm.service(name)
        if live is None:
            return PASS, f"nothing is called {name}"
        if not is_ours(live, self._tools.slot, role=CANARY):
            return FAIL, f"service {name} is not ours, and the canary needs its name. Remove it (docker service rm {name})"
        return WARN, f"service {name} was left by an earlier canary and will be replaced"


def _published(live: Service) -> tuple[Port, ...]:
    return live_shape(live.spec, {}).ports
