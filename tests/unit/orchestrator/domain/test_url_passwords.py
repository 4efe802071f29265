"""The password of a URL is found as a driver reads it, also in a URL that is wrong."""

from __future__ import annotations

import pytest

from orchestrator.domain.url_passwords import passwords, without_password


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql+psycopg://shop:pw@db/shop", ("pw",)),
        ("postgresql+psycopg://shop:p%40w@db/shop", ("p%40w", "p@w")),
        ("postgresql+psycopg://shop:a/b:c@d@db/shop", ("a/b:c@d",)),
        ("http://:pw@proxy:3128", ("pw",)),
        ("postgresql+psycopg://shop:pw@[bad", ("pw",)),
        ("postgresql+psycopg://db/shop?user=shop&password=p%40w&sslmode=require", ("p%40w", "p@w")),
        ("postgresql+psycopg://shop:one@db/shop?sslpassword=two", ("one", "two")),
        ("postgresql+psycopg://shop@db:5432/shop", ()),
        ("sqlite:////x/events.db", ()),
        ("no url", ()),
        ("", ()),
    ],
)
def test_finds_the_password_and_what_it_stands_for(url: str, found: tuple[str, ...]) -> None:
    assert passwords(url) == found
    assert not any(password in without_password(url) for password in found)
    assert (without_password(url) == url) == (not found)


def test_keeps_what_is_no_password() -> None:
    assert without_password("postgresql+psycopg://shop:pw@db:5432/shop?x=1") == "postgresql+psycopg://shop:***@db:5432/shop?x=1"
