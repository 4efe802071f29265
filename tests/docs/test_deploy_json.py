"""The page about deploy.json: its tables are the schema's, and its examples are files that pop-deploy reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.config import ConfigError, ProjectConfig, parse
from orchestrator.targets import registry
from tests.docs.pages import PAGES, Block, blocks, name, read
from tests.docs.write_fields import PAGE, definitions, document, tables

EXAMPLES = [(name(page), block) for page in PAGES for block in blocks(read(page), "json") if '"targets"' in block.text]


def test_the_tables_of_fields_are_current() -> None:
    page = read(PAGE)

    assert page == document(page), "run: make docs"


def test_every_field_of_deploy_json_is_documented_once() -> None:
    assert sorted(tables(read(PAGE))) == sorted(definitions())


@pytest.mark.parametrize(("page", "block"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_an_example_of_a_deploy_json_is_one_that_is_read(page: str, block: Block) -> None:
    assert read_config(block.text).targets


def test_the_mistakes_that_are_shown_are_named_in_these_words() -> None:
    (shown,) = [block.text for block in blocks(read(PAGE), "text")]
    wrong = {"targets": {"docker": {"config": {"image_name": "shop/web", "registy": "localhost", "tags": "latest"}}}}

    with pytest.raises(ConfigError) as refused:
        read_config(json.dumps(wrong))

    assert str(refused.value) == shown.rstrip("\n")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_called_json_is_json(page: Path) -> None:
    for block in blocks(read(page), "json"):
        json.loads(block.text)


def read_config(text: str) -> ProjectConfig:
    return parse(text.encode(), "deploy.json", config_types=registry.config_type, kinds=tuple(registry.KINDS))
