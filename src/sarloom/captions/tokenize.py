"""Split captions into the words that caption metrics count.

Published scores of captions are counted on Penn Treebank tokens, lower-cased, with a fixed list of
punctuation removed afterwards: the convention of the COCO caption evaluation. This module gives
the same words as that tool chain in plain Python. How the Java program behaves was found by
comparing with it on captions and on deliberate oddities; the rules are our own.

Things a reader may not expect, kept so that figures agree with published ones:

- brackets become the words ``-lrb-``, ``-rrb-`` ... and are *not* removed;
- ``isn't`` is two words, ``is n't``; ``cannot`` is ``can not``; ``bird's-eye`` is ``bird 's eye``;
- a period stays with an abbreviation (``etc.``) and with a single letter (``forest a.``), unless
  a word such as 'The' follows the letter. The caption on the next line counts as what follows,
  since the whole file is read as one text. ``tokenize_lines`` keeps that; ``tokenize`` takes a
  caption by itself.

Not followed: digit groups read as one telephone number or mixed fraction (``1 1/2``), which only
ROUGE-L would see; comma after an e-mail address; line breaks inside a caption other than ``\\n``,
which shift all later captions in the Java tool chain and are blanks here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

NAME = "PTB as Stanford CoreNLP 3.4.1, lower case, punctuation removed (Python)"
"""What is printed beside scores."""

ABBREVIATIONS = """adj adm adv alex asst atty ave brig capt cf cie cmdr col cpl dept det dr drs elec
ens ft gen gov govs hon insp invt jos lt maj mfg mlle mme mr mrs ms msgr mt mtg natl pfc ph ppte
ppty pres prof pte ptes pty ptys pvt rep reps rev sen sens sfc sgt spc st ste supt vs wm al ala apr
ariz assn aug bhd bldg blvd bros calif co colo conn corp cos ct dak dec esq est etc ext feb fla fri
ga inc ind intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct okla
penn plc rd rt sep sept seq sq sr sys tel tenn thu tue tues univ va vt wed wis wisc wyo"""
"""Keep their period, in any case."""

CAPITAL_ABBREVIATIONS = "ark az del ill la mass miss ore pa tex wash"
"""Keep their period where the first letter is a capital; 'mass.' is an ordinary word."""

NUMBER_ABBREVIATIONS = "art ca fig figs no nos op p pp prop"
"""Keep their period before a digit."""

STARTERS = """A About According Additionally After An As At But Earlier He Her Here However If In It
Last Many More Now Once One Other Our She Since So Some Such That The Their Then There These They
This We What When While Yet You"""
"""Before one of these a single letter with a period ends a sentence."""

JOINED = {"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3}
"""Two words written as one, and where the second begins."""

_RENAMED = {
    **{"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"},
    **{"£": "#", "€": "$", "¢": "cents", "½": "1/2", "¼": "1/4", "¾": "3/4"},
    **{"⅓": "1/3", "⅔": "2/3", "&amp;": "&", "&lt;": "<", "&gt;": ">"},
}
_PUNCTUATION = """' '' ` `` " ´´ ‘ ’ ‛ “ ” « » ‹ › &quot; &nbsp; \u200b \ufeff
. ... … ? ! , : ; - -- --- ---- – —"""
_REMOVED = frozenset(_PUNCTUATION.split())


def _any_of(words: str, first: str = "") -> str:
    """A pattern for any of these words in any case, the longest first."""
    ordered = sorted(words.split(), key=len, reverse=True)
    return f"{first}(?i:{'|'.join(ordered)})"


_L = r"[^\W\d_²³¹¼-¾⅐-⅞]"  # a letter
_W = r"[^\W_²³¹¼-¾⅐-⅞]"  # a letter or digit
_APO = "['’]"
_ENDING = rf"(?i:s|m|d|re|ve|ll)(?!{_W})"  # what an apostrophe parts from a word

# Tried in this order at every place of the text; an earlier rule is there because it takes more.
_RULES: tuple[tuple[str, str], ...] = (
    ("markup", r"</?[A-Za-z!][^<>]{0,99}>|&(?:amp|lt|gt|quot|nbsp);|&\#\d+;"),
    ("address", r"https?://[^\s<>\"()]*[\w/]|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*|@[A-Za-z]\w*"),
    ("hashtag", r"\#[A-Za-z]+"),
    ("smiley", r"[<>]?[:;=](?:['o-](?=[()DPp\[\]]))?[()DPOp0@|\\\[\]{](?!\w)"),
    ("negated", r"[A-Za-z]+?(?=(?i:n['’`]t))"),
    ("negation", r"(?i:n['’`]t)[A-Za-z]*"),
    ("ending", rf"{_APO}{_ENDING}|{_APO}(?i:t)(?=(?i:is|was))"),
    ("clipped", rf"{_APO}[nN]{_APO}|{_APO}(?i:em)|{_APO}(?i:til|cause|n)(?!{_W})"),
    ("years", rf"{_APO}(?:\d0s|\d\d)(?!{_W})"),
    ("elided", rf"(?i:[odlcn]|qu){_APO}{_L}{{2,}}|(?i:ma{_APO}am|(?:[eo]|ne){_APO}er)(?!{_W})"),
    ("inner", rf"{_L}+[aeiouyAEIOUY]{_APO}(?!{_ENDING})[aeiouA-Z]{_L}*"),
    ("name", rf"[A-HJ-XZn]{_APO}{_L}{{2,}}"),
    ("elision", rf"(?i:[djly]){_APO}(?={_L})|(?i:ol{_APO})(?!{_W})"),
    ("initials", r"(?i:ph\.d\.)|(?:[A-Za-z]\.)+[A-Za-z](?![\w.])"),
    ("dotted_initials", rf"(?:[A-Za-z]\.){{2,}}(?:-\w+)?(?!{_W})"),
    ("abbreviation", rf"{_any_of(ABBREVIATIONS)}\.(?:-{_W}+)?(?!{_L})"),
    ("state", rf"{_any_of(CAPITAL_ABBREVIATIONS, '(?=[A-Z])')}\.(?!{_L})"),
    ("number_word", rf"{_any_of(NUMBER_ABBREVIATIONS)}\.(?=\s*\d)"),
    (
        "initial",
        rf"[A-Za-z]\.(?!{_L}|\s+(?:{'|'.join(STARTERS.split())})(?:\s|$)|\s+</?[A-Za-z!][^<>]{{0,99}}>)",
    ),
    ("before_mark", r"[A-Za-z]+(?:[-.][A-Za-z]+)*\.(?=[,;:])"),
    ("hyphenated", rf"(?>[A-Za-z0-9][A-Za-z0-9.,]*(?:-[A-Za-z0-9]+)+)(?!{_W}|[_/]\w)"),
    ("firm", r"[A-Z]+(?:&[A-Z]+)+|[A-Z]{1,2}\$"),
    ("dotted", rf"{_L}{_W}*(?:[.!?]{_L}{_W}*)+"),
    ("number", rf"[+-]?\d*(?:[.,]\d+)+(?:-{_W}+)*|[+-]?\d*(?::\d+)+|[+-]\d+"),
    ("language", r"[Cc]\+\+|[CFcf]\#"),
    ("word", rf"{_W}+(?:[-‐‑_]{_W}+|(?<=[A-Za-z0-9])/[A-Za-z0-9]{_W}*)*"),
    ("run", r"\.{3,5}|-{5,}|-{2,4}|_+|\*+|\#{2,}|''|``|<<|>>|[!?]+"),
    ("mark", r"\S"),
)
_LEXER = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _RULES))
_SIMPLE = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)*)([.,]?)")
_MAY_KEEP_PERIOD = frozenset(
    f"{ABBREVIATIONS} {CAPITAL_ABBREVIATIONS} {NUMBER_ABBREVIATIONS}".split()
)


def tokenize(caption: str, following: str = "") -> list[str]:
    """Lower-case words of a caption, punctuation removed.

    Parameters
    ----------
    caption : str
        One caption. Line breaks in it are blanks.
    following : str
        The caption on the next line of the file, where there is one: it decides about a period
        after a single letter or a number word at the very end.

    Returns
    -------
    list of str
        Words; empty for an empty caption or one of punctuation only.
    """
    words: list[str] = []
    caption = caption.replace("\u00ad", "")
    for piece in caption.split():
        simple = _simple_word(piece)
        if simple is None:
            return list(_words(" ".join(caption.split()), following.lstrip()[:16]))
        words += simple
    return words


def tokenize_lines(captions: Sequence[str]) -> list[list[str]]:
    """Words of every caption, each seeing the next one as the Java program does."""
    following = [*captions[1:], ""]
    return [tokenize(caption, after) for caption, after in zip(captions, following, strict=True)]


@lru_cache(maxsize=65536)
def _simple_word(piece: str) -> tuple[str, ...] | None:
    """The word in a piece without blanks whose reading hangs on nothing else, or None."""
    if piece in (".", ","):
        return ()
    found = _SIMPLE.fullmatch(piece)
    if found is None:
        return None
    word, mark = found[1].lower(), found[2]
    if word in JOINED or (mark == "." and (len(word) == 1 or word in _MAY_KEEP_PERIOD)):
        return None
    return (word,)


def _words(caption: str, following: str) -> Iterator[str]:
    """The same by the full rules."""
    text = f"{caption}\n{following}" if following else caption
    for found in _LEXER.finditer(text):
        if found.start() >= len(caption):
            return
        kind, token = found.lastgroup, found[0].lower()
        token = _RENAMED.get(token, token)
        if token in _REMOVED or (kind == "mark" and ord(token[0]) > 0xFFFF):
            continue
        if (kind == "run" and token[0] in ".-" and len(token) < 5) or token == ".....":
            continue
        if kind == "smiley":
            yield token.replace("(", "-lrb-").replace(")", "-rrb-")
        elif kind == "run" and token[0] in "!?":
            # a run of several is a word of its own and stays, like '?!'
            yield token
        elif token in JOINED:
            yield token[: JOINED[token]]
            yield token[JOINED[token] :]
        elif kind == "markup":
            yield from token.split()
        else:
            yield token.replace("’", "'")
