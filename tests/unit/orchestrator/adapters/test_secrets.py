"""Secrets are found when they are used, named when they are missing, and masked from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters.secrets import SecretStore
from orchestrator.domain.masking import Masker
from orchestrator.domain.settings import SecretRef
from orchestrator.targets.base import SecretMissing


@pytest.fixture
def masker() -> Masker:
    return Masker()


@pytest.fixture
def secrets(tmp_path: Path, masker: Masker) -> SecretStore:
    return SecretStore(tmp_path, masker, {"SHOP_TOKEN": "hunter2", "EMPTY": "", "LINE": "from-a-file\n"})


def test_returns_a_plain_value_unmasked(secrets: SecretStore, masker: Masker) -> None:
    assert secrets.reveal("plain-value") == "plain-value"
    assert masker.mask("plain-value") == "plain-value"


def test_reads_a_variable_and_masks_it(secrets: SecretStore, masker: Masker) -> None:
    assert masker.mask("hunter2") == "hunter2"
    assert secrets.reveal(SecretRef(env="SHOP_TOKEN")) == "hunter2"
    assert masker.mask("<hunter2>") == "<***>"


@pytest.mark.parametrize(
    ("content", "value"), [(b"tok en", "tok en"), (b"token\n", "token"), (b"a\r\nb\r\n", "a\r\nb"), (b"x\n\n", "x\n")]
)
def test_reads_a_file_of_the_project_without_its_last_newline(
    secrets: SecretStore, tmp_path: Path, content: bytes, value: str
) -> None:
    (tmp_path / "token").write_bytes(content)

    assert secrets.reveal(SecretRef(file="token")) == value
    assert secrets.reveal(SecretRef(file=str(tmp_path / "token"))) == value


def test_reads_it_anew_each_time(secrets: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    secrets.reveal(SecretRef(file="token"))
    (tmp_path / "token").write_text("second")

    assert secrets.reveal(SecretRef(file="token")) == "second"


def test_names_what_is_missing_and_never_the_value(secrets: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_bytes(b"x" * ((1 << 20) + 1))
    cases = {
        SecretRef(env="NO_SUCH"): "environment variable NO_SUCH is not set",
        SecretRef(env="EMPTY"): "environment variable EMPTY is empty",
        SecretRef(file="gone"): f"file {tmp_path}/gone: No such file or directory",
        SecretRef(file="."): f"file {tmp_path}: Is a directory",
        SecretRef(file="binary"): f"file {tmp_path}/binary is not UTF-8",
        SecretRef(file="huge"): f"file {tmp_path}/huge holds more than 1 MiB",
    }
    for ref, message in cases.items():
        with pytest.raises(SecretMissing) as caught:
            secrets.reveal(ref)
        assert str(caught.value).startswith(message)


def test_calls_a_reference_by_its_place(secrets: SecretStore) -> None:
    assert secrets.reference(SecretRef(env="A")) == "environment variable A"
    assert secrets.reference(SecretRef(file="b")) == "file b"


def test_a_relative_file_stays_in_the_project_unless_it_is_allowed(tmp_path: Path, masker: Masker) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "token").write_text("from outside")
    (project / "token").symlink_to("../token")

    for name in ("token", "../token"):
        with pytest.raises(SecretMissing, match=r'outside the project; if that is meant, add ".*token" to allow_paths, or name'):
            SecretStore(project, masker).reveal(SecretRef(file=name))

    assert SecretStore(project, masker, allow_paths=["../token"]).reveal(SecretRef(file="token")) == "from outside"
    assert SecretStore(project, masker).reveal(SecretRef(file=str(tmp_path / "token"))) == "from outside"
