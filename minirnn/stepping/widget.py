"""Sliders over step, unit and example in a live notebook, by ipywidgets, where that is installed."""


def interactive(step):
    """Sliders that move the step, with its page below them; the step itself where there are no widgets."""
    try:
        import ipywidgets
    except ImportError:
        return step
    return Interactive(step, ipywidgets)


class Interactive:
    """Sliders, and the page that they move. Only the sliders are a widget.

    The page is an ordinary output, which the kernel replaces when a slider moves. So a notebook that is only read, where no
    kernel runs and widgets are not shown, has the page as it was left.

    Attributes: `step`, what is shown now; `sliders`, over t, unit and example; `shown`, the output that is replaced.
    """

    def __init__(self, step, ipywidgets):
        self.step, self.shown, passage = step, None, step.passage
        self.sliders = [ipywidgets.IntSlider(value=now, min=0, max=size - 1, description=name, continuous_update=False)
                        for name, now, size in (("step t", step.t, passage.n_steps), ("unit", step.unit, passage.n_units),
                                                ("example", step.example, passage.batch))]
        for slider in self.sliders:
            slider.observe(self.move, "value")
            slider.layout.min_width = "280px"                     # less leaves no track to slide on
        self.box = ipywidgets.HBox(self.sliders, layout={"flex_flow": "row wrap"})

    def move(self, _):
        """Show what the sliders say."""
        self.step = self.step.at(*(slider.value for slider in self.sliders))
        if self.shown is not None:
            self.shown.update(self.step)

    def _ipython_display_(self):
        from IPython.display import display
        bundle = self.box._repr_mimebundle_()
        bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        display({**bundle, "text/plain": "(sliders over step, unit and example: run this cell to use them)"}, raw=True)
        self.shown = display(self.step, display_id=True)
