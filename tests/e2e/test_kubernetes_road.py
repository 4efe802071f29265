"""The whole road on a real cluster with real pods, through the installed command, while clients ask fifty times a second."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.backends.traffic import Traffic, share_of
from tests.e2e.kubernetes_shop import KubernetesShop
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.e2e]


@pytest.fixture
def shop(real_cluster: KubernetesWorld, tmp_path: Path) -> KubernetesShop:
    return KubernetesShop(real_cluster, tmp_path / "ann's shop")


def test_loses_no_request_by_deploying_a_canary_and_its_promotion(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")

    with Traffic([shop.url]) as deploying:
        shop.deploy("1.1.0")
    shop.write("1.2.0")
    with Traffic([shop.url]) as promoting:
        done = shop.run("canary")
        time.sleep(1)

    assert done.code == 0, done.out + done.err
    assert deploying.lost == 0, deploying.problems
    assert set(deploying.answers) == {"1.0.0", "1.1.0"}
    assert promoting.lost == 0, promoting.problems
    assert set(promoting.answers) - {"1.0.0"} == {"1.1.0", "1.2.0"}  # its proxy may send to an ending pod for a moment
    assert [one[:2] for one in shop.world.everything() if "canary" in one[1]] == []
    assert done.last_line
    assert shop.project.run("verify").code == 0


def test_a_bad_version_is_caught_at_its_weight(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")
    before = shop.world.everything()
    shop.write("1.1.0", health="failing")

    with Traffic([shop.url]) as traffic:
        done = shop.run("canary")

    assert done.code == 6, done.out + done.err
    assert re.search(r"the canary failed: health: [0-9.]+:8080: HTTP 500, expected 200", done.out)
    assert shop.world.everything() == before
    assert traffic.lost == 0, traffic.problems
    sent, got, likely = share_of("1.1.0", traffic.times, weight=0.25)
    assert sent > 10
    assert 0 < got <= likely


def test_a_version_that_never_gets_ready_leaves_the_old_one_serving(shop: KubernetesShop) -> None:
    shop.configure(progress_deadline_s=6)
    shop.deploy("1.0.0")
    shop.write("1.1.0", crash=True)

    with Traffic([shop.url]) as traffic:
        done = shop.run("deploy", "--json")

    document = json.loads(done.out)
    assert done.code == 6, done.out + done.err
    assert traffic.lost == 0, traffic.problems
    assert set(traffic.answers) == {"1.0.0"}
    error = json.dumps(document)
    assert "CrashLoopBackOff" in error or "ProgressDeadlineExceeded" in error
