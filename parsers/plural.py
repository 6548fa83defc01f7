"""Numbers with their noun, as people write them: 1 request, 2 requests."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`noun` in the singular; "-s" is its plural, "-es" after a hiss, "-ies" for a "-y" behind a consonant."""
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
