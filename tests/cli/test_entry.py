"""How commands end."""

import errno
import subprocess
import sys

import pytest

from mocogan_chainer.cli import entry
from mocogan_chainer.errors import ConfigError, DataError, MocoganError


def raising(error):
    def function():
        raise error

    return function


def test_success_is_0_and_passes_arguments(capsys):
    assert entry.run(print, "a", "b") == 0
    assert capsys.readouterr() == ("a b\n", "")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("data: no such\nfolder"), 2, "error: data: no such folder\n"),
        (MemoryError(), 2, "error: out of memory; use smaller batches, sizes or fewer workers\n"),
        (MemoryError("3 GiB"), 2, "error: out of memory (3 GiB); use smaller batches, sizes or fewer workers\n"),
        (
            OSError(errno.ENOSPC, "full", "a.npy"),
            2,
            "error: a.npy: the disk is full; free some space or choose another folder\n",
        ),
        (OSError(errno.EIO, "broken disk"), 2, "error: the system: broken disk\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("3 of 5 are kept"), 130, "interrupted: 3 of 5 are kept\n"),
    ],
)
def test_what_a_user_can_mend_is_one_line(capsys, error, code, line):
    assert entry.run(raising(error)) == code
    assert capsys.readouterr() == ("", line)


def test_our_own_faults_are_not_hidden():
    with pytest.raises(ValueError, match="a fault of ours"):
        entry.run(raising(ValueError("a fault of ours")))


def test_a_reader_that_has_gone_is_no_fault():
    command = (
        "from mocogan_chainer.cli import entry\nentry.run(lambda: [print('x' * 99, flush=True) for _ in range(9999)])"
    )
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_the_traceback_can_be_seen(capsys, monkeypatch):
    monkeypatch.setenv("MOCOGAN_TRACEBACK", "1")
    assert entry.run(raising(DataError("broken"))) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("error: broken\n")


def test_the_parser_raises_what_run_shows():
    parser = entry.Parser(prog="tool.py")
    with pytest.raises(ConfigError, match=r"unrecognized arguments: --x \(see tool\.py --help\)"):
        parser.parse_args(["--x"])


def test_a_path_that_the_shell_has_cut_is_recognized(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my new.npz").touch()
    parser = entry.Parser(prog="tool.py")
    parser.add_argument("snapshot")
    parser.add_argument("--num", type=int)
    with pytest.raises(ConfigError, match=r'unrecognized arguments: new\.npz \(did you mean "my new\.npz"\? what has'):
        parser.parse_args(["my", "new.npz", "--num", "3"])
    with pytest.raises(ConfigError, match=r"unrecognized arguments: other\.npz \(see"):
        parser.parse_args(["my", "other.npz"])


def test_wrong_numbers_are_told_in_words():
    parser = entry.Parser(prog="tool.py")
    parser.add_argument("--num", type=int)
    parser.add_argument("--rate", type=float)
    with pytest.raises(ConfigError, match=r"^argument --num: 2\.5: it must be a whole number \(see tool\.py --help\)$"):
        parser.parse_args(["--num", "2.5"])
    with pytest.raises(ConfigError, match=r"^argument --rate: fast: it must be a number \(see"):
        parser.parse_args(["--rate", "fast"])


def test_the_parser_knows_what_was_meant():
    parser = entry.Parser(prog="tool.py")
    parser.add_argument("--model", choices=("normal", "infogan"))
    for given, message in (
        (["--modle", "normal"], r"unrecognized arguments: --modle normal \(did you mean --model\?\) \(see"),
        (["--modle=normal"], r"unrecognized arguments: --modle=normal \(did you mean --model\?\) \(see"),
        (["--model", "infogn"], r"invalid choice: 'infogn' .* \(did you mean infogan\?\) \(see"),
        (["--model", "x"], r"invalid choice: 'x' \(choose from [^)]*\) \(see"),
    ):
        with pytest.raises(ConfigError, match=message):
            parser.parse_args(given)


def test_words_of_an_option_are_joined_either_way():
    parser = entry.Parser(prog="tool.py")
    parser.add_argument("--save_name")
    parser.add_argument("--time-limit")
    parser.add_subparsers().add_parser("of").add_argument("--every-nth", type=int)
    for given in (
        ["--save-name", "a_b-c", "--time_limit=1-2_3", "of", "--every_nth", "2"],
        ["--save_name=a_b-c", "--time-limit", "1-2_3", "of", "--every-nth=2"],
    ):
        found = parser.parse_args(given)
        assert (found.save_name, found.time_limit, found.every_nth) == ("a_b-c", "1-2_3", 2)
    with pytest.raises(ConfigError, match=r"unrecognized arguments: --save_nam_e \(did you mean --save_name\?\)"):
        parser.parse_args(["--save_nam_e"])


def test_what_follows_two_dashes_is_no_option():
    parser = entry.Parser(prog="tool.py")
    parser.add_argument("--save_name")
    parser.add_argument("files", nargs="*")
    assert parser.parse_args(["--", "--save-name"]).files == ["--save-name"]


class TestMessages:
    def test_a_name_that_is_not_utf_8_is_printed_with_escapes(self):
        code = "import sys; from mocogan_chainer.cli import entry; sys.exit(entry.run(print, 'a\\udcffb'))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"a\\udcffb", b"")

    def test_what_a_terminal_would_obey_is_escaped(self):
        assert str(MocoganError("a\x1b[2J\u202eb\nc é")) == "a\\x1b[2J\\u202eb\nc é"

    def test_the_middle_of_a_long_one_is_left_away(self):
        message = str(MocoganError("begin" + "x" * 10**6 + "end"))
        assert len(message) == 2000
        assert message.startswith("begin")
        assert message.endswith("end")
