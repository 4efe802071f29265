"""Every check, one line each; a new check is one function in a file of its subject and its line here.

`base.py` says what a check is. The project's own checks come from deploy.json (`own.py`) and stand behind these.
"""

from __future__ import annotations

from orchestrator.domain.readiness import Scope
from orchestrator.validation import (
    artifact_size,
    build,
    dependency_audit,
    dockerfile,
    env_documented,
    integration_tests,
    licences,
    lock_files,
    manifests,
    project_tests,
    quick,
    security_scan,
)
from orchestrator.validation.base import Check

CHECKS: tuple[Check, ...] = (
    Check(name="config", title="deploy.json", scope=Scope.QUICK, look=quick.config, timeout_s=120),
    Check(name="target-config", title="Configuration of the target", scope=Scope.QUICK, look=quick.target_config, timeout_s=120),
    Check(name="version", title="Version", scope=Scope.QUICK, look=quick.version, timeout_s=120),
    Check(name="git-clean", title="Working tree", scope=Scope.QUICK, look=quick.git_clean, timeout_s=120),
    Check(name="tools", title="Tools", scope=Scope.QUICK, look=quick.tools, timeout_s=120),
    Check(name="target", title="Target", scope=Scope.QUICK, look=quick.target, timeout_s=300),
    Check(name="build", title="Build", scope=Scope.STANDARD, look=build.look),
    Check(name="tests", title="Tests", scope=Scope.STANDARD, look=project_tests.look),
    Check(name="dependency-audit", title="Vulnerabilities", scope=Scope.STANDARD, look=dependency_audit.look, timeout_s=900),
    Check(name="lock-file", title="Lock files", scope=Scope.STANDARD, look=lock_files.look, fix=lock_files.fix, timeout_s=600),
    Check(
        name="env-documented",
        title="Environment variables",
        scope=Scope.STANDARD,
        look=env_documented.look,
        fix=env_documented.fix,
        blocking=False,
        timeout_s=120,
    ),
    Check(name="security-scan", title="Static security scan", scope=Scope.FULL, look=security_scan.look, timeout_s=1500),
    Check(name="licences", title="Licences", scope=Scope.FULL, look=licences.look, blocking=False, timeout_s=120),
    Check(name="dockerfile", title="Dockerfile", scope=Scope.FULL, look=dockerfile.look, blocking=False, timeout_s=120),
    Check(name="manifests", title="Kubernetes manifests", scope=Scope.FULL, look=manifests.look, timeout_s=120),
    Check(name="artifact-size", title="Size of the artifacts", scope=Scope.FULL, look=artifact_size.look, timeout_s=300),
    Check(name="integration-tests", title="Integration tests", scope=Scope.FULL, look=integration_tests.look),
)
"""In the order of the report."""

_SIZE = {scope: number for number, scope in enumerate(Scope)}


def for_scope(scope: Scope, checks: tuple[Check, ...] = CHECKS) -> tuple[Check, ...]:
    """Those of *scope* and of the smaller ones before it, in the order of *checks*."""
    return tuple(check for check in checks if _SIZE[check.scope] <= _SIZE[scope])
