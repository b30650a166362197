# SPDX-License-Identifier: MIT
"""pytest's fixture. Every pytest run where runspan is installed imports this module, so it imports little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runspan.testing import Reports


@pytest.fixture
def runspan_reports() -> Iterator[Reports]:
    """The reports that the test's runs would have sent: see runspan.testing.capture."""
    from runspan.testing import capture

    with capture() as reports:
        yield reports
