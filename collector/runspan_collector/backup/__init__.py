# SPDX-License-Identifier: MIT
"""Back up the collector's files with restic, and remove the files that both backup and store have.

This needs only Python and restic. ``repository`` runs restic, ``tidy`` removes files, and ``command`` has the commands.
"""
