"""A step-through as HTML: still, for a notebook that is only read, and as one file with sliders for a web page.

A page is made once as a template, in which a mark stands for each number, and a list of the numbers. Filled in, it is the
still page. The file with sliders holds the numbers of every step, unit and example as JSON, and a few lines of
JavaScript that fill them in by the same rule; nothing is loaded from anywhere. Without JavaScript the file shows the page
that it was made from.
"""

import html
import json
import re

from ..files import replacing
from .text import agreement, joined, symbols_of, title
from .words import Digits, written

PLAIN, GUARDED, COUNT = "\x01", "\x02", "\x03"          # marks for: a number, one in brackets if negative, a whole number
UNFOLDED = 2, 3                                         # so many products, of so many terms each, are shown without being asked
MOST_PAGES = 2000                                       # in one file: some megabytes
LEFT = 'style="text-align:left;vertical-align:top"'      # in the tags: a notebook that is not trusted drops the style sheet
NAME = re.compile(r"[A-Za-zγσ][A-Za-z0-9γσ_₁]*'?")

STYLE = """
.mr-step{font:15px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;color:#222;background:#fff;max-width:1360px}
.mr-step h2{font-size:1.25em;margin:.2em 0 .3em}.mr-step h3{font-size:1.05em;margin:1.2em 0 .3em}
.mr-step p{margin:.3em 0;max-width:70em}
.mr-step table.mr-both{border-collapse:collapse;width:100%;table-layout:fixed;margin:.6em 0}
.mr-step table.mr-both>thead th{text-align:left;border-bottom:2px solid #555;padding:.3em .7em;font-weight:600;background:#fff}
.mr-step table.mr-both>tbody>tr>td{vertical-align:top;text-align:left;border-bottom:1px solid #ddd;
padding:.4em .7em;background:#fff;white-space:normal}
.mr-step td.mr-back{border-left:2px solid #eee}
.mr-step .mr-m{font-family:"STIX Two Text","Cambria Math",Cambria,"DejaVu Serif",Georgia,serif;
font-variant-numeric:tabular-nums;padding-left:1.2em;text-indent:-1.2em;overflow-wrap:anywhere}
.mr-step .mr-m+.mr-m{margin-top:.1em}
.mr-step details{margin:.15em 0 0 1.2em;font-size:.9em;color:#555}.mr-step summary{cursor:pointer}
.mr-step .mr-terms{border-collapse:collapse;margin:.15em 0 .15em 1.2em;width:calc(100% - 1.2em)}
.mr-step .mr-terms td{padding:0 .6em 0 0;border:0;vertical-align:top;background:#fff;text-align:left}
.mr-step .mr-terms td:first-child{white-space:nowrap;text-align:right;width:5em}
.mr-step .mr-terms td:nth-child(2){width:68px}
.mr-step .mr-bar{display:inline-block;height:.6em;background:GRADIENT;border-radius:2px;min-width:1px;vertical-align:middle}
.mr-step .mr-block{margin-bottom:.45em}.mr-step .mr-block:last-child{margin-bottom:0}
.mr-step sub{font-size:.75em;line-height:0}
@media (max-width:720px){.mr-step table.mr-both,.mr-step table.mr-both>tbody,.mr-step table.mr-both>tbody>tr,
.mr-step table.mr-both>tbody>tr>td{display:block;width:auto}.mr-step table.mr-both>thead{display:none}}
@media print{.mr-step{font-size:11px;max-width:none}.mr-step tr,.mr-step .mr-block{break-inside:avoid}
.mr-step .mr-bar{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

CONTROLS_STYLE = """
body{margin:1.2em auto;max-width:1360px;padding:0 1em;background:#fff}
.mr-controls{position:sticky;top:0;background:#fff;border-bottom:1px solid #bbb;padding:.6em 0;display:flex;
gap:1.5em;flex-wrap:wrap;font:15px/1.4 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;z-index:2}
.mr-controls label{display:flex;align-items:center;gap:.6em}.mr-controls input{width:200px;accent-color:#005F99}
.mr-controls input:focus-visible{outline:3px solid #005F99;outline-offset:3px}
.mr-controls output{min-width:2.2em;font-weight:700;font-variant-numeric:tabular-nums}
@media print{.mr-controls{display:none}}
"""

SCRIPT = """
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("mr-data").textContent);
  var names = ["t", "unit", "example"], place = document.getElementById("mr-page");
  function number(value) {
    if (value === null) { return "nan"; }
    if (value === 0) { return "0"; }
    var size = Math.abs(value), text;
    if (size >= 0.0005 && size < 1000) { text = value.toFixed(3); }
    else if (size >= 1000 && size < 1e6) { text = value.toFixed(1); }
    else { text = value.toExponential(2).replace("e+", "e"); }
    return text.replace(/-/g, "\\u2212");
  }
  function fill(template, numbers) {
    return template.replace(/([\\u0001\\u0002\\u0003])([0-9]+);/g, function (all, mark, index) {
      var value = numbers[Number(index)];
      if (mark === "\\u0003") { return String(Math.floor(value + 0.5)); }
      return mark === "\\u0002" && value < 0 ? "(" + number(value) + ")" : number(value);
    });
  }
  function sliders() { return names.map(function (name) { return document.getElementById("mr-" + name); }); }
  function show() {
    var at = sliders().map(function (slider) { return Number(slider.value); });
    var page = data.pages[(at[0] * data.sizes[1] + at[1]) * data.sizes[2] + at[2]];
    var open = Array.prototype.map.call(place.querySelectorAll("details"), function (d) { return d.open; });
    place.innerHTML = fill(data.templates[page[0]], page[1]);
    Array.prototype.forEach.call(place.querySelectorAll("details"), function (d, k) { d.open = Boolean(open[k]); });
    names.forEach(function (name, k) { document.getElementById("mr-" + name + "-now").textContent = String(at[k]); });
    try { history.replaceState(null, "", "#" + names.map(function (n, k) { return n + "=" + at[k]; }).join("&")); } catch (e) {}
  }
  function fromAddress() {
    names.forEach(function (name) {
      var found = new RegExp("[#&]" + name + "=(\\\\d+)").exec(location.hash);
      if (found) { document.getElementById("mr-" + name).value = found[1]; }
    });
    show();
  }
  sliders().forEach(function (slider) { slider.addEventListener("input", show); });
  window.addEventListener("hashchange", fromAddress);
  document.getElementById("mr-controls").hidden = false;
  fromAddress();
}());
"""


def style():
    """The style sheet, with the colour that a gradient has in all figures."""
    from ..plots.style import ROLES
    return STYLE.replace("GRADIENT", ROLES["gradient"])


class Page:
    """The template of one page and its numbers. A mark is followed by the index of its number and a semicolon."""

    def __init__(self, step):
        self.step, self.numbers = step, []
        self.roles = _roles(step)
        self.largest = max([abs(term.value) for gradient in step.backward for term in gradient.terms] + [1e-300])
        self.template = self._page()

    def filled(self):
        """The page with its numbers, as the script in the file fills it."""
        def put(match):
            mark, value = match[1], self.numbers[int(match[2])]
            if mark == COUNT:
                return str(int(value + 0.5))
            return written([Digits(value, mark == GUARDED)])

        return re.sub(f"([{PLAIN}{GUARDED}{COUNT}])([0-9]+);", put, self.template)

    # ---- parts of a page ---------------------------------------------------------------------------------------------

    def _number(self, value, mark=PLAIN):
        self.numbers.append(value)
        return f"{mark}{len(self.numbers) - 1};"

    def _pieces(self, pieces):
        return "".join(self._text(piece) if isinstance(piece, str)
                       else self._number(piece.value, GUARDED if piece.guarded else PLAIN)
                       for piece in pieces)

    def _text(self, text):
        """Symbols in their colours, with subscripts. Rows and steps are numbers: they differ from page to page."""
        def mark(match):
            name = match[0]
            if name in self.roles:
                return _coloured(self.roles[name], _subscript(name))
            if name[0] == "d" and name[1:] in self.roles:
                return _coloured("gradient", f"d{_subscript(name[1:])}")
            return _subscript(name)
        counted = lambda part: re.sub(r"(?<=\[|\s)(\d+)(?=\])", lambda match: self._number(int(match[1]), COUNT), html.escape(
            part, quote=False))
        words = f"from step {self.step.t + 1}"
        if words in text:
            return f"from step {self._number(self.step.t + 1, COUNT)}".join(map(self._text, text.split(words)))
        return "".join(mark(part) if not isinstance(part, str) else counted(part) for part in _split(text))

    def _page(self):
        step = self.step
        legend = " · ".join(_coloured(role, f"<b>{words}</b>") for role, words in (
            ("input", "input"), ("state", "state"), ("gate", "gate"), ("value", "other value"), ("weight", "weight"),
            ("gradient", "gradient")))
        rows = "".join(f'<tr><td class="mr-forward" {LEFT}>{left}</td><td class="mr-back" {LEFT}>{right}</td></tr>'
                       for left, right in self._rows())
        shares = "".join(f'<div class="mr-m">{self._text(share.name)} = {self._text(share.symbols)} = '
                         f'{self._pieces(share.pieces)}'
                         f'</div>' for share in step.shares)
        count = lambda value: self._number(value, COUNT)
        heading = re.sub(r"(t = |unit |example )(\d+)", lambda match: match[1] + count(int(match[2])), html.escape(title(step)))
        return (f'<h2>{heading}</h2><p>A prime marks what is new: h is the state before this step, h′ after it. dh is '
                f'the gradient of the loss with respect to h. {html.escape(step.passage.loss)}</p>'
                f'<p>Colours: {legend}</p><table class="mr-both"><thead><tr><th scope="col" {LEFT}>Forward: read down ↓</th>'
                f'<th scope="col" {LEFT}>Backward: read up ↑</th></tr></thead><tbody>{rows}</tbody></table>'
                f'<h3>What this step adds to the gradients of the weights, for unit {count(step.unit)}</h3>{shares}'
                f'<p>{_with_gap(html.escape(agreement(step)), self._number(step.gap[0]))}</p>')

    def _rows(self):
        """(forward, backward) for every quantity; a sum that an activation is applied to stands with the result."""
        step, lines = self.step, {line.name: line for line in self.step.forward}
        rows = [[line.name, []] for line in step.forward]
        places = {name: row for row in rows for name in [row[0]]}
        last = None
        for gradient in step.backward:                          # from the last value to the first
            if gradient.of in places:
                last = places[gradient.of]
            last[1].append(gradient)
        for name, gradients in rows:
            left = self._forward(lines[name])
            yield left, "".join(self._backward(gradient) for gradient in reversed(gradients))

    def _forward(self, line):
        name, total = self._text(line.name), f"<b>{self._number(line.value)}</b>"
        if line.role:
            known = {"x": "input", "state": "state before the step", "terms": "W x + b of this step",
                     "fixed": "there is no such gate"}
            return f'<div class="mr-block"><div class="mr-m">{name} = {total} &nbsp;({known[line.role]})</div></div>'
        stages = "".join(f" = {self._pieces(stage)}" for stage in line.stages)
        products = self._products(line.products)
        return (f'<div class="mr-block"><div class="mr-m">{name} = {self._text(line.symbols)}{stages} = {total}</div>'
                f'{products}</div>')

    def _products(self, products):
        if not products:
            return ""
        lines = "".join(f'<div class="mr-m">{self._text(text)} = {self._pieces(pieces)} = {self._number(value)}</div>'
                        for text, pieces, value in products)
        words = "the product, written out" if len(products) == 1 else "the products, written out"
        terms = [sum(isinstance(piece, Digits) for piece in pieces) // 2 for _, pieces, _ in products]
        short = len(products) <= UNFOLDED[0] and max(terms) <= UNFOLDED[1]
        return f"<details{' open' * short}><summary>{words}</summary>{lines}</details>"

    def _backward(self, gradient):
        name, total = self._text(gradient.name), f"<b>{self._number(gradient.total)}</b>"
        if not gradient.terms:
            return f'<div class="mr-block"><div class="mr-m">{name} = {total} &nbsp;(nothing that follows reads it)</div></div>'
        if len(gradient.terms) == 1:
            term = gradient.terms[0]
            numbers = f" = {self._pieces(term.product) or self._in_numbers(term)}" if len(term.pieces) > 1 or term.product else ""
            products = "" if term.product else self._products(term.products)
            symbols = f" = {self._text(symbols_of(gradient))}" if term.symbols else ""
            return (f'<div class="mr-block"><div class="mr-m">{name}{symbols}{numbers} = {total} '
                    f'&nbsp;{self._text(term.via)}</div>'
                    f'{products}</div>')
        products = self._products([product for term in gradient.terms for product in term.products])
        outside = [f"[{term.via}]" for term in gradient.terms if not term.symbols]
        symbols = symbols_of(gradient)
        whole = f" = {self._text(joined(outside, symbols))}" if symbols else ""
        if gradient.role in ("x", "terms"):
            added = " + ".join(self._number(term.value, GUARDED if k else PLAIN) for k, term in enumerate(gradient.terms))
            return f'<div class="mr-block"><div class="mr-m">{name}{whole} = {added} = {total}</div>{products}</div>'
        rows = "".join(self._term(term) for term in gradient.terms)
        added = " + ".join(self._number(term.value, GUARDED if k else PLAIN) for k, term in enumerate(gradient.terms))
        return (f'<div class="mr-block"><div class="mr-m">{name}{whole}</div><table '
                f'class="mr-terms"><tbody>{rows}</tbody></table>'
                f'<div class="mr-m" style="margin-left:1.2em">{name} = {added} = {total}</div>{products}</div>')

    def _term(self, term):
        value, width = self._number(term.value), self._number(56 * min(1.0, abs(term.value) / self.largest), COUNT)
        return (f'<tr><td>{value}</td><td aria-hidden="true"><span class="mr-bar" style="width:{width}px"></span></td>'
                f'<td class="mr-m" {LEFT}>{self._text(term.via)}{self._from(term)}</td></tr>')

    def _from(self, term):
        if not term.symbols:
            return ""
        numbers = f" = {self._in_numbers(term)}" if len(term.pieces) > 1 else ""
        return f": {self._text('−' * (term.sign == '−') + term.symbols)}{numbers}"

    def _in_numbers(self, term):
        if term.sign == "+":
            return self._pieces(term.pieces)
        first, *rest = term.pieces
        return "−" + self._pieces([first._replace(guarded=True), *rest])


def _coloured(role, words):
    from ..plots.style import ROLES
    return f'<span style="color:{ROLES[role]}">{words}</span>'


def _with_gap(text, mark):
    """What is said of the gap, with a mark in place of the number."""
    return re.sub(r"(is|by) (\d\S*e[+-]\d+|0)", lambda match: f"{match[1]} {mark}", text)


def _roles(step):
    """name -> role, for its colour: by what kind of value it is."""
    found = {}
    for value in step.graph.named:
        if value.role:
            role = {"x": "input", "terms": "input", "state": "state", "parameter": "weight", "fixed": "gate"}[value.role]
        elif value.name.endswith("'") and value.name.rstrip("'") in step.cell.state_names:
            role = "state"
        else:
            role = "gate" if value.op == "function" and value.extra == "σ" or value.name == "f" else "value"
        found[value.name] = role
    return found


def _split(text):
    """A text as matches of names and what is between them."""
    parts, at = [], 0
    for match in NAME.finditer(text):
        parts += [text[at:match.start()], match]
        at = match.end()
    return [*parts, text[at:]]


def _subscript(name):
    """W_i with its index below, c' with a prime."""
    base, _, index = name.partition("_")
    prime = "′" * name.endswith("'")
    base, index = base.rstrip("'"), index.rstrip("'")
    return base + (f"<sub>{index}</sub>" if index else "") + prime


