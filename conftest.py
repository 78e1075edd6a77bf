"""Asserts in what tests share say what they compared, as those in the tests themselves do."""

import pytest

pytest.register_assert_rewrite("tests.histories", "tests.support")
