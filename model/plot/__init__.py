"""Small charts without a plotting library: lines and bars on linear, logarithmic or normal axes, as SVG or PNG."""

from model.plot.axis import Axis
from model.plot.canvas import PngCanvas, SvgCanvas, save_chart, svg_chart
from model.plot.chart import Chart, Series

__all__ = ["Axis", "Chart", "PngCanvas", "Series", "SvgCanvas", "save_chart", "svg_chart"]
