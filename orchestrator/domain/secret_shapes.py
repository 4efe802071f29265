"""What secrets look like: well-known tokens, and the places where programs print passwords. Data for `masking.Masker`.

Each shape is a few literal hints, one of which any match contains (a search for a literal costs next to nothing, so output
without secrets is not scanned by expressions at all), and the expression. Where it has named groups, only the group is secret.
No expression may start with an unbounded repetition: output can be one line of megabytes.
"""

from __future__ import annotations

import re

_NAME = r"(?:password|passwd|secret|token|api[_-]?key|_auth)"
_NAME_HINTS = ("assw", "ASSW", "ecret", "ECRET", "oken", "OKEN", "pi_key", "PI_KEY", "pi-key", "pikey", "PIKEY", "piKey", "_auth")
# A shell's variable is where the secret comes from, not the secret.
_VARIABLE = r"""["']?\$\{?[A-Z_][A-Z0-9_]*\}?(?=[\s"'&;,]|$)"""
_VALUE = rf"""(?!{_VARIABLE})(?:"(?P<a>[^"\n]+)|'(?P<b>[^'\n]+)|(?P<c>[^\s"'&;,]+))"""

FLAG = re.compile(rf"--?[\w-]*{_NAME}", re.IGNORECASE)
"""A whole argument after which the next one is secret."""

SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), re.compile(r"gh[opusr]_[A-Za-z0-9]{16,}")),
    (("github_pat_",), re.compile(r"github_pat_\w{16,}")),
    (("glpat-",), re.compile(r"glpat-[\w-]{16,}")),
    (("npm_",), re.compile(r"npm_[A-Za-z0-9]{24,}")),
    (("pypi-Ag",), re.compile(r"pypi-Ag[\w-]{16,}")),
    (("AKIA", "ASIA"), re.compile(r"(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)")),
    (("xox",), re.compile(r"xox[abeoprs]-[A-Za-z0-9-]{10,}")),
    (("eyJ",), re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    (
        ("PRIVATE KEY-----",),
        # To its end line; a block without one as far as it can be base64, so that a key that is cut off is hidden too.
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----END)[A-Za-z0-9+/=\s\\:,-])*"
            r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
        ),
    ),
    (("://",), re.compile(r"""://[^\s/:@"']*:(?P<s>[^\s/@"']+)@""")),
    (("earer", "EARER"), re.compile(r"bearer[ \t]+(?P<s>[\w.~+/=-]{8,})", re.IGNORECASE)),
    (
        ("uthorization", "UTHORIZATION"),
        re.compile(
            r"""authorization["']?[ \t]*[:=][ \t]*["']?(?:(?:basic|bearer|token)[ \t]+)?(?P<s>[^\s"',]+)""", re.IGNORECASE
        ),
    ),
    (('"auth"',), re.compile(r'"auth"[ \t]*:[ \t]*"(?P<s>[^"\n]+)')),
    # --password X
    (_NAME_HINTS, re.compile(rf"(?<![^\s\"'])-[\w-]{{0,40}}?{_NAME}[ \t]+(?!-){_VALUE}", re.IGNORECASE)),
    # PASSWORD=X, --password=X, ?token=X, "token": "X"
    (_NAME_HINTS, re.compile(rf"""{_NAME}(?:["']?[ \t]*=(?!=)[ \t]*|["'][ \t]*:[ \t]*(?=["'])){_VALUE}""", re.IGNORECASE)),
)
