# SPDX-License-Identifier: MIT
"""The store: it reads the collector's files into an encrypted ClickHouse table, keeps some weeks, and answers SQL."""
