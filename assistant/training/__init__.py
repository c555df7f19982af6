"""What the app knows of training: what may be learned from, the runs in the data folder, and the models they made.

Promises never to import what trains: that is a process of its own, which leaves files. Knows nothing of screens.
"""
