"""``retemper check --out``: the page beside what is printed."""

import json


def test_check_writes_a_page_beside_the_findings(retemper, table, tmp_path):
    page = tmp_path / "page.html"
    plain = retemper("check", table, "--target", "label")
    answer = retemper("check", table, "--target", "label", "--out", page)
    assert answer.code == 0 and answer.out == f"{plain.out}Page: {page}\n"
    assert "colour" in page.read_text(encoding="utf-8")


def test_with_json_standard_output_stays_one_document(retemper, table, tmp_path):
    page = tmp_path / "page.html"
    answer = retemper("check", table, "--json", "--out", page)
    answer.document("findings")
    assert page.exists()


def test_fail_on_still_decides_the_exit_code_and_the_page_is_written(retemper, table, tmp_path):
    page = tmp_path / "page.html"
    assert retemper("check", table, "--fail-on", "advice", "--out", page, "--quiet").code == 3
    assert page.exists()


def test_a_page_with_another_ending_is_refused_before_anything_is_read(retemper, tmp_path):
    answer = retemper("check", "no-such-file.csv", "--out", tmp_path / "page.txt", "--json")
    assert answer.code == 2
    assert json.loads(answer.out)["error"]["code"] == "bad_option"


def test_without_out_nothing_is_written(retemper, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    retemper("check", table)
    assert sorted(tmp_path.rglob("*")) == before
