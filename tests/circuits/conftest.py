"""What the tests of circuits share."""

import os

import pytest

from compact.errors import TechnologyError
from compact.technology import Technology, get_technology


def _installed(name: str, corner: str = "tt") -> Technology:
    try:
        return get_technology(name, corner)
    except TechnologyError as error:
        if "install it with" not in str(error):
            raise
        if os.environ.get("SPINBRICKS_REQUIRE_PDKS") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def installed():
    """A technology by name; the test is skipped where its package is missing, and fails where it is required."""
    return _installed
