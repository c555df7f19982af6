"""Whether an answer says that it does not know. In English alone; knows nothing of what was asked."""

from __future__ import annotations

import re
import unicodedata

_RECORD = r"(?:info(?:rmation)?|memor(?:y|ies)|records?|mention|details?|data)"
_SOURCE = r"(?:memor(?:y|ies)|conversations?|messages?|dialogues?|context|records?|information)"
_TOLD = r"(?:mentioned|stated|specified|provided|discussed|recorded|known(?! (?:for|as|by|to(?! me))\b))"
_WAYS = (
    # I don't know that yet. We can't tell. I do not have that information.
    r"(?:i|we) (?:(?:really|still|just) )?(?:do not|dont|can ?not|cant|could not|couldnt) (?:(?:yet|really|actually) )?"
    rf"(?:know|remember|recall|say|tell|find|see|answer|determine|have (?:\w+ ){{0,2}}{_RECORD})\b.*",
    r"(?:im|i am) (?:not (?:sure|certain|aware|able to)|unsure|unable to|unaware)\b.*",
    rf"i have (?:no|not any) (?:idea|way of knowing|(?:\w+ )?{_RECORD})\b.*",
    # No information available. There is no mention of it.
    rf"(?:(?:there (?:is|are|was)|theres|i see|i find) )?(?:no|not enough|insufficient) (?:such )?{_RECORD}\b.*",
    # Not mentioned. Her job has not been mentioned. It isn't known.
    rf"(?:.*\b(?:is|are|was|were|has been|have been) )?(?:not|never|nowhere) (?:yet )?(?:been )?{_TOLD}\b.*",
    rf".*\b(?:has|have) (?:not|never) (?:yet )?been {_TOLD}\b.*",
    rf".*\b(?:is|are|was|were|has|have)nt (?:yet )?(?:been )?{_TOLD}\b.*",
    # You haven't told me. Nobody has said so. The memories do not say.
    r"you (?:havent|have not|have never|didnt|did not|never) (?:(?:yet|actually) )?"
    r"(?:told|tell|said|say|mention(?:ed)?|shared?|specif(?:y|ied))\b.*",
    r"nobody (?:has )?(?:said|told|mentioned)\b.*",
    rf"(?:the|my|our|your|these|any of the) (?:\w+ )?{_SOURCE} (?:(?:do|does|did) not|(?:do|does|did)nt) "
    r"(?:say|mention|tell|specify|state|contain|include|provide|show|reveal)\b.*",
    r"unknown|unsure|not sure|no idea|(?:(?:that|this|the) )?(?:information )?(?:is )?not (?:available|given)|n/a",
    r"(?:(?:it|this|that) )?cannot be determined\b.*",
)
"""How it may be said, without apostrophes."""
_CIVIL = (
    r"(?:im |i am )?(?:(?:so|very) )?(?:sorry|afraid)|unfortunately|no|hm+|well|oh|yet|at the moment|so far|please",
    rf"(?:based on|according to|from|in) (?:(?:the|our|my|your|these) )?(?:\w+ )?{_SOURCE}(?: (?:provided|i have))?",
    r"(?:(?:please|just|but) )*(?:tell me|let me know)\b.*|if you\b.*",
    r"(?:would|could|can|do) you (?:like|want|please|tell|share|remind|mind|give)\b.*",
    r"(?:and |but )?(?:ill|i will|i can|i would|id)\b.* remember\b.*",
)
"""What may stand around it."""
_NOT_KNOWN = re.compile("|".join(_WAYS))
_AROUND = re.compile("|".join(_CIVIL))
_BEFORE = re.compile(r"\A(?:(?:but|unfortunately|sorry|well|so|(?:im|i am) (?:afraid|sorry)(?: that| but)?) )+")
_APOSTROPHE = re.compile(r"['\u2019`]")
_END = re.compile(r"[.!?,;:\n()\u2013\u2014\u2026]+(?!\d)|\s-+\s|\s(?=but\s)")


def abstains(answer: str) -> bool:
    """Whether `answer` says that it does not know, and nothing else, in the app's own words or in others.

    What names something all the same ("I don't know, maybe Lima") does not abstain: it would have it both ways.
    LoCoMo's "no information available" and "not mentioned" count.
    """
    plain = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", answer).casefold())
    pieces = (piece.strip(' "*\u201c\u201d') for piece in _END.split(plain))
    said = [_BEFORE.sub("", piece) for piece in pieces if piece and not _AROUND.fullmatch(piece)]
    return bool(said) and all(map(_NOT_KNOWN.fullmatch, said))
