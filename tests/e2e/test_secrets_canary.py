"""A secret that went every road into a deployment is found nowhere afterwards: no file, no output, no command line.

Real processes of the command throughout. What is promised and what is not stands in docs/security.md.
"""

from __future__ import annotations

import json
import signal
import sys
import textwrap

import pytest

from tests.e2e.canary import KINDS, Canary, everything_under, processes
from tests.e2e.project import Gate, Project, Ran, ended
from tests.e2e.test_files import without_privileges

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes")
SECRET = "SHOP_TOKEN"
SHORT = (("show", "latest", "--json"), ("logs", "latest"))
READS = (
    *SHORT,
    ("show", "latest"),
    ("logs", "latest", "--json"),
    ("replay", "latest"),
    ("replay", "latest", "--json"),
    ("history", "--all-attempts"),
    ("history", "--json"),
    ("metrics", "--json"),
    ("--json",),
    (),
)
LEAK = """
import base64, json, os, sys, urllib.parse
value = os.environ["SHOP_TOKEN"]
raw = value.encode()
forms = [
    value, json.dumps(value), json.dumps({"v": value}, ensure_ascii=False), json.dumps(json.dumps(value)), repr(value),
    urllib.parse.quote(value, safe=""), urllib.parse.quote(value), urllib.parse.quote_plus(value),
    "postgres://shop:" + urllib.parse.quote(value, safe="") + "@db/shop",
    raw.hex(), raw.hex().upper(), value[:6] + "\\x1b[0m" + value[6:],
    *(base64.b64encode(b"u" * before + raw + b"v" * after).decode() for before in range(3) for after in range(3)),
    *(base64.urlsafe_b64encode(b"u" * before + raw).decode() for before in range(3)),
    base64.encodebytes(b"some words before it " + raw + b" and after it").decode(),
    base64.encodebytes(raw).decode(),
]
for form in forms:
    print("says", form, flush=True)
    print("complains", form, file=sys.stderr, flush=True)
for stream in (1, 2):
    for at in range(0, len(raw), 5):
        os.write(stream, raw[at : at + 5])
    os.write(stream, b"\\n")
half = len(raw) // 2
os.write(1, raw[:half]); os.write(2, b"in between\\n"); os.write(1, raw[half:] + b"\\n")
print("leaked everything", flush=True)
"""


class Leaking:
    """A project whose build prints its secret in every form, then does what *then* says. It keeps all that it shows."""

    def __init__(self, project: Project, canary: Canary, *, by_file: bool = False, then: str = "") -> None:
        self.project, self.canary, self.shown = project, canary, dict[str, bytes]()
        self.state = project.root / "state"
        self.program, self.file = project.root / "leak.py", project.root / "secret"
        self.file.write_text(canary.value + "\n")
        self.program.write_text(LEAK + textwrap.dedent(then))
        if not by_file:
            project.env[SECRET] = canary.value
        project.env["XDG_STATE_HOME"] = str(self.state)
        reference = {"file": str(self.file)} if by_file else {"env": SECRET}
        config = {"path": "../the place", "source": "public", "env": {SECRET: reference}}
        project.configure(local={"config": {**config, "build": [sys.executable, "-S", str(self.program)]}})

    def run(self, *words: str, **env: str) -> Ran:
        ran = self.project.run(*words, **env)
        self.keep(" ".join(words), ran)
        return ran

    def keep(self, name: str, ran: Ran) -> None:
        number = len(self.shown)
        self.shown |= {f"{number}: {name}: stdout": ran.out.encode(), f"{number}: {name}: stderr": ran.err.encode()}

    def read(self, commands: tuple[tuple[str, ...], ...] = SHORT) -> None:
        for words in commands:
            assert self.run(*words).code == 0, words

    def sightings(self) -> list[str]:
        """In all that was shown so far, and in all files of now but the secret's own."""
        return self.canary.sightings(self.shown) + self.canary.sightings(everything_under(self.project.root, without=[self.file]))


# What commands print


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_build_and_its_failure_print_is_masked_everywhere(project: Project, kind: str) -> None:
    leaking = Leaking(project, Canary(kind), then="sys.exit(0 if os.path.exists('ok') else value and 4)")

    failed = leaking.run(*LIVE, "--json")
    leaking.read(READS if kind == "special" else SHORT)
    (project.path / "ok").touch()
    done = leaking.run(*LIVE)

    assert (failed.code, done.code) == (1, 0), done.out + done.err
    assert "leaked everything" in leaking.run("logs", "latest").out
    assert failed.json()["error"]["message"].count("***") > 5
    assert leaking.sightings() == []


