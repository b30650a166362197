# SPDX-License-Identifier: MIT
"""Keeps the collector's files for good, with restic, and removes those that backup and store have both taken.

Nothing but Python and restic is needed. ``data`` knows the folder of an installation, ``repository`` runs restic,
``tidy`` removes files, and ``__main__`` has the commands.
"""
