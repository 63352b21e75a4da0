"""A page that shows videos made of photos; a browser opens it from its folder, without a server or the network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from mocogan_chainer.files import atomic_write

STYLE = """
:root { color-scheme: light dark; --ink: #1c1d21; --soft: #62646e; --paper: #f4f4f6; --card: #fff; --line: #dedfe4;
  --link: #2456b8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --soft: #a0a2ad; --paper: #131418; --card: #1d1f24; --line: #33363e; --link: #8fb4ff; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: clamp(1rem, 4vw, 2.5rem); background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem; }
h1, h2, p, figure, ul, ol { margin: 0; padding: 0; }
h1 { font-size: clamp(1.5rem, 5vw, 2rem); line-height: 1.2; text-wrap: balance; }
h2 { font-size: 1.125rem; line-height: 1.3; overflow-wrap: anywhere; }
header p, figcaption, .alphas { color: var(--soft); font-size: .875rem; }
header p { margin-top: .5rem; max-width: 44rem; overflow-wrap: anywhere; }
a { color: var(--link); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem;
  display: grid; grid-template-columns: repeat(2, minmax(0, 20rem)) minmax(0, 1fr); gap: 1rem 1.25rem; }
.input { order: 1; } .video { order: 2; } .about { order: 3; } .strip { order: 4; grid-column: 1 / -1; }
figcaption { margin-top: .375rem; }
img, video { display: block; width: 100%; height: auto; }
.input img, .video img, video { aspect-ratio: 1; border-radius: .375rem; background: var(--line); }
.files { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: .5rem; }
.scroll { overflow-x: auto; border-radius: .375rem; }
.frames { min-width: calc(var(--count) * 4.25rem); max-width: calc(var(--count) * 9rem); }
.alphas { list-style: none; display: grid; grid-template-columns: repeat(var(--count), minmax(0, 1fr));
  margin-top: .25rem; text-align: center; font-variant-numeric: tabular-nums; }
@media (max-width: 44rem) {
  article { grid-template-columns: repeat(2, minmax(0, 1fr)); padding: .875rem; gap: .875rem; }
  .about { order: 0; grid-column: 1 / -1; }
}
"""


@dataclass(frozen=True)
class Animation:
    """One photo's part of the page. Files are named relative to the page, with forward slashes.

    Attributes:
        title: what to call the photo.
        photo: the picture that the video was made of, square.
        video: the video, square: a file that browsers show as a picture, or an MP4 file.
        strip: some of the video's frames side by side, the first at the left.
        files: what else can be opened, by what it is called.
    """

    title: str
    photo: str
    video: str
    strip: str
    files: dict[str, str] = field(default_factory=dict)


def write_animations(
    path: str | os.PathLike, title: str, facts: Sequence[str], alphas: Sequence[float], animations: Sequence[Animation]
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the file; what it shows lies next to it or below it.
        title: of the page.
        facts: sentences below the title.
        alphas: how far each frame of the strips is on the way.
        animations: what it shows, from top to bottom.

    Raises:
        OutputError: it cannot be written.
    """
    html = animations_page(title, facts, alphas, animations)
    with atomic_write(path) as file:
        file.write(html.encode())


def animations_page(title: str, facts: Sequence[str], alphas: Sequence[float], animations: Sequence[Animation]) -> str:
    """Return the page's HTML; see :func:`write_animations`."""
    numbers = [f"{alpha:g}" for alpha in alphas]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            "<header>",
            f"<h1>{_text(title)}</h1>",
            *(f"<p>{_text(fact)}</p>" for fact in facts),
            "</header>",
            *(_article(animation, numbers) for animation in animations),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _article(animation: Animation, alphas: Sequence[str]) -> str:
    title = _text(animation.title)
    links = "".join(f'<li><a href="{_link(path)}">{_text(name)}</a></li>' for name, path in animation.files.items())
    captions = "".join(f"<li>{alpha}</li>" for alpha in alphas)
    return f"""<article>
<div class="about"><h2>{title}</h2><ul class="files">{links}</ul></div>
<figure class="input"><img src="{_link(animation.photo)}" alt="The photo {title}" loading="lazy">
<figcaption>Input</figcaption></figure>
<figure class="video">{_moving(animation.video, f"The video made of {title}")}
<figcaption>Video</figcaption></figure>
<figure class="strip"><div class="scroll" role="group" tabindex="0" aria-label="Frames of {title} by alpha">
<div class="frames" style="--count: {len(alphas)}">
<img src="{_link(animation.strip)}" alt="Frames of {title} at alpha {", ".join(alphas)}" loading="lazy">
<ol class="alphas">{captions}</ol></div></div>
<figcaption>Frames by alpha</figcaption></figure>
</article>"""


def _moving(path: str, label: str) -> str:
    if path.endswith(".mp4"):
        how = "controls loop muted autoplay playsinline"
        return f'<video src="{_link(path)}" aria-label="{label}" {how}></video>'
    return f'<img src="{_link(path)}" alt="{label}" loading="lazy">'


def _link(path: str) -> str:
    """Return a relative path as an address; the dot keeps a colon in a name from being read as a protocol."""
    return escape("./" + quote(os.fsencode(path)))


def _text(text: str) -> str:
    """Return text as HTML; what cannot be shown, or would turn the line around, becomes a mark."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))
