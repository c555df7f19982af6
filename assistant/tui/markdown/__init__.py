"""Answers in Markdown as one widget can draw them: text to blocks, blocks to rows, rows to strips."""
