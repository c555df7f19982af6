"""Every speed figure: a command, a peer beside it, a table. No part of the wheel."""
