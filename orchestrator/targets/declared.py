"""Settings of the kinds that a deploy.json may name and that cannot be deployed to yet.

No target is here: a kind that gets one takes its class along into its own module, and its line in `registry` gets a factory.

All fields are optional: the deploy skill's generator writes ``"config": {}`` for what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from orchestrator.domain.settings import Value

# The five below belong to the deploy skill. Its generator may know fields that we do not, and a file that it wrote must never be
# refused: what stands there under a name we do not know is kept in the file and ignored. Known fields have their type checked.


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmConfig:
    """A package for an npm registry; npm's own default where *registry* is None."""

    registry: str | None = None
    package_name: str | None = None
    access: Literal["public", "restricted"] | None = None
    tag: str | None = None
    provenance: bool = False
    dry_run: bool = False

    EXTRA_KEYS: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiConfig:
    """Distributions for a Python package index; twine's own default where no *registry* or *repository* is named."""

    registry: str | None = None
    test_registry: str | None = None
    repository: str | None = None
    package_name: str | None = None
    build_command: str | tuple[str, ...] | None = None
    distributions: tuple[Literal["wheel", "sdist"], ...] = ("wheel", "sdist")

    EXTRA_KEYS: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VercelConfig:
    """A Vercel project."""

    project_id: str | None = None
    project_name: str | None = None
    team_id: str | None = None
    org_id: str | None = None
    production: bool = True
    production_branch: str | None = None
    preview_branches: tuple[str, ...] = ()
    environment_variables: dict[str, Value] = field(default_factory=dict)

    EXTRA_KEYS: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlifyConfig:
    """A Netlify site."""

    site_id: str | None = None
    production: bool = True
    production_branch: str | None = None
    build_command: str | tuple[str, ...] | None = None
    build_dir: str | None = None
    publish_dir: str | None = None
    publish_directory: str | None = None

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("build_dir", "publish_dir", "publish_directory")
    EXTRA_KEYS: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file attached to a GitHub release."""

    path: str
    name: str | None = None
    content_type: str | None = None

    EXTRA_KEYS: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubReleasesConfig:
    """A release on GitHub."""

    repository: str | None = None
    release_notes_source: str | None = None
    generate_notes: bool = False
    draft: bool = False
    prerelease: bool = False
    assets: tuple[str | Asset, ...] = ()

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("release_notes_source", "assets", "assets.path")
    EXTRA_KEYS: ClassVar[bool] = True
