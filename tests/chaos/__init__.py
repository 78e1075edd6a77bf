"""Chaos: an application under load while everything fails in random order, and what must hold.

`python -m tests.chaos --seed 1 --events 200`, or `make chaos`. A plan (`plan`) is carried out on
the lab (`director`), beside an application in a process of its own (`application`), which reports
what it did and saw (`facts`). The lab says what was really the case (`truth`), and `invariants`
judge the facts by it.
"""