def test_a_secret_from_a_file_is_masked_as_one_from_the_environment(project: Project) -> None:
    leaking = Leaking(project, Canary("several lines"), by_file=True)

    done = leaking.run(*LIVE)
    leaking.read()

    assert done.code == 0, done.out + done.err
    assert leaking.sightings() == []


def test_nothing_is_found_while_the_step_runs_nor_after_a_kill(project: Project) -> None:
    gate = Gate(project.root / "gate")
    leaking = Leaking(project, Canary(), then=f"import subprocess; subprocess.run({gate.hook!r}, check=True)")
    driver = project.start(*LIVE)
    gate.wait()
    running = processes() | everything_under(project.root, without=[leaking.file])
    spools = [path for path in leaking.state.rglob("out-0") if b"leaked everything" in path.read_bytes()]
    driver.kill()
    leaking.keep("killed", ended(driver))
    orphaned = processes() | everything_under(project.root, without=[leaking.file])
    gate.open()
    resumed = leaking.run("resume")
    gate.close()

    assert len(spools) == 1, "the build has printed everything, and it is in the state directory"
    assert any(name.endswith("events.db-wal") and data for name, data in orphaned.items())
    assert any(str(leaking.program).encode() in data for data in running.values()), "the build was seen running"
    assert leaking.canary.sightings(running, broken=False) == []
    assert leaking.canary.sightings(orphaned, broken=False) == []
    assert resumed.code == 0, resumed.out + resumed.err
    assert leaking.sightings() == []


def test_who_follows_sees_no_secret(project: Project) -> None:
    gate = Gate(project.root / "gate")
    leaking = Leaking(project, Canary("special"), then=f"import subprocess; subprocess.run({gate.hook!r}, check=True)")
    driver = project.start(*LIVE)
    gate.wait()
    follower = project.start("logs", "latest", "--follow")
    live = bytearray()
    assert follower.stdout is not None
    while b"leaked everything" not in live:
        live += follower.stdout.read1()  # type: ignore[attr-defined]
    gate.open()
    leaking.keep("execute", ended(driver))
    leaking.keep("follow", ended(follower))
    gate.close()

    assert leaking.canary.sightings({"live": bytes(live)}) == []
    assert leaking.sightings() == []


def test_a_killed_launcher_leaves_no_secret_behind(project: Project) -> None:
    gate = Gate(project.root / "gate")
    leaking = Leaking(project, Canary(), then=f"import subprocess; subprocess.run({gate.hook!r}, check=True)")
    driver = project.start(*LIVE)
    gate.wait()
    (claim,) = leaking.state.rglob("claim")
    import os

    os.kill(int(claim.read_text().split()[0]), signal.SIGKILL)
    gate.open()
    leaking.keep("execute", ended(driver))
    gate.close()
    leaking.read()

    assert leaking.sightings() == []


def test_the_trace_of_a_steps_exception_holds_no_secret(project: Project) -> None:
    leaking = Leaking(project, Canary())
    # The copy cannot read it, and says its name.
    leaking.program.write_text("import os; os.close(os.open(os.path.join('public', os.environ['SHOP_TOKEN']), os.O_CREAT, 0))")

    failed = project.run(*LIVE, "--json", program=without_privileges())
    leaking.keep("execute", failed)
    (project.path / "public" / leaking.canary.value).unlink()
    leaking.read(READS)

    error = failed.json()["error"]
    assert failed.code == 1
    assert "Traceback" in error["trace"] and "***" in error["trace"]
    assert leaking.sightings() == []


# What is written by people


