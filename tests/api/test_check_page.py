"""``check(…, out=…)``: one page, whole or not at all, true to the table, harmless whatever the table holds."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from retemper.api.check import check
from retemper.core.errors import InputError

HOSTILE = '</style><img src=x onerror="alert(1)">{{ 7 * 7 }}'


class Elements(HTMLParser):
    """All start tags with their attributes, and all text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


def mixed_table(rows=600, classes=("yes", "no")):
    draws = np.random.default_rng(0)
    size = draws.normal(size=rows)
    gap = np.arange(rows) >= 400
    label = np.where(size + draws.normal(scale=0.5, size=rows) > 0.7, classes[0], classes[1])
    return pl.DataFrame(
        {
            "size": size,
            "twin": size + 0.01 * draws.normal(size=rows),
            "age": [
                None if g else a for g, a in zip(gap, draws.integers(18, 90, rows).tolist(), strict=True)
            ],
            "height": [None if g else h for g, h in zip(gap, draws.normal(size=rows).tolist(), strict=True)],
            "colour": draws.choice(["red", "green", HOSTILE], rows),
            "since": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(rows)],
            "note": [" ".join(["some words of text"] * (1 + i % 7)) + f" {i}" for i in range(rows)],
            "same": ["k"] * rows,
            "far": np.where(np.arange(rows) % 100 == 0, 1e6, draws.normal(size=rows)),
            HOSTILE: draws.normal(size=rows),
            "label": label,
        }
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "sub" / "check.html"
    checked = check(mixed_table(), target="label", out=path)
    assert checked.findings
    return path


def test_it_needs_nothing_from_outside_and_runs_nothing(page):
    html = page.read_text(encoding="utf-8")
    elements = Elements(html)
    assert not [tag for tag, _ in elements.tags if tag in ("script", "link", "iframe", "object", "img")]
    for tag, attributes in elements.tags:
        assert "src" not in attributes, tag
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert "default-src 'none'" in html and "script-src" not in html
    assert "{{ 7 * 7 }}" in elements.text and len(html.encode()) < 300_000
    assert [path.name for path in page.parent.iterdir()] == ["check.html"], "nothing half-written stays"


def test_all_of_it_is_told(page):
    text = Elements(page.read_text(encoding="utf-8")).text
    for words in (
        "600 rows",
        "in 2 columns",
        "Outliers",
        "Constant column",
        "6 cells lie outside",
        "age + height",
        "size · twin",
        "share of yes",
        "2024-01-01",
        "Columns with missing cells",
        "checks could not be made",
    ):
        assert words in text, words


def test_pictures_and_stripes_have_text_alternatives(page):
    pictures = [a for tag, a in Elements(page.read_text(encoding="utf-8")).tags if tag == "svg"]
    assert len(pictures) > 8
    assert all(a.get("role") == "img" or a.get("aria-hidden") for a in pictures)
    assert all(a.get("aria-label") for a in pictures if a.get("role") == "img")


@pytest.mark.parametrize("target", [None, "size", "colour"])
def test_without_a_target_with_a_number_and_with_many_classes(tmp_path, target):
    path = tmp_path / "check.html"
    frame = mixed_table()
    check(frame, target=target, out=path)
    text = Elements(path.read_text(encoding="utf-8")).text
    assert ("The target" in text) == (target is not None)
    assert ("mean of size" in text) == (target == "size")
    assert ("Name the target with --target" in text) == (target is None)


def test_a_wide_table_shows_the_most_interesting_columns_and_says_so(tmp_path):
    draws = np.random.default_rng(1)
    x = draws.normal(size=(300, 400))
    frame = pl.DataFrame({f"c{k}": x[:, k] for k in range(400)}).with_columns(
        pl.Series("y", x[:, 250] + 0.3 * draws.normal(size=300)), pl.Series("c399", ["k"] * 300)
    )
    path = tmp_path / "check.html"
    check(frame, target="y", out=path)
    elements = Elements(path.read_text(encoding="utf-8"))
    assert "The 60 most interesting of 400 columns" in elements.text
    shown = [
        a["title"] for tag, a in elements.tags if tag == "span" and a.get("class") == "clip" and "title" in a
    ]
    assert {"c250", "c399"} <= set(shown)


@pytest.mark.parametrize("kind", ["whole", "missing everywhere", "numbers alone", "levels alone"])
def test_tables_of_one_sort(tmp_path, kind):
    rows = np.arange(40)
    frames = {
        "whole": {"a": rows * 1.5, "b": rows % 3},
        "missing everywhere": {"a": [None] * 20 + [1.0, 2.0] * 10, "b": [None, 2.0, 3.0, 4.0] * 10},
        "numbers alone": {"a": rows * 1.5},
        "levels alone": {"a": ["u", "v", "w", None] * 10},
    }
    path = tmp_path / "check.html"
    check(pl.DataFrame(frames[kind]), out=path)
    assert ("No cell is missing" in path.read_text()) == (kind in ("whole", "numbers alone"))


def test_a_column_called_as_a_count_is_no_suspect(tmp_path):
    """Evidence has entries such as "rows" and "share"; a column of that name is not what the finding is about."""
    rows = np.arange(400) % 100
    frame = pl.DataFrame({"rows": rows, "share": rows * 0.5, "far": np.where(rows == 0, 1e6, rows % 7)})
    path = tmp_path / "check.html"
    checked = check(frame, out=path)
    assert {"duplicate_rows", "outliers"} <= {finding.code for finding in checked.findings}
    pictured = [a["title"] for tag, a in Elements(path.read_text()).tags if tag == "b" and "title" in a]
    assert pictured == ["far"]


@pytest.mark.parametrize("name", ["check.txt", "check", "folder.html"])
def test_a_page_is_an_html_file(tmp_path, name):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError) as caught:
        check({"x": [1, 2, 3, 4] * 5}, out=tmp_path / name)
    assert caught.value.code == "bad_option"


def test_a_page_that_can_not_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        check({"x": [1, 2, 3, 4] * 5}, out=tmp_path / "file" / "check.html")


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome")
def test_a_browser_shows_it_without_complaint(page, tmp_path):
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}",
    ]
    drawn = subprocess.run(
        [BROWSER, *flags, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=60
    )
    assert "CONSOLE" not in drawn.stderr, drawn.stderr
    assert "What is suspicious, and why" in drawn.stdout
