"""Sliders over step, unit and example in a live notebook, by ipywidgets, where that is installed."""


def interactive(step):
    """A widget that shows the step and moves it; the step itself where there are no widgets.

    In a notebook that is only read, or where widgets cannot be shown, the still page takes its place.
    """
    try:
        import ipywidgets
    except ImportError:
        return step
    passage = step.passage
    page = ipywidgets.HTML(step._repr_html_())
    sliders = [ipywidgets.IntSlider(value=now, min=0, max=size - 1, description=name, continuous_update=False)
               for name, now, size in (("step t", step.t, passage.n_steps), ("unit", step.unit, passage.n_units),
                                       ("example", step.example, passage.batch))]

    def move(_):
        page.value = step.at(*(slider.value for slider in sliders))._repr_html_()

    for slider in sliders:
        slider.observe(move, "value")
    box = ipywidgets.VBox([ipywidgets.HBox(sliders), page])
    return Interactive(box, step)


class Interactive:
    """A widget, and the still page for where widgets are not shown. `box` is the widget, `step` where it started."""

    def __init__(self, box, step):
        self.box, self.step = box, step

    def _repr_mimebundle_(self, **kwargs):
        return {**self.box._repr_mimebundle_(**kwargs), "text/plain": str(self.step), "text/html": self.step._repr_html_()}