def test_what_a_person_types_is_masked_before_anything_has_used_the_secret(live: Project) -> None:
    leaking = Leaking(live, Canary())
    live.set_version("1.1.0")
    secret = leaking.canary.value

    typed = [
        leaking.run("prepare", "--reason", f"because {secret}", "--actor", f"ann {secret}"),
        leaking.run("execute", "--dry-run", "--mode", "deploy", "--json", "--reason", secret, "--actor", secret),
        leaking.run(*LIVE, "--version", secret),
        leaking.run(*LIVE, "--version", f"1.0.0-{secret}", "--json"),
        leaking.run(*LIVE, "--version", f"not a version {secret}", "--json"),
        leaking.run(*LIVE, "--target", secret),
        leaking.run("prepare", "--environment", secret, "--json"),
        leaking.run("execute", secret, "--json"),
        leaking.run("resume", secret),
        leaking.run("rollback", "--to", secret, "--yes", "--reason", secret),
    ]
    leaking.read(READS)

    assert [ran.code for ran in typed] == [0, 0, 2, 2, 2, 2, 2, 2, 2, 5], [ran.err + ran.out for ran in typed]
    assert "ann ***" in leaking.run("history", "--all-attempts", "--json").out
    assert leaking.sightings() == []


def test_reasons_of_answers_are_masked(live: Project) -> None:
    leaking = Leaking(live, Canary())
    why = ("--reason", f"it is {leaking.canary.value}", "--actor", leaking.canary.value)
    live.set_version("1.1.0")
    live.run("prepare")
    refused = live.last.id

    answers = [
        leaking.run("abort", refused, *why),
        leaking.run("prepare"),
        leaking.run("confirm", "latest", *why),
        leaking.run(*LIVE, *why),
        leaking.run("rollback", "--yes", *why),
        leaking.run("verify", *why),
    ]
    leaking.read()

    assert [answer.code for answer in answers] == [0] * len(answers), [answer.err + answer.out for answer in answers]
    assert b"it is ***" in "".join(live.run("show", refused).out).encode()
    assert leaking.sightings() == []


def test_a_value_that_is_spelled_out_in_deploy_json_or_is_a_version_stops_nothing(project: Project) -> None:
    env = {"APP_ENV": {"env": "APP_ENV"}, "VERSION": {"env": "VERSION"}, "SHA": {"env": "SHA"}, "HOST": {"env": "HOST"}}
    project.git("init", "-q")
    config = {"path": "../the place", "source": "public", "env": env, "build": ["true", "--host=shop-1.example.org"]}
    project.configure(top={"environments": {"staging-eu-1": {}}}, local={"config": config})
    sha = project.commit()
    project.env |= {"APP_ENV": "staging-eu-1", "VERSION": "1.2.0", "SHA": sha, "HOST": "shop-1.example.org"}

    done = project.run(*LIVE, "--version", "1.2.0", "--environment", "staging-eu-1", "--reason", "to shop-1.example.org")

    assert done.code == 0, done.err
    assert (project.last.requested.version, project.last.requested.commit_sha) == ("1.2.0", sha)
    assert (project.last.requested.environment, project.last.requested.reason) == ("staging-eu-1", "to shop-1.example.org")


# What is known by its shape, and what the user names

SHAPES = {
    "GitHub": "ghp_{0}abcd",
    "GitHub fine": "github_pat_{0}abcd",
    "GitLab": "glpat-{0}",
    "npm": "npm_{0}",
    "PyPI": "pypi-Ag{0}",
    "Slack": "xoxb-1234-{0}",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJ{0}.{0}",
    "URL": "https://ann:{0}@shop.example.org/x",
    "git remote": "https://oauth2:{0}@git.example.org/shop.git",
    "bearer": "Authorization: Bearer {0}",
    "basic": "Authorization: Basic {0}",
    "assignment": "DB_PASSWORD={0}",
    "flag": "--password {0}",
    "JSON": '{{"client_secret": "{0}"}}',
    "docker config": '{{"auths": {{"r.example": {{"auth": "{0}"}}}}}}',
    "private key": "-----BEGIN PRIVATE KEY-----\n{0}\n-----END PRIVATE KEY-----",
}


