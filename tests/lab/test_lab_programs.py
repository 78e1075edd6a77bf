"""The lab's PostgreSQL may be another one than the wheel's."""

from __future__ import annotations

import shutil

import pytest

from aurora_otel.lab import Cluster, LabError
from aurora_otel.lab.installation import new_directory
from aurora_otel.lab.postgres_installation import PROGRAMS, find


def test_programs_that_are_not_there_are_named_with_the_setting(monkeypatch, tmp_path):
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    with pytest.raises(LabError, match=f"{PROGRAMS} must be .* got '{tmp_path}'"):
        Cluster().start()


def test_another_postgresql_can_be_named(monkeypatch):
    directory = new_directory()
    programs = directory / "other"
    try:
        programs.symlink_to(find(directory, lambda _: None).programs)
        monkeypatch.setenv(PROGRAMS, str(programs))
        assert find(directory, lambda _: None).programs == programs
    finally:
        shutil.rmtree(directory)
