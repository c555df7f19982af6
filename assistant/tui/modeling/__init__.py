"""What the Models mode does: downloads, adding and removing, choosing, measuring, checking."""
