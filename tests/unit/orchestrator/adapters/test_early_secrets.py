"""Secrets are masked before their first use; what only comes from the environment, but is none, is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.early_secrets import learn
from orchestrator.adapters.secrets import SecretStore
from orchestrator.domain.masking import Masker

COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f80912345678"


def learned(tmp_path: Path, value: str, *, environ: dict[str, str] | None = None, **document: Any) -> Masker:
    masker = Masker()
    variables = {"VALUE": value, **(environ or {})}
    targets = {"web": {"config": {"env": {"X": {"env": "VALUE"}, "MISSING": {"env": "NOWHERE"}}}}}
    learn(
        masker,
        SecretStore(tmp_path, masker, variables),
        {"targets": targets, **document},
        variables,
        project_dir=Path("/srv/shop-2"),
        commit=lambda: COMMIT,
    )
    return masker


@pytest.mark.parametrize(
    "value", ["hunter2-x", "s3cr3t!!", "Tr0ub4dor", "correct horse battery staple", "averyverylongword", "1.2.3-hunter"]
)
def test_masks_what_looks_like_a_secret(tmp_path: Path, value: str) -> None:
    assert learned(tmp_path, value).mask(f"it is {value}.") == "it is ***."


@pytest.mark.parametrize(
    "value",
    ["production", "8080", "true", "1.2.0", "v1.2.0-rc.1", "10.0.0.12", "a-b", "hunter2", COMMIT, COMMIT[:9], "/srv/shop-2"],
)
def test_lets_words_versions_and_the_commit_stand_until_they_are_used(tmp_path: Path, value: str) -> None:
    assert learned(tmp_path, value).mask(f"it is {value}.") == f"it is {value}."


def test_lets_stand_what_deploy_json_spells_out_but_not_what_only_its_history_says(tmp_path: Path) -> None:
    value = "shop-1.example.org"

    assert learned(tmp_path, value, url=f"https://{value}/").values == ()
    assert learned(tmp_path, value, history=[{"error": value}]).mask(value) == "***"


def test_knows_the_passwords_of_proxies_and_of_the_store(tmp_path: Path) -> None:
    environ = {
        "https_proxy": "http://ann:pa%24sword@proxy:1",
        "POP_DEPLOY_STORE": "postgresql+psycopg://a:st/ore@db/x",
        "OTHER": "x://a:b0ther@h",
    }

    masker = learned(tmp_path, "x", environ=environ)

    assert masker.mask("pa%24sword pa$sword st/ore b0ther") == "*** *** *** b0ther"
