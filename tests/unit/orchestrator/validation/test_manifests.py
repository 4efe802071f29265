"""Kubernetes manifests: what kubectl's server-side dry run answers. kubectl is a stand-in with a real server's words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from orchestrator.domain.paths import PathOutside
from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import ToolMissing
from orchestrator.validation import manifests
from tests.architecture.test_argument_lists import HOSTILE, smuggled
from tests.unit.orchestrator.validation.subjects import files, path_of, ran, stand_in, subject

CONFIG = {"image_name": "web", "context": "prod", "namespace": "shop", "deployment": "web", "manifests": "k8s"}
TARGETS = {"web": {"type": "kubernetes", "config": CONFIG}}
REFUSED = "The connection to the server localhost:8080 was refused - did you specify the right host or port?\n"
INVALID = (
    'Warning: would be deprecated\nerror: error validating "k8s/web.yaml": unknown field "spec.replica"\n'
    'The Deployment "web" is invalid: spec.replicas: Invalid value: -1\n'
)
FORBIDDEN = 'Error from server (Forbidden): deployments.apps "web" is forbidden: User "x" cannot patch resource "deployments"\n'


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files(tmp_path / "project", {"k8s/web.yaml": "kind: Deployment\n"})
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (REFUSED, Outcome.SKIP, "the cluster does not answer"),
        ('error: context "prod" does not exist\n', Outcome.SKIP, "the cluster does not answer"),
        ("Unable to connect to the server: dial tcp: lookup x: no such host\n", Outcome.SKIP, "the cluster does not answer"),
        (FORBIDDEN, Outcome.SKIP, "may not be asked"),
        (INVALID, Outcome.FAIL, 'unknown field "spec.replica" and 1 more: correct k8s'),
        ("", Outcome.FAIL, "kubectl ended with 1"),
    ],
)
def test_what_the_cluster_refuses_fails_and_silence_is_a_skip(
    project: Path, tools: Path, error: str, status: Outcome, words: str
) -> None:
    stand_in(tools, "kubectl", expects=["apply", "--dry-run=server"], error=error, code=1)

    found = manifests.look(subject(project, targets=TARGETS))

    assert (found.status, words in found.message) == (status, True), found.message


def test_asks_the_cluster_of_the_target(project: Path, tools: Path) -> None:
    stand_in(tools, "kubectl", expects=["--context=prod", "--namespace=shop"], says="deployment.apps/web\nservice/web\n")
    checked = subject(project, targets=TARGETS)

    found = manifests.look(checked)

    assert (found.status, found.message) == (Outcome.PASS, "the cluster would take 2 objects in k8s")
    assert f"--filename={project / 'k8s'}" in ran(checked)[0]


def test_a_comma_does_not_make_two_files_of_one() -> None:
    assert manifests.server_dry_run(Path("/ann, bob/k8s"))[-1] == '--filename="/ann, bob/k8s"'


def test_another_kind_of_target_has_no_manifests(project: Path) -> None:
    assert manifests.look(subject(project)).status is Outcome.SKIP


def test_says_that_the_manifests_are_missing(project: Path) -> None:
    (project / "k8s" / "web.yaml").unlink()
    (project / "k8s").rmdir()

    assert manifests.look(subject(project, targets=TARGETS)).status is Outcome.FAIL


def test_without_kubectl_the_runner_is_told_which_program_is_missing(project: Path) -> None:
    with pytest.raises(ToolMissing, match="kubectl is not on PATH"):
        manifests.look(subject(project, targets=TARGETS))


def test_a_link_out_of_the_project_is_not_followed(project: Path) -> None:
    checked = subject(project, targets=TARGETS)
    (project / "k8s" / "web.yaml").unlink()
    (project / "k8s").rmdir()
    (project / "k8s").symlink_to("/etc")

    with pytest.raises(PathOutside, match="outside the project"):
        manifests.look(checked)


@given(HOSTILE.filter(bool), HOSTILE.filter(bool), HOSTILE.filter(bool))
def test_no_value_becomes_an_option_of_kubectl(context: str, namespace: str, kubeconfig: str) -> None:
    harmless = manifests.server_dry_run(Path("/x"), context="a", namespace="b", kubeconfig="c")

    assert (
        smuggled(harmless, manifests.server_dry_run(Path("/x"), context=context, namespace=namespace, kubeconfig=kubeconfig))
        == []
    )
