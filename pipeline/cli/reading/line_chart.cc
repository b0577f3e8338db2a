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
  /// The round distance that puts about `count` ticks into the range.
  double Step(int count, double least) const {
    const double rough = std::max((high - low) / count, least);
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double digit = rough / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
  }
  /// Ticks with their labels; steps are at least `least`.
  std::vector<std::pair<double, std::string>> Ticks(int count,
                                                    double least) const {
    if (high == low) return {{low, fmt::format("{:.4g}", low)}};
    const double step = Step(count, least);
    const int decimals =
        std::max(0, static_cast<int>(-std::floor(std::log10(step))));
    std::vector<std::pair<double, std::string>> ticks;
    for (double i = std::ceil(low / step); i * step <= high * (1 + 1e-12);
         ++i) {
      ticks.emplace_back(i * step, fmt::format("{:.{}f}", i * step, decimals));
    }
    return ticks;
  }
};

std::string Axes(const Axis& x, const Axis& y, const std::string& x_label) {
  std::string svg;
  for (const auto& [tick, label] : y.Ticks(4, 1e-12)) {
    svg += fmt::format(
        "<line class=grid x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} />"
        "<text x={:.1f} y={:.1f} text-anchor=end>{}</text>\n",
        x.begin, x.end, y.At(tick), y.At(tick), x.begin - 5, y.At(tick) + 3.5,
        label);
  }
  for (const auto& [tick, label] : x.Ticks(5, 1)) {
    svg += fmt::format("<text x={:.1f} y={:.1f} text-anchor=middle>{}</text>\n",
                       x.At(tick), y.begin + 14, label);
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
  for (const ChartLine& line : lines) {
    std::string points;
    for (const auto& point : line.points) {
      if (!finite(point)) continue;
      points +=
          fmt::format("{:.1f},{:.1f} ", x.At(point.first), y.At(point.second));
    }
    svg += fmt::format("<polyline class=\"line line{}\" points=\"{}\" />\n",
                       line.colour, points);
    svg += fmt::format(
        "<text class=\"legend line{}\" x={:.1f} y={}>\xE2\x96\xA0 {}</text>\n",
        line.colour, legend, kHeight - 6, EscapeHtml(line.name));
    legend += 28 + 6.0 * static_cast<double>(line.name.size());
  }
  return svg + "</svg>\n";
}

}  // namespace besom::cli
