"""What a user may set, and where it is kept. See `schema` for what there is and `kept` for which value counts."""

from assistant.settings.kept import Fixed, Settings, change, file_of, fixed, load, reset
from assistant.settings.schema import SCHEMA, Fold, LogLevel, Origin, SendKey, Setting, Theme, Value, looks, named

__all__ = [
    "SCHEMA",
    "Fixed",
    "Fold",
    "LogLevel",
    "Origin",
    "SendKey",
    "Setting",
    "Settings",
    "Theme",
    "Value",
    "change",
    "file_of",
    "fixed",
    "load",
    "looks",
    "named",
    "reset",
]
