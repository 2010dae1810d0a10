"""Values that nobody should type, and somebody does."""

from __future__ import annotations

NUMBERS = (
    *("", " ", "-1", "0", "1", "-0", "1e3", "nan", "inf", "-inf", "1e400", "0x10", "1_000", "٣"),
    *("9" * 15, "9" * 19, "9" * 400, "9" * 5000, "-" + "9" * 30, "1.5", "1e-320", "true", "None"),
)
TEXTS = (
    *("", " ", "no/such/thing", "x" * 300, "x" * 5000, "\x1b[31mred", "a\nb", "a\tb\r", "\x00"),
    *("~nobody-at-all/x", "~", "/", ".", "..", "/dev/null/x", "/proc/self/mem", "%s%n{}", "a=b,c"),
    *("\u202egnp.", "\udcff\udcfe", "ключ", "'", '"; rm', "--help", "-", ":", "::", "a:b:c", "[/]"),
)
NAMES = (
    *("", ":", "::", "x:", ":X", "a.b:C", "os:path", "os:system", "sys:exit", "antigravity:X"),
    *("iom:", "iom:=", "iom:=1", "iom:hashes", "iom:hashes=", "iom:hashes=1,hashes=2", "iom:x=1"),
    *("iom:hashes=1=2", "IOM", "_iom", "iom.py", "../iom", "schemes.iom:Nothing", "schemes.iom:np"),
    *("schemes.nothing:X", "fowh.core.scheme:Scheme", "fowh.core.scheme:CodeScheme", "a" * 4000),
    *("$a_$", "[/]", "[red]x", "{x}", "%s"),
)


def of(kind: object) -> tuple[str, ...]:
    """Values for a parameter of a type, those of other types too."""
    return NUMBERS + TEXTS if kind is str else NUMBERS + TEXTS[:12]
