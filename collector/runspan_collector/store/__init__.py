# SPDX-License-Identifier: MIT
"""The analytics store: the collector's files in, ClickHouse SQL out, encrypted at rest and for some weeks."""
