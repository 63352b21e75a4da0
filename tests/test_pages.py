"""The page of animated photos, as HTML; tests/cli/test_generate_page.py looks at it in a browser."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mocogan_chainer import pages
from mocogan_chainer.errors import OutputError

EMPTY = {"meta", "img"}
PLAIN = pages.Animation("anna.jpg", "anna_input.png", "anna.gif", "anna_alphas.png", {"GIF": "anna.gif"})


class Reader(HTMLParser):
    """Keeps every tag with its attributes and all text, and holds that each tag is closed in its turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self):
        return [attributes[name] for _, attributes in self.tags for name in ("src", "href") if name in attributes]


def read(*animations, title="t", facts=(), alphas=(0, 0.5, 1.25)):
    return Reader(pages.animations_page(title, facts, alphas, animations))


def test_what_it_shows():
    page = read(PLAIN, title="1 photo", facts=["Made by x."])
    assert [image["src"] for image in page.all("img")] == ["./anna_input.png", "./anna.gif", "./anna_alphas.png"]
    assert [link["href"] for link in page.all("a")] == ["./anna.gif"]
    for text in ("1 photo", "Made by x.", "anna.jpg", "Input", "Video", "0.5", "1.25"):
        assert text in page.text


def test_each_picture_says_what_it_is():
    texts = [image["alt"] for image in read(PLAIN).all("img")]
    assert texts == [
        "The photo anna.jpg",
        "The video made of anna.jpg",
        "Frames of anna.jpg at alpha 0, 0.5, 1.25",
    ]


def test_alphas_are_captions_in_their_order():
    html = pages.animations_page("t", [], [-0.5, 0.0, 0.1, 1.3], [PLAIN])
    assert '<ol class="alphas"><li>-0.5</li><li>0</li><li>0.1</li><li>1.3</li></ol>' in html
    assert "--count: 4" in html


def test_an_mp4_is_a_video():
    page = read(pages.Animation("a", "i.png", "a.mp4", "s.png"))
    (film,) = page.all("video")
    assert film["src"] == "./a.mp4"
    assert {"controls", "loop", "muted", "autoplay", "playsinline"} <= set(film)
    assert "a" in film["aria-label"]
    assert len(page.all("img")) == 2


def test_nothing_runs_and_nothing_comes_from_elsewhere():
    html = pages.animations_page("t", ["f"], [0, 1], [PLAIN, pages.Animation("a", "i.png", "a.mp4", "s.png")])
    page = Reader(html)
    assert not page.all("script") + page.all("link") + page.all("iframe")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [word for word in ("url(", "@import", "http:", "https:", "//") if word in html]
    for link in page.links():
        parts = urlsplit(link)
        assert not (parts.scheme or parts.netloc or parts.path.startswith("/"))


@pytest.mark.parametrize("word", ["color-scheme: light dark", "prefers-color-scheme: dark", "max-width"])
def test_dark_mode_and_phones_are_thought_of(word):
    page = read(PLAIN)
    assert word in page.text
    assert page.all("meta")[1]["content"].startswith("width=device-width")


NASTY = """<img src=x onerror=alert(1)>"'&amp;.png"""


def test_names_are_text():
    page = read(pages.Animation(NASTY, "i.png", "a.gif", "s.png", {NASTY: "a.gif"}), title=NASTY, facts=[NASTY])
    assert page.text.count(NASTY) == 5  # both titles, the fact, the photo's and the link's name
    assert page.all("img")[0]["alt"] == f"The photo {NASTY}"
    assert len(page.all("img")) == 3


@pytest.mark.parametrize(
    "name", ["a b#c?d%20e.png", NASTY, "javascript:alert(1).gif", "Ägäis.png", "d/e.png", "//host/a.gif"]
)
def test_addresses_lead_to_the_file(name):
    (image, *_) = read(pages.Animation("t", name, "a.gif", "s.png")).all("img")
    parts = urlsplit(image["src"])
    assert not (parts.scheme or parts.netloc or parts.query or parts.fragment)
    assert unquote(parts.path) == f"./{name}"


def test_names_that_are_no_text_are_written_all_the_same(tmp_path):
    """A name of bytes that are no UTF-8, a line's end, and a mark that turns the line around."""
    pages.write_animations(tmp_path / "a.html", "t", [], [0], [pages.Animation("a\udcff\n\u202eb", "i", "v", "s")])
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<h2>a\ufffd\ufffd\ufffdb</h2>" in text


def test_it_is_whole_or_not_there(tmp_path):
    pages.write_animations(tmp_path / "a" / "index.html", "t", [], [0], [PLAIN])
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["index.html"]
    Path(tmp_path, "file").touch()
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        pages.write_animations(tmp_path / "file" / "index.html", "t", [], [0], [PLAIN])
