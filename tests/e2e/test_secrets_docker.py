"""A secret that went through the docker target is found only where docker itself keeps it: on a real engine and registry."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.backends.docker import docker
from tests.e2e.canary import Canary, everything_under
from tests.e2e.project import Ran
from tests.e2e.test_docker_road import Shop, shop  # noqa: F401 - a fixture

pytestmark = [pytest.mark.docker, pytest.mark.e2e]

LIVE = ("execute", "--mode", "deploy", "--yes")
READS = (("show", "latest", "--json"), ("logs", "latest"), ("replay", "latest"), ("history", "--json"), ("--json",))


def watched(shop: Shop) -> Path:  # noqa: F811
    """Have every docker client write its own command line down, as the system shows it, before it becomes the real one."""
    bin_dir, seen = shop.project.root / "bin", shop.project.root.parent / "command lines"
    bin_dir.mkdir()
    (bin_dir / "docker").write_text(
        f"#!/bin/sh\n'''exec' \"{sys.executable}\" -S \"$0\" \"$@\"\n' '''\n"  # no blank in a first line
        "import os, sys\n"
        f"seen = open({str(seen)!r}, 'ab')\nseen.write(open('/proc/self/cmdline', 'rb').read() + b'\\n')\nseen.close()\n"
        f"os.execv({shutil.which('docker')!r}, ['docker', *sys.argv[1:]])\n"
    )
    (bin_dir / "docker").chmod(0o755)
    shop.project.env["PATH"] = f"{bin_dir}{os.pathsep}{os.environ['PATH']}"
    return seen


def shown(runs: dict[str, Ran]) -> dict[str, bytes]:
    return {
        f"{name}: {stream}": text.encode() for name, ran in runs.items() for stream, text in (("out", ran.out), ("err", ran.err))
    }


def reads(shop: Shop, after: str) -> dict[str, Ran]:  # noqa: F811
    return {f"{words} after {after}": shop.run(*words) for words in READS}


@pytest.mark.parametrize("kind", ["special", "several lines"])
def test_build_arguments_and_variables_of_the_container_are_masked(shop: Shop, kind: str) -> None:  # noqa: F811
    built, running = Canary(kind), Canary(kind)
    seen = watched(shop)
    secret_file = shop.project.root / "secret"
    secret_file.write_text(running.value)
    shop.project.env["BUILD_TOKEN"] = built.value
    shop.configure(build_args={"TOKEN": {"env": "BUILD_TOKEN"}}, run={"env": {"RUN_TOKEN": {"file": str(secret_file)}}})
    shop.write("1.0.0")
    dockerfile = shop.project.path / "image" / "Dockerfile"
    leaks = (
        'ARG TOKEN\nRUN ["/bin/busybox", "sh", "-c", "echo \\"it is $TOKEN\\"; echo -n \\"$TOKEN\\" | /bin/busybox base64 >&2"]\n'
    )
    dockerfile.write_text(dockerfile.read_text() + leaks)

    done = {"execute": shop.run(*LIVE)} | reads(shop, "execute")
    variables = docker("exec", shop.label, "/bin/busybox", "env").stdout
    dockerfile.write_text(dockerfile.read_text() + leaks + 'RUN ["/bin/busybox", "sh", "-c", "echo $TOKEN >&2; exit 3"]\n')
    failed = {"failing": shop.run(*LIVE, "--json")} | reads(shop, "failing")

    assert (done["execute"].code, failed["failing"].code) == (0, 1), done["execute"].out + failed["failing"].err
    assert f"RUN_TOKEN={running.value}" in variables
    assert "it is ***" in done["('logs', 'latest') after execute"].out
    assert "--build-arg=TOKEN" in seen.read_text().replace("\0", " ") and "--env=RUN_TOKEN" in seen.read_text()
    everything = shown(done | failed) | everything_under(shop.project.root, without=[secret_file]) | {"argv": seen.read_bytes()}
    assert built.sightings(everything) == []
    assert running.sightings(everything) == []


def test_a_registrys_password_stays_in_dockers_configuration(shop: Shop) -> None:  # noqa: F811
    wrong = Canary()
    seen = watched(shop)
    login = shop.project.root / "login"
    login.mkdir()
    auth = base64.b64encode(f"ci:{wrong.value}".encode()).decode()
    (login / "config.json").write_text(json.dumps({"auths": {shop.backend.auth_registry: {"auth": auth}}}))
    shop.configure(
        registry=shop.backend.auth_registry, target={"hooks": {"before_deploy": [["cat", str(login / "config.json")]]}}
    )
    shop.write("1.0.0")

    runs = {
        "dry run": shop.run("execute", "--mode", "dry_run", DOCKER_CONFIG=str(login)),
        "execute": shop.run(*LIVE, DOCKER_CONFIG=str(login)),
        **reads(shop, "execute"),
    }

    assert (runs["dry run"].code, runs["execute"].code) == (1, 1), runs["execute"].out
    assert "FAILED at push" in runs["execute"].out
    assert '"auth": "***"' in runs["('logs', 'latest') after execute"].out
    everything = shown(runs) | everything_under(shop.project.root, without=[login]) | {"argv": seen.read_bytes()}
    assert wrong.sightings(everything) == []
    assert [place for place, data in everything.items() if auth.encode() in data] == []


@pytest.mark.parametrize("field", ["registry", "image_name"])
def test_a_password_in_a_registrys_name_is_refused(shop: Shop, field: str) -> None:  # noqa: F811
    canary = Canary()
    shop.configure(**{field: f"https://ci:{canary.value}@{shop.backend.auth_registry}"})
    shop.write("1.0.0")

    runs = {"execute": shop.run(*LIVE), "prepare": shop.run("prepare", "--json"), "status": shop.run()}

    assert [runs["execute"].code, runs["prepare"].code] == [2, 2]
    found = everything_under(shop.project.root, without=[shop.project.deploy_json])
    assert canary.sightings(shown(runs) | found) == []
