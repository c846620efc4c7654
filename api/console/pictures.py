"""Pictures: SVG that is drawn here, in the style's own colours, with its numbers as a table below it.

The title is the answer to the one question that a picture asks. Nothing in it is a script or a style of its own: the
policy of the pages allows neither.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from unicodedata import east_asian_width

import pygal
from lxml import etree
from markupsafe import Markup

from api.console.formats import ReaderLocale, way
from api.console.words import _

# pygal asks on every import of anything whether it is one of its plugins, in a way that Python warns of; we have none.
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "PluginImportFixer"]
_KINDS: Final = {"bars": pygal.Bar, "lying": pygal.HorizontalBar, "line": pygal.Line, "stacked": pygal.StackedBar}
_SIZES: Final = {"bars": (640, 240), "lying": (440, 0), "line": (640, 240), "stacked": (640, 240)}
_ROW, _EDGE = 34, 60
_UNWANTED: Final = {"style", "script", "title", "desc"}
_LABEL_MAX: Final = 22
_WIDE: Final = 8
_WRITTEN: Final = 4  # half of what a letter on a bar is wide
_KEPT: Final = 512


@dataclass(frozen=True, slots=True)
class Series:
    """One row of numbers, in the order of the labels; None: there is none."""

    name: str
    values: Sequence[float | int | None]


def picture(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    shown: Callable[[Any], str] = str,
    kind: str = "bars",
    most: float | None = None,
) -> Markup:
    """A figure. `kind`: bars, lying (bars that lie), line, stacked. `shown` writes a number in the reader's way.

    It is to the scale of its largest number, or up to `most`.
    """
    rows = tuple((one.name, tuple(one.values)) for one in series)
    return _drawn(title, tuple(map(str, labels)), rows, shown, kind, most, way.get())


@lru_cache(maxsize=_KEPT)
def _drawn(
    title: str,
    labels: tuple[str, ...],
    rows: tuple[tuple[str, tuple[float | int | None, ...]], ...],
    shown: Callable[[Any], str],
    kind: str,
    most: float | None,
    reader: ReaderLocale,
) -> Markup:
    """A picture is worked on for milliseconds, and looked at again: the same words and numbers are drawn once for a
    reader's way of writing them, which `shown` takes from where we are called.
    """
    series = [Series(name, values) for name, values in rows]
    svg = _svg(title, labels, series, shown, kind, most)
    drawn = Markup(svg)  # noqa: S704  # made by pygal, which escapes labels
    return Markup('<figure class="picture"><figcaption>{}</figcaption>{}{}</figure>').format(
        title, drawn, _table(title, labels, series, shown)
    )


def _svg(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    shown: Callable[[Any], str],
    kind: str,
    most: float | None,
) -> str:
    config = _config(labels, len(series), shown, kind)
    if most is None and not any(value for one in series for value in one.values):
        most = 1  # all are nothing: a scale of its own, so that nothing is drawn over the names
    if most is not None:
        config.range = (0, most)
    chart = _KINDS[kind](config)
    way = -1 if kind == "lying" else 1  # bars that lie are drawn from below; they are read from above
    chart.x_labels = [str(one) for one in labels][::way]
    for one in series:
        chart.add(one.name, list(one.values)[::way])
    tree = chart.render_tree()
    _clean(tree)
    if kind == "lying":
        _beside_the_names(tree)
    tree.set("role", "img")
    tree.set("aria-label", title)
    return str(etree.tostring(tree, encoding="unicode"))


def _config(labels: Sequence[str], rows: int, shown: Callable[[Any], str], kind: str) -> pygal.Config:
    """How large it is, and what is written where."""
    width, height = _SIZES[kind]
    config = pygal.Config(
        css=[],
        js=[],
        width=width,
        height=height or _EDGE + _ROW * max(1, len(labels)) * max(1, rows),
        show_legend=False,
        no_prefix=True,
        print_values=kind in ("bars", "lying") and len(labels) * rows <= 24,
        print_zeroes=False,
        value_formatter=shown,
        truncate_label=_LABEL_MAX,
        margin=4,
        include_x_axis=True,
        no_data_text="",
        show_x_labels=kind != "lying",  # its values are written on it
    )
    # Chinese characters are twice as wide as it thinks.
    config.margin_left = 4 + _WIDE * max([sum(east_asian_width(one) in "WF" for one in text) for text in labels] or [0])
    return config


def _beside_the_names(tree: Any) -> None:
    """What is written on a bar that is shorter than it begins with the bar, and not on the name before it."""
    for node in tree.iter("{*}text"):
        least = _WRITTEN * len(node.text or "")
        if node.get("class") == "value" and float(node.get("x")) < least:
            node.set("x", str(least))


def _clean(tree: Any) -> None:
    """Take out what brings a style, a script or words of the library's own."""
    for node in list(tree.iter()):
        if not isinstance(node.tag, str) or etree.QName(node).localname in _UNWANTED:
            if node.getparent() is not None:
                node.getparent().remove(node)
            continue
        for name in [name for name in node.attrib if name in ("style", "id") or name.lower().startswith("on")]:
            del node.attrib[name]


def _table(title: str, labels: Sequence[str], series: Sequence[Series], shown: Callable[[Any], str]) -> Markup:
    heads = Markup("").join(Markup('<th class="amount" scope="col">{}</th>').format(one.name) for one in series)
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(label, _cells(number, series, shown))
        for number, label in enumerate(labels)
    )
    return Markup(
        "<details><summary>{}</summary><table class='table'><caption class='hidden'>{}</caption>"
        "<thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table></details>"
    ).format(_("The numbers"), title, heads, rows)


def _cells(number: int, series: Sequence[Series], shown: Callable[[Any], str]) -> Markup:
    values = (one.values[number] if number < len(one.values) else None for one in series)
    return Markup("").join(
        Markup('<td class="amount">{}</td>').format("–" if value is None else shown(value)) for value in values
    )