# ---- the two forms ---------------------------------------------------------------------------------------------------

def section(step):
    """A still page, for a notebook."""
    return f'<style>{style()}</style><div class="mr-step">{Page(step).filled()}</div>'


def save(step, path):
    """One file with sliders over t, unit and example.

    Raises:
        ValueError: there are more pages than a file should hold. OSError: it cannot be written.
    """
    with replacing(path, "w") as file:
        file.write(document(step))


def document(step):
    """The text of that file."""
    passage = step.passage
    sizes = [passage.n_steps, passage.n_units, passage.batch]
    if sizes[0] * sizes[1] * sizes[2] > MOST_PAGES:
        raise ValueError(f"the file would hold {sizes[0]} steps × {sizes[1]} units × {sizes[2]} examples, expected at most "
                         f"{MOST_PAGES:,} pages: give xs of fewer steps or columns, or a smaller cell")
    templates, pages = {}, []
    for t in range(sizes[0]):
        for unit in range(sizes[1]):
            for example in range(sizes[2]):
                page = Page(step.at(t, unit, example))
                pages.append([templates.setdefault(page.template, len(templates)), page.numbers])
    data = json.dumps({"sizes": sizes, "templates": list(templates), "pages": pages}, separators=(",", ":"))
    data = data.replace("<", "\\u003c").replace("NaN", "null")
    sliders = "".join(
        f'<label for="mr-{name}">{words} <input type="range" id="mr-{name}" min="0" max="{size - 1}" step="1" value="{now}">'
        f'<output id="mr-{name}-now" for="mr-{name}">{now}</output></label>'
        for name, words, size, now in (("t", "step t", sizes[0], step.t), ("unit", "unit", sizes[1], step.unit),
                                       ("example", "example", sizes[2], step.example)))
    name = html.escape(type(step.cell).__name__)
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
            f'initial-scale=1"><title>{name}: one step with its '
            f'numbers</title><style>{style()}{CONTROLS_STYLE}</style></head>\n'
            f'<body><main><h1 style="font:600 1.4em system-ui,sans-serif">{name}: one step with its numbers, forward and '
            f'back</h1>'
            f'<div class="mr-controls" id="mr-controls" role="group" aria-label="what is shown" hidden>{sliders}</div>\n'
            f'<div class="mr-step" id="mr-page" aria-live="off">{Page(step).filled()}</div></main>\n'
            f'<script type="application/json" id="mr-data">{data}</script>\n<script>{SCRIPT}</script></body></html>\n')
