"""How many functions are called is counted the same each time."""

from __future__ import annotations

from benchmarks import counted


def one():
    return abs(-1)


def three():
    # `one` with what that calls, and one of C's.
    return divmod(one(), 2)


def generated():
    yield 1
    yield 2


def test_functions_of_python_and_c_are_counted():
    assert counted.calls(one) == 1
    assert counted.calls(three) == 3


def test_a_generator_that_goes_on_counts_again():
    steps = counted.calls(lambda: list(generated()))
    assert steps == counted.calls(lambda: list(iter(()))) + 2


def test_what_happens_only_at_first_is_not_counted():
    done = []

    def once():
        if not done:
            done.append(one())

    assert counted.calls(once) == 0
