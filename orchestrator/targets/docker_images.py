"""The steps that make images: build, push, and putting the moving tags of a push-only target back.

A build pins the image's ID, a push the digest of what the registry has; whatever follows uses those, never a tag. Both can be
done again: the same build comes from the cache, the same push finds its layers there. One build for each platform, joined by a
manifest list, is the only road for several platforms that every client and engine knows.

Start at `Images.build` and `Images.push`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.domain.plan import Step
from orchestrator.targets import docker_cli as cli
from orchestrator.targets.base import Answer, CommandResult, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.docker_child import docker, everything, failure
from orchestrator.targets.docker_engine import Engine, Presence
from orchestrator.targets.image_config import from_json, secret_refs

_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64}) size:")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NO_BUILDX = "buildx component is missing or broken"
_OWN_PLATFORM = "engine"


class Images:
    """What a docker target does to images."""

    def __init__(self, tools: Tools, engine: Engine) -> None:
        self._tools = tools
        self._engine = engine

    def build(self, step: Step, run: StepRun) -> StepOutcome:
        """Build for every platform; the outcome names each image's ID, and the digest of a local image is its ID."""
        inputs = step.inputs
        platforms = inputs["platforms"] or [_OWN_PLATFORM]
        ids = {platform: self._build(inputs, platform, platforms, run) for platform in platforms}
        data: dict[str, Any] = {"image": inputs["image"], "ids": ids}
        if inputs["local"]:
            data["digest"] = ids[platforms[0]]
        return StepOutcome(f"built {inputs['image']}", data)

    def push(self, step: Step, run: StepRun) -> StepOutcome:
        """Push every tag that the registry does not have yet; the outcome pins the digest."""
        inputs, ids = step.inputs, run.outcomes["build"]["ids"]
        done = self.probe_push(step, run.deployment_id, run.outcomes) if run.attempt > 1 else None
        if done is not None and done.answer is Answer.DONE:
            return StepOutcome(done.detail, done.data)
        if len(ids) > 1:
            data = self._push_list(inputs, ids, run)
        else:
            data = {"digest": self._push_tags(inputs, next(iter(ids.values())), run)}
        return StepOutcome(f"pushed {inputs['image']} as {data['digest']}", self._pushed(inputs, data))

    def probe_push(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Asks the engine what it pushed, and the registry whether every tag is that."""
        inputs, ids = step.inputs, outcomes.get("build", {}).get("ids", {})
        if not ids:
            return Observation(Answer.NOT_DONE, "no image was built")
        if len(ids) > 1:
            return Observation(Answer.NOT_DONE, "a manifest list is pushed again to learn its digest; that changes nothing")
        digest = self._known_digest(inputs["repository"], next(iter(ids.values())))
        if digest is None:
            return Observation(Answer.NOT_DONE, "the image was never pushed from this engine")
        answers = self._engine.tag_answers(inputs["repository"], inputs["tags"], digest)
        for tag, answer in answers.items():
            if answer.problem:
                return Observation(Answer.UNKNOWN, answer.problem)
            if answer.presence is Presence.MISSING:
                return Observation(Answer.NOT_DONE, f"tag {tag} is not {digest} in the registry")
        return Observation(
            Answer.DONE, f"{inputs['image']} is {digest} in the registry", self._pushed(inputs, {"digest": digest})
        )

    def restore(self, step: Step, run: StepRun) -> StepOutcome:
        """Make the moving tags what they were at an earlier release."""
        inputs = step.inputs
        if inputs["members"]:
            return self._restore_list(inputs, run)
        source = f"{inputs['repository']}@{inputs['digest']}"
        self._docker(run, cli.pull(source), "pull", effect=False)
        for tag in inputs["tags"]:
            reference = f"{inputs['repository']}:{tag}"
            self._docker(run, cli.tag(source, reference), f"tag-{tag}", effect=False)
            self._require_digest(
                inputs["digest"], _last(_PUSHED, self._docker(run, cli.push(reference), f"push-{tag}")), reference
            )
        return self._restored(inputs)

    def probe_restore(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        inputs = step.inputs
        for tag, answer in self._engine.tag_answers(inputs["repository"], inputs["tags"], inputs["digest"]).items():
            if answer.problem:
                return Observation(Answer.UNKNOWN, answer.problem)
            if answer.presence is Presence.MISSING:
                return Observation(Answer.NOT_DONE, f"tag {tag} is not {inputs['digest']} in the registry")
        restored = self._restored(inputs)
        return Observation(Answer.DONE, restored.message, restored.data)

    # Building

    def _build(self, inputs: Mapping[str, Any], platform: str, platforms: Sequence[str], run: StepRun) -> str:
        for field, name in (("build_context", "context"), ("dockerfile", "dockerfile")):
            self._tools.input_path(field, inputs[name])
        several, id_file = len(platforms) > 1, run.attempt_dir / f"image-id-{_slug(platform)}"
        tags = [member_tag(_version_tag(inputs), platform)] if several else inputs["tags"]
        build_args = from_json(inputs["build_args"])
        argv = cli.build(
            context=inputs["context"],
            dockerfile=inputs["dockerfile"],
            references=[f"{inputs['repository']}:{tag}" for tag in tags],
            build_args=build_args,
            platform=None if platform == _OWN_PLATFORM else platform,
            id_file=id_file,
        )
        secrets = {name: value for name, value in build_args.items() if secret_refs((value,))}
        # Attestations would make a manifest list of each platform's image, and a list of lists cannot be made.
        env = secrets | ({"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"} if several else {})
        self._run_build(run, argv, f"build-{_slug(platform)}" if several else "build", env)
        image_id = id_file.read_text(encoding="utf-8").strip()
        if several:
            self._require_platform(image_id, platform)
        return image_id

    def _run_build(self, run: StepRun, argv: cli.Argv, name: str, env: Mapping[str, Any]) -> None:
        result = run.command(argv, name=name, cwd=self._tools.project_dir, env=env, check=False)
        if not result.ok and _NO_BUILDX in everything(result):
            # Nothing was built yet. Asking beforehand would cost every other build 50 ms.
            run.progress("no buildx plugin here: building with the classic builder")
            classic = {**env, "DOCKER_BUILDKIT": "0"}
            result = run.command(argv, name=f"{name}-classic", cwd=self._tools.project_dir, env=classic, check=False)
        if not result.ok:
            raise failure(result, effect=False)

    def _require_platform(self, image_id: str, platform: str) -> None:
        """The classic builder takes cached layers of another platform without a word."""
        found = self._engine.images([image_id])
        system, architecture = platform.split("/")[:2]
        if not found or (found[0]["Os"], found[0]["Architecture"]) != (system, architecture):
            built = f"{found[0]['Os']}/{found[0]['Architecture']}" if found else "nothing"
            raise StepError(
                f"The builder made {built} when asked for {platform}. Install docker's buildx plugin, or deploy one platform.",
                effect=False,
            )

    # Pushing

    def _push_tags(self, inputs: Mapping[str, Any], image_id: str, run: StepRun) -> str:
        references = [f"{inputs['repository']}:{tag}" for tag in inputs["tags"]]
        self._point_tags(references, image_id, run)
        digest = None
        for tag, reference in zip(inputs["tags"], references, strict=True):
            pushed = _last(_PUSHED, self._docker(run, cli.push(reference), f"push-{tag}", effect=digest is not None))
            pushed = pushed or self._known_digest(inputs["repository"], image_id)
            digest = self._require_digest(digest or pushed, pushed, reference)
        assert digest is not None  # noqa: S101 - a configuration has at least one tag
        return digest

    def _point_tags(self, references: Sequence[str], image_id: str, run: StepRun) -> None:
        """A build of somebody else may have taken a tag over since ours: what is pushed is what was built."""
        found = [image["Id"] for image in self._engine.images(references)]
        if found == [image_id] * len(references):
            return
        for number, reference in enumerate(references):
            self._docker(run, cli.tag(image_id, reference), f"tag-{number}", effect=False)

    def _push_list(self, inputs: Mapping[str, Any], ids: Mapping[str, str], run: StepRun) -> dict[str, Any]:
        members = {}
        for platform, image_id in ids.items():
            single = {**inputs, "tags": [member_tag(_version_tag(inputs), platform)]}
            members[platform] = self._push_tags(single, image_id, run)
        return {"digest": self._publish_list(inputs, members, run), "members": members}

    def _publish_list(self, inputs: Mapping[str, Any], members: Mapping[str, str], run: StepRun) -> str:
        """One manifest list under every tag; the same members make the same list, and so the same digest."""
        insecure, digest = self._engine.insecure(inputs["repository"]), None
        for tag in inputs["tags"]:
            reference = f"{inputs['repository']}:{tag}"
            sources = [f"{inputs['repository']}@{member}" for member in members.values()]
            # What a killed run left in the client's files would be added to, not replaced.
            run.command(cli.forget_manifest(reference), name=f"forget-{tag}", cwd=self._tools.project_dir, check=False)
            self._docker(run, cli.create_manifest(reference, sources, insecure=insecure), f"list-{tag}")
            pushed = _last(_DIGEST, self._docker(run, cli.push_manifest(reference, insecure=insecure), f"push-list-{tag}"))
            digest = self._require_digest(digest or pushed, pushed, reference)
        assert digest is not None  # noqa: S101 - a configuration has at least one tag
        return digest

    def _restore_list(self, inputs: Mapping[str, Any], run: StepRun) -> StepOutcome:
        digest = self._publish_list(inputs, inputs["members"], run)
        self._require_digest(inputs["digest"], digest, inputs["repository"])
        return self._restored(inputs)

    def _known_digest(self, repository: str, image_id: str) -> str | None:
        """What the engine last pushed or pulled that image as, if it is one digest only."""
        found = self._engine.images([image_id])
        names = [name.partition("@") for name in (found[0]["RepoDigests"] or ())] if found else []
        # Docker leaves its own registry's name out.
        digests = {digest for name, _, digest in names if repository == name or repository.endswith(f"/{name}")}
        return digests.pop() if len(digests) == 1 else None

    def _require_digest(self, wanted: str | None, found: str | None, reference: str) -> str:
        if found is None or found != wanted:
            raise StepError(f"{reference} was pushed, but as {found or 'nobody knows what'}, not as {wanted}. Push it again.")
        return found

    def _pushed(self, inputs: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        return {"image": inputs["image"], "tags": list(inputs["tags"]), **data}

    def _restored(self, inputs: Mapping[str, Any]) -> StepOutcome:
        tags = ", ".join(inputs["tags"])
        return StepOutcome(f"{tags} of {inputs['repository']}: {inputs['digest']} again", {"digest": inputs["digest"]})

    def _docker(self, run: StepRun, argv: cli.Argv, name: str, *, effect: bool = True) -> CommandResult:
        return docker(run, argv, name=name, cwd=self._tools.project_dir, effect=effect)


def member_tag(tag: str, platform: str) -> str:
    """The tag of one platform's image in a manifest list."""
    return f"{tag}-{_slug(platform)}"


def _version_tag(inputs: Mapping[str, Any]) -> str:
    return str(inputs["image"].rpartition(":")[2])


def _slug(platform: str) -> str:
    return platform.replace("/", "-")


def _last(pattern: re.Pattern[str], result: CommandResult) -> str | None:
    """The last digest that the command printed."""
    found = pattern.findall(result.stdout)
    return str(found[-1]) if found else None
