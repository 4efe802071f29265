"""What watching a canary costs the cluster: at most sixty calls a minute, however many replicas and checks there are."""

from __future__ import annotations

import pytest

from tests.e2e.calling import Calls, while_watched
from tests.e2e.kubernetes_shop import KubernetesShop
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.e2e]

WATCHED_S = 12
AT_BOTH_ENDS = 2
"""A look at the beginning and one at the end: they belong to no second."""


def test_a_watched_canary_asks_the_cluster_once_a_second(
    real_cluster: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = KubernetesShop(real_cluster, tmp_path_factory.mktemp("calls") / "ann's shop")
    check = {"name": "health", "http": {"path": "/health"}, "interval_s": 0.5}
    shop.configure(canary={"steps": [{"weight": 25}, {"pause_s": WATCHED_S}], "checks": [check]})
    shop.deploy("1.0.0")
    calls = Calls(shop.project, "kubectl")
    shop.write("1.1.0")
    done = shop.run("canary")

    assert done.code == 0, done.out + done.err
    made, took_s = while_watched(calls, shop.project)
    assert took_s >= WATCHED_S
    assert 5 < made <= took_s + AT_BOTH_ENDS
