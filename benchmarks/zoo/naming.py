"""Does a sentence name the line that was changed? It does where it holds the words that a mutant calls for."""

from __future__ import annotations

import re
from collections.abc import Iterable


def names_line(title: str, words: Iterable[str]) -> bool:
    """Whether the title of a finding holds all the words: "a|b" is either of two, "!a" must not stand there.

    The name of the API in front of the title is no part of the sentence: it says the same of every mutant. A word
    counts where a word of the sentence begins with it, in whatever case: "add" in "Added", and not "sign" in "design".
    A name such as norm_rule is one word, which no other word begins.
    """
    _, found, rest = title.partition(": ")
    sentence = rest if found else title
    return all(_holds(word, sentence) for word in words)


def _holds(word: str, sentence: str) -> bool:
    if word.startswith("!"):
        return not _holds(word[1:], sentence)
    either = "|".join(map(re.escape, word.split("|")))
    return re.search(rf"(?<!\w)(?:{either})(?![^\W_]*_)", sentence, re.IGNORECASE) is not None
