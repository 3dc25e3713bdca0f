"""Noticing that a source file changed."""

from pathlib import Path

from infra.local.changes import Changes


def test_a_changed_a_new_and_a_deleted_file_are_noticed_once_each(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    file = tmp_path / "shared" / "verb.py"
    file.write_text("a = 1\n")
    changes = Changes(tmp_path)
    assert not changes.any()
    file.write_text("a = 12\n")
    assert [changes.any(), changes.any()] == [True, False]
    (tmp_path / "template.yaml").write_text("")
    assert [changes.any(), changes.any()] == [True, False]
    file.unlink()
    assert [changes.any(), changes.any()] == [True, False]


def test_byte_code_and_other_files_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    changes = Changes(tmp_path)
    (tmp_path / "shared" / "verb.pyc").write_text("")
    (tmp_path / "README.md").write_text("")
    assert not changes.any()
