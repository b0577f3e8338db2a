#include "pipeline/cli/reading/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/cli/reading/html.h"

namespace besom::cli {
namespace {

// Of the drawing, in SVG units.
constexpr double kWidth = 340, kHeight = 220;
constexpr double kLeft = 48, kRight = 12, kTop = 26, kBottom = 50;

/// A range of values and where it lies in the drawing.
struct Axis {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  double begin = 0, end = 0;

  void Take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double At(double value) const {
    return high == low ? (begin + end) / 2
                       : begin + (value - low) / (high - low) * (end - begin);
  }
  /// About `count` round numbers within the range.
  std::vector<double> Ticks(int count) const {
    if (high == low) return {low};
    const double rough = (high - low) / count;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double digit = rough / power;
    const double step = power * (digit < 1.5   ? 1
                                 : digit < 3.5 ? 2
                                 : digit < 7.5 ? 5
                                               : 10);
    std::vector<double> ticks;
    for (double i = std::ceil(low / step); i * step <= high * (1 + 1e-12);
         ++i) {
      ticks.push_back(i * step);
    }
    return ticks;
  }
};

std::string Axes(const Axis& x, const Axis& y, const std::string& x_label) {
  std::string svg;
  for (const double tick : y.Ticks(4)) {
    svg += fmt::format(
        "<line class=grid x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} />"
        "<text x={:.1f} y={:.1f} text-anchor=end>{:.4g}</text>\n",
        x.begin, x.end, y.At(tick), y.At(tick), x.begin - 5, y.At(tick) + 3.5,
        tick);
  }
  for (const double tick : x.Ticks(5)) {
    svg += fmt::format(
        "<text x={:.1f} y={:.1f} text-anchor=middle>{:.4g}</text>\n",
        x.At(tick), y.begin + 14, tick);
  }
  return svg +
         fmt::format("<text x={:.1f} y={:.1f} text-anchor=middle>{}</text>\n",
                     (x.begin + x.end) / 2, y.begin + 28, EscapeHtml(x_label));
}

}  // namespace

std::string LineChart(const std::string& title, const std::string& x_label,
                      const std::vector<ChartLine>& lines) {
  Axis x, y;
  const auto finite = [](const std::pair<double, double>& point) {
    return std::isfinite(point.first) && std::isfinite(point.second);
  };
  for (const ChartLine& line : lines) {
    for (const auto& point : line.points) {
      if (!finite(point)) continue;
      x.Take(point.first);
      y.Take(point.second);
    }
  }
  if (x.low > x.high) return "";
  x.begin = kLeft;
  x.end = kWidth - kRight;
  y.begin = kHeight - kBottom;  // y grows downwards in SVG.
  y.end = kTop;
  std::string svg = fmt::format(
      "<svg class=chart viewBox=\"0 0 {} {}\" role=img aria-label=\"{}\">\n"
      "<text class=title x={} y=14>{}</text>\n",
      kWidth, kHeight, EscapeHtml(title), kLeft, EscapeHtml(title));
  svg += Axes(x, y, x_label);
  double legend = kLeft;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string points;
    for (const auto& point : lines[i].points) {
      if (!finite(point)) continue;
      points +=
          fmt::format("{:.1f},{:.1f} ", x.At(point.first), y.At(point.second));
    }
    svg += fmt::format("<polyline class=\"line line{}\" points=\"{}\" />\n", i,
                       points);
    svg += fmt::format(
        "<text class=\"legend line{}\" x={:.1f} y={}>\xE2\x96\xA0 {}</text>\n",
        i, legend, kHeight - 6, EscapeHtml(lines[i].name));
    legend += 28 + 6.0 * static_cast<double>(lines[i].name.size());
  }
  return svg + "</svg>\n";
}

}  // namespace besom::cli
