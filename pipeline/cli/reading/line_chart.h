#pragma once

#include <string>
#include <utility>
#include <vector>

namespace besom::cli {

/// One line of a chart.
struct ChartLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< By rising x.
  int colour = 0;  ///< Class `line0` ... `line3` of the page.
};

/// An inline SVG line chart with axes, ticks (whole numbers on the x axis) and
/// a legend. Points that are not finite are left out. Empty when no point is
/// left.
std::string LineChart(const std::string& title, const std::string& x_label,
                      const std::vector<ChartLine>& lines);

}  // namespace besom::cli
