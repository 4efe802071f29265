"""The passwords in a URL, as ``user:password@`` or as ``?password=``: found, and shown as ``***``. Pure, and made for any URL."""

from __future__ import annotations

import re

# As database drivers read it: the password goes to the last @ of what stands before a blank, and may hold / and :.
_USERINFO = re.compile(r"""(?P<before>^[\w+.-]+://[^\s/:@]*:)(?P<password>[^\s]+)(?P<after>@)""")
_PARAMETER = re.compile(r"""(?P<before>[?&](?:ssl)?pass(?:word)?=)(?P<password>[^&\s]+)""", re.IGNORECASE)


def passwords(url: str) -> tuple[str, ...]:
    """The passwords in *url*, as they stand there and as the server is told them; none for what has none."""
    from urllib.parse import unquote

    userinfo = _USERINFO.match(url)
    found = [userinfo["password"]] if userinfo else []
    found += [parameter["password"] for parameter in _PARAMETER.finditer(url)]
    return tuple(dict.fromkeys(form for password in found for form in (password, unquote(password))))


def without_password(url: str) -> str:
    """*url* with ``***`` in their places."""
    return _PARAMETER.sub(r"\g<before>***", _USERINFO.sub(r"\g<before>***\g<after>", url))
