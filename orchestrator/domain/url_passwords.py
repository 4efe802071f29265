"""The password in a URL's ``user:password@``: found, and shown as ``***``. Pure, and made for any URL, also a malformed one."""

from __future__ import annotations

import re

# As database drivers read it: the password goes to the last @ of what stands before a blank, and may hold / and :.
_USERINFO = re.compile(r"""(?P<before>^[\w+.-]+://[^\s/:@]*:)(?P<password>[^\s]+)(?P<after>@)""")


def passwords(url: str) -> tuple[str, ...]:
    """The password in *url*, as it stands there and as the server is told it; none for what has none."""
    from urllib.parse import unquote

    found = _USERINFO.match(url)
    return tuple(dict.fromkeys((found["password"], unquote(found["password"])))) if found else ()


def without_password(url: str) -> str:
    """*url* with ``***`` in its place."""
    return _USERINFO.sub(r"\g<before>***\g<after>", url)
