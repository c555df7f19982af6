"""The commands, one module each, imported only when their command is run so that the command line starts fast.

A command gets its parsed arguments, prints data on standard output and words for people on standard error, and raises
`RecollectError`; how errors are shown and what the exit code is, the command line decides in one place.
"""
