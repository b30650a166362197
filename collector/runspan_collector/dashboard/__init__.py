# SPDX-License-Identifier: MIT
"""The maintainers' page: who runs what, drawn from the store.

It knows no field and no table: a question is a query (``.sql``) and a Vega-Lite chart (``.vl.json``) of the same name.
The store is given to it as a function::

    query(sql, parameters) -> rows
"""

from runspan_collector.dashboard.questions import PublicQuestions, Query, Questions
from runspan_collector.dashboard.server import Server

__all__ = ["PublicQuestions", "Query", "Questions", "Server"]
