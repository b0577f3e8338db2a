#include "pipeline/cli/reading/class_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {
namespace {

/// Width of a column of figures, and of the widest fixed line heading.
constexpr std::size_t kFigureWidth = 9;
constexpr std::string_view kWidestHeading = "weighted avg";

std::string Figure(const std::optional<double>& value) {
  return PadLeft(value ? fmt::format("{:.2f}", *value) : "-", kFigureWidth);
}

/// A count of images; a mean over fits need not be whole. scikit-learn shows
/// counts as reals where no prediction at all is right, and so does this.
std::string Support(double images, bool none_right) {
  const bool whole = images == std::floor(images) && !none_right;
  return PadLeft(fmt::format("{:.{}f}", images, whole ? 0 : 1), kFigureWidth);
}

std::string Line(const ClassFigures& figures, std::size_t width,
                 bool none_right) {
  return fmt::format("{}  {} {} {} {}\n", PadLeft(figures.name, width),
                     Figure(figures.precision), Figure(figures.recall),
                     Figure(figures.f1), Support(figures.support, none_right));
}

double Quotient(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace

ClassReport ReportOfCounts(const std::vector<std::string>& classes,
                           const Counts& counts) {
  ClassReport report;
  double total = 0, correct = 0;
  ClassFigures macro{"macro avg", 0.0, 0.0, 0.0};
  ClassFigures weighted{"weighted avg", 0.0, 0.0, 0.0};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    double support = 0, predicted = 0;
    for (std::size_t other = 0; other < classes.size(); ++other) {
      support += static_cast<double>(counts[c][other]);
      predicted += static_cast<double>(counts[other][c]);
    }
    const auto hits = static_cast<double>(counts[c][c]);
    const ClassFigures figures{
        classes[c], Quotient(hits, predicted), Quotient(hits, support),
        Quotient(2 * hits, support + predicted), support};
    total += support;
    correct += hits;
    const auto add = [&](ClassFigures& sum, double weight) {
      *sum.precision += weight * *figures.precision;
      *sum.recall += weight * *figures.recall;
      *sum.f1 += weight * *figures.f1;
    };
    add(macro, 1);
    add(weighted, support);
    report.classes.push_back(figures);
  }
  const auto divide = [&](ClassFigures& sum, double weights) {
    sum.precision = Quotient(*sum.precision, weights);
    sum.recall = Quotient(*sum.recall, weights);
    sum.f1 = Quotient(*sum.f1, weights);
    sum.support = total;
  };
  divide(macro, static_cast<double>(classes.size()));
  divide(weighted, total);
  report.averages = {macro, weighted};
  report.accuracy = Quotient(correct, total);
  return report;
}

std::string ReportText(const ClassReport& report) {
  std::size_t width = kWidestHeading.size();
  double total = 0;
  const bool none_right = report.accuracy && *report.accuracy == 0;
  for (const ClassFigures& figures : report.classes) {
    width = std::max(width, WidthOf(figures.name));
    total += figures.support;
  }
  std::string text =
      fmt::format("{}  {:>9} {:>9} {:>9} {:>9}\n\n", PadLeft("", width),
                  "precision", "recall", "f1-score", "support");
  for (const ClassFigures& figures : report.classes) {
    text += Line(figures, width, none_right);
  }
  text +=
      fmt::format("\n{}  {:>9} {:>9} {} {}\n", PadLeft("accuracy", width), "",
                  "", Figure(report.accuracy), Support(total, none_right));
  for (ClassFigures figures : report.averages) {
    figures.support = total;
    text += Line(figures, width, none_right);
  }
  return text;
}

std::string CountsText(const std::vector<std::string>& classes,
                       const Counts& counts) {
  std::size_t label = 0;
  for (const auto& name : classes) label = std::max(label, WidthOf(name));
  std::string text = PadLeft("", label);
  for (const auto& name : classes) {
    text += "  " + PadLeft(name, std::max(WidthOf(name), kFigureWidth));
  }
  text += '\n';
  for (std::size_t actual = 0; actual < classes.size(); ++actual) {
    text += PadLeft(classes[actual], label);
    for (std::size_t predicted = 0; predicted < classes.size(); ++predicted) {
      text +=
          "  " + PadLeft(fmt::format("{}", counts[actual][predicted]),
                         std::max(WidthOf(classes[predicted]), kFigureWidth));
    }
    text += '\n';
  }
  return text;
}

}  // namespace besom::cli