def test_known_shapes_are_masked_wherever_they_appear(project: Project) -> None:
    canaries = {name: Canary() for name in SHAPES}
    texts = {name: shape.format(canaries[name].value.replace("-", "")) for name, shape in SHAPES.items()}
    leaking = Leaking(
        project, Canary(), then="print(open('texts').read()); print(open('texts').read(), file=sys.stderr); sys.exit(4)"
    )
    (project.path / "texts").write_text("\n".join(texts.values()))

    leaking.run(*LIVE, "--reason", texts["GitHub"] + " " + texts["assignment"])
    leaking.run(*LIVE, "--json", "--reason", texts["URL"], "--actor", texts["git remote"])
    leaking.run(*LIVE, "--version", texts["GitLab"])
    leaking.run("show", texts["npm"])
    leaking.run("show", texts["Slack"], "--json")
    leaking.run("history", texts["URL"])
    leaking.read()

    files = everything_under(project.root, without=[leaking.file, project.path / "texts"])
    for name, canary in canaries.items():
        secret = canary.value.replace("-", "").encode()
        assert [place for place, data in (files | leaking.shown).items() if secret in data] == [], name


def test_what_redact_matches_is_masked_in_what_is_stored_and_shown(project: Project) -> None:
    leaking = Leaking(project, Canary(), then="print('customer 4711-' + 'x' * 8); sys.exit(4)")
    project.configure(top={"redact": ["4711-x+"]})

    leaking.run(*LIVE, "--reason", "for 4711-xxxxxxxx")
    leaking.read()

    assert b"customer ***" in b"".join(leaking.shown.values())
    stored = everything_under(project.data, leaking.state)
    assert [place for place, data in (stored | leaking.shown).items() if b"4711-xxxxxxxx" in data] == []


def test_a_secret_in_plain_in_deploy_json_is_refused_and_not_recorded(project: Project) -> None:
    canary = Canary()
    secret = canary.value.replace("-", "")
    shown = {}
    for number, build in enumerate(
        (["curl", f"https://ann:{secret}@shop.example.org"], ["login", "--password", secret], [f"T=ghp_{secret}"])
    ):
        project.configure(local={"config": {"path": "../the place", "source": "public", "build": build}})
        for words in (LIVE, ("prepare", "--json"), ()):
            ran = project.run(*words)
            shown |= {f"{number} {words} out": ran.out.encode(), f"{number} {words} err": ran.err.encode()}
            assert ran.code == (2 if words else 0), ran.err
    project.configure(local={"health_check": {"url": f"https://ann:{secret}@shop.example.org/ bad"}})
    for words in (LIVE, ("prepare", "--json"), (), ("--json",)):
        ran = project.run(*words)
        shown |= {f"url {words} out": ran.out.encode(), f"url {words} err": ran.err.encode()}

    files = everything_under(project.root, without=[project.deploy_json])
    assert [place for place, data in (files | shown).items() if secret.encode() in data] == []


def test_passwords_of_proxies_and_git_remotes_stay_where_they_are(project: Project) -> None:
    proxy, remote = Canary(), Canary()
    leaking = Leaking(project, proxy, then="print(os.environ['HTTPS_PROXY'], os.environ['HTTPS_PROXY'][9:-10]); sys.exit(4)")
    del project.env[SECRET]
    leaking.program.write_text(
        "import os, subprocess, sys; subprocess.run(['git', 'remote', '-v']); url = os.environ['HTTPS_PROXY']\n"
        "print(url, url.split(':')[2].split('@')[0], file=sys.stderr); sys.exit(4)"
    )
    project.configure(local={"config": {**json.loads(project.deploy_json.read_text())["targets"]["local"]["config"], "env": {}}})
    project.env["HTTPS_PROXY"] = f"http://ann:{proxy.value}@proxy.example.org:3128"
    project.git("init", "-q")
    project.git("remote", "add", "origin", f"https://ann:{remote.value}@git.example.org/shop.git")
    project.commit()

    leaking.run(*LIVE, "--reason", proxy.value)
    leaking.read()
    leaking.run("init", "--force", "--yes")

    assert b"git.example.org" in b"".join(leaking.shown.values())
    shown = leaking.shown | everything_under(project.root, without=[leaking.file, project.path / ".git"])
    assert proxy.sightings(shown) == []
    assert remote.sightings(shown) == []


def test_very_short_secrets_are_masked_as_words_only(project: Project) -> None:
    leaking = Leaking(project, Canary(), then="print('pin', 'q7', 'is not in q7x'); sys.exit(4)")
    leaking.program.write_text("print('pin', 'q7', 'but not in q7x')")
    project.env[SECRET] = "q7"

    done = leaking.run(*LIVE)

    assert done.code == 0
    assert "pin *** but not in q7x" in leaking.run("logs", "latest").out
