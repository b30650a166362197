# SPDX-License-Identifier: MIT
"""The maintainers' page, with charts of the runs in the store.

The code has no names of fields or tables: a question is a query (``.sql``) and a Vega-Lite chart (``.vl.json``) with
the same name. The store is a function::

    query(sql, parameters) -> rows
"""

from runspan_collector.dashboard.questions import PublicQuestions, Query, Questions

__all__ = ["PublicQuestions", "Query", "Questions"]
