"""A test that ends its process costs that test alone."""

from __future__ import annotations

import os
import re
import sys

from tests.support import programs

DIES = "import os\ndef test_before(): pass\ndef test_dies(): os._exit(1)\ndef test_after(): pass\n"
PASSES = "def test_one(): pass\ndef test_two(): pass\n"
SINGLE = "def test_one(): pass\n"


def test_what_a_process_that_died_had_left_is_run_by_others(tmp_path):
    files = [PASSES, SINGLE] * 6
    files[5] = files[-1] = DIES
    for number, text in enumerate(files):
        (tmp_path / f"test_{number:02}.py").write_text(text)
    done = programs.run(
        *(sys.executable, "-m", "pytest", "-q", tmp_path, "-p", "tests.support.side_by_side"),
        *("--numprocesses=2", "--dist=loadscope"),
        env={**os.environ, "PYTEST_ADDOPTS": f"--rootdir={tmp_path} -p no:cacheprovider"},
    )
    failed = re.findall(r"^FAILED \S*(test_\d+\.py::\w+)", done.stdout, re.MULTILINE)
    assert failed == ["test_05.py::test_dies", "test_11.py::test_dies"], done.stdout
    assert f"2 failed, {sum(text.count('def ') for text in files) - 2} passed" in done.stdout
