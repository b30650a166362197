# SPDX-License-Identifier: MIT
"""Keeps the collector's files for good, with restic, and removes those that backup and store have both taken.

Nothing but Python and restic is needed. ``repository`` runs restic, ``tidy`` removes files, and ``command`` has the
commands.
"""
