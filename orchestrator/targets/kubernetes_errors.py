"""Turns what kubectl prints into a message that says what is wrong and what to do, followed by the real output.

Start at `explain`; the table below is the index, tried from top to bottom. What it does not know it passes on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TAIL_LINES = 15

Rules = tuple[tuple[str, str], ...]

NO_CLUSTER: Rules = (
    (
        r"context \"(?P<what>[^\"]*)\" does not exist|no context exists with the name:? \"(?P<what2>[^\"]*)\"",
        "The kubeconfig has no context {what}. Correct context, or name another kubeconfig",
    ),
    (
        r"stat (?P<what>\S+): no such file or directory|error loading config file \"(?P<what2>[^\"]+)\"",
        "The kubeconfig {what} cannot be read. Correct kubeconfig",
    ),
    (
        r"dial tcp (?P<what>\S+?): |connection to the server (?P<what2>\S+) was refused|Unable to connect to the server"
        r"|no such host|i/o timeout|TLS handshake|deadline exceeded|EOF\s*$|ServiceUnavailable|the server is currently unable"
        r"|http2: client connection lost|connection reset by peer|etcdserver: (?:request timed out|leader changed)",
        "The cluster does not answer{at}. Look whether its API server is up and can be reached from here",
    ),
    (
        r"x509: |certificate signed by unknown authority",
        "The cluster's certificate is not trusted. Correct certificate-authority in the kubeconfig",
    ),
    (
        r"You must be logged in|\(Unauthorized\)|provide credentials|getting credentials: ",
        "The cluster does not know who we are. Correct or renew the credentials of the context",
    ),
)

CHANGE: Rules = (
    (
        r"\(Forbidden\): (?P<what>.*?: User \"[^\"]*\" cannot \w+ resource \"[^\"]*\")|User \"(?P<who>[^\"]+)\" cannot",
        "The cluster does not allow it: {what}. Give that user the right, or use another context",
    ),
    (
        r"namespaces \"(?P<what>[^\"]+)\" not found",
        "There is no namespace {what}. Make it (kubectl create namespace {what}), or correct namespace",
    ),
    (
        r"conflicts? with \"(?P<what>[^\"]+)\"",
        "Fields that are to be applied belong to {what}",
    ),
    (
        r"no matches for kind \"(?P<what>[^\"]+)\" in version|doesn't have a resource type \"(?P<what2>[^\"]+)\"",
        "The cluster has no kind {what}. Correct its apiVersion, or install what defines it (a CustomResourceDefinition)",
    ),
    (
        r"(?P<what>\S+) is invalid: .*(?:field is immutable|updates to .* are forbidden)",
        "{what} has a field that cannot be changed in place. Give the object another name, or delete it by hand first",
    ),
    (
        r"admission webhook \"(?P<what>[^\"]+)\" denied",
        "The cluster's admission webhook {what} refuses it. Its reason stands below",
    ),
    (r"exceeded quota: (?P<what>[^,\s]+)", "The quota {what} of the namespace does not allow it. Raise it, or ask for less"),
    (
        r"(?P<what>\S+(?: \"[^\"]+\")?) is invalid: |error validating|unknown field|ValidationError",
        "The cluster does not take the object {what}. Correct the manifests",
    ),
)

FILES: Rules = (
    (r"the path \"(?P<what>[^\"]+)\" does not exist", "There are no manifests at {what}. Correct manifests"),
    (r"error reading \[?(?P<what>[^\]\s]+)\]?: recognized file extensions", "There is no .yaml, .yml or .json file in {what}"),
    (
        r"error (?:parsing|converting) (?P<what>\S+): |unable to decode \"(?P<what2>[^\"]+)\"",
        "The manifest {what} cannot be read. Correct it",
    ),
    (
        r"unable to find one of 'kustomization\.yaml'.* in directory '(?P<what>[^']+)'",
        "There is no kustomization.yaml in {what}. Correct kustomize",
    ),
)


def explain(argv: Sequence[str], output: str) -> str:
    """A message for people: what is wrong and what to do, then the last lines of *output*."""
    return "\n".join(part for part in (f"{summary(argv, output)}.", tail(output)) if part)


def summary(argv: Sequence[str], output: str) -> str:
    """The first part of `explain`, without the full stop."""
    for pattern, template in NO_CLUSTER + CHANGE + FILES:
        match = re.search(pattern, output, re.MULTILINE)
        if match is not None:
            found = {name.rstrip("0123456789"): value for name, value in match.groupdict().items() if value is not None}
            what = found.get("what", "")
            at = f" at {what}" if what else ""
            return template.format_map({"what": what or found.get("who", "named there"), "at": at})
    return f"{' '.join(word for word in argv[:3] if not word.startswith('-'))} failed"


def cluster_is_down(output: str) -> bool:
    """True when *output* says that no cluster could be asked."""
    return any(re.search(pattern, output, re.MULTILINE) for pattern, _ in NO_CLUSTER)


def tail(output: str, lines: int = TAIL_LINES) -> str:
    """The last *lines* of *output* that say something."""
    return "\n".join([line.rstrip() for line in output.splitlines() if line.strip()][-lines:])
