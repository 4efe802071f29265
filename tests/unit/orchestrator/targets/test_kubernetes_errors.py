"""What kubectl's words mean: which of them say that no cluster could be asked, and what a person is told."""

from __future__ import annotations

import pytest

from orchestrator.targets.kubernetes_errors import cluster_is_down, explain, summary

APPLY = ("kubectl", "apply", "--context=prod")

DOWN = {
    'error: context "prod" does not exist': "The kubeconfig has no context prod",
    "The connection to the server 127.0.0.1:9 was refused - did you specify the right host or port?":
        "The cluster does not answer at 127.0.0.1:9",
    "Unable to connect to the server: dial tcp: lookup k8s.example.com: no such host": "The cluster does not answer",
    "Unable to connect to the server: net/http: TLS handshake timeout": "The cluster does not answer",
    "Unable to connect to the server: x509: certificate signed by unknown authority": "The cluster does not answer",
    "error: You must be logged in to the server (Unauthorized)": "The cluster does not know who we are",
    "Unable to connect to the server: getting credentials: exec: executable aws not found": "The cluster does not answer",
}  # fmt: skip

SAID = {
    'Error from server (Forbidden): deployments.apps "web" is forbidden: User "ann" cannot patch resource "deployments" in':
        'The cluster does not allow it: deployments.apps "web" is forbidden: User "ann" cannot patch resource "deployments"',
    'Error from server (NotFound): namespaces "shop" not found': "There is no namespace shop",
    'error: Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas':
        "Fields that are to be applied belong to kubectl-edit",
    'error: unable to recognize "x": no matches for kind "Thing" in version "foo/v1"': "The cluster has no kind Thing",
    'The Deployment "web" is invalid: spec.selector: Invalid value: {}: field is immutable': "has a field that cannot be changed",
    'Error from server: admission webhook "policy.example.com" denied the request: no': "webhook policy.example.com refuses it",
    'pods "web" is forbidden: exceeded quota: small, requested: pods=1': "The quota small of the namespace does not allow it",
    'error: the path "k8s" does not exist': "There are no manifests at k8s",
    "error: error parsing x.yaml: error converting YAML to JSON: yaml: line 1": "The manifest x.yaml cannot be read",
}  # fmt: skip


@pytest.mark.parametrize("output", DOWN)
def test_knows_a_cluster_that_cannot_be_asked(output: str) -> None:
    assert cluster_is_down(output)
    assert DOWN[output] in summary(APPLY, output)


@pytest.mark.parametrize("output", SAID)
def test_says_what_is_wrong_and_what_to_do(output: str) -> None:
    assert not cluster_is_down(output)
    assert SAID[output] in summary(APPLY, output)


def test_passes_on_what_it_does_not_know() -> None:
    assert explain(APPLY, "warning: a\n\nsomething new\n") == "kubectl apply failed.\nwarning: a\nsomething new"
