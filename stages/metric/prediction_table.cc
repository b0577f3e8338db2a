#include "stages/metric/prediction_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/base/json.h"
#include "stages/metric/metrics.h"

namespace besom::stages {
namespace {

/// What the table says about one class.
struct ClassRow {
  std::size_t predicted = 0;
  double probability = 0;  ///< Sum over the images that were read.
};

/// Columns that the name takes on a terminal: UTF-8 continuation bytes take
/// none.
std::size_t Columns(const std::string& name) {
  return static_cast<std::size_t>(std::count_if(
      name.begin(), name.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Padded(const std::string& name, std::size_t width) {
  return name + std::string(width - std::min(width, Columns(name)), ' ');
}

std::string ClassLines(const std::vector<std::string>& classes,
                       const std::vector<ClassRow>& rows, std::size_t read) {
  std::size_t width = std::string_view("class").size();
  for (const std::string& name : classes)
    width = std::max(width, Columns(name));
  std::string text =
      fmt::format("{}  {:>6}  {:>9}  {:>8}  {:>16}\n", Padded("class", width),
                  "n", "predicted", "not it", "mean probability");
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string name = Padded(classes[i], width);
    if (read == 0) {
      text += fmt::format("{}  {:>6}  {:>9}  {:>8}  {:>16}\n", name, 0, "-",
                          "-", "-");
      continue;
    }
    const double n = static_cast<double>(read);
    const double share = static_cast<double>(rows[i].predicted) / n;
    text += fmt::format("{}  {:>6}  {:>8.1f}%  {:>7.1f}%  {:>16.4f}\n", name,
                        rows[i].predicted, 100 * share, 100 * (1 - share),
                        rows[i].probability / n);
  }
  return text;
}

std::string Field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string PredictionTable(const std::string& title,
                            const std::vector<std::string>& classes,
                            const std::vector<ImagePrediction>& images) {
  std::vector<ClassRow> rows(classes.size());
  std::size_t read = 0, known = 0, right = 0;
  std::string failures;
  for (const ImagePrediction& image : images) {
    if (image.probabilities.empty()) {
      failures += fmt::format("  {}: {}\n", image.path, image.error);
      continue;
    }
    ++read;
    const int predicted = ArgMax(image.probabilities);
    ++rows[predicted].predicted;
    for (std::size_t i = 0; i < classes.size(); ++i)
      rows[i].probability += image.probabilities[i];
    known += image.actual.has_value();
    right += image.actual == predicted;
  }
  std::string text =
      fmt::format("{}: {} image{}\n", title, read, read == 1 ? "" : "s");
  text += ClassLines(classes, rows, read);
  if (known > 0)
    text += fmt::format("accuracy: {:.4f} ({} of {})\n",
                        static_cast<double>(right) / static_cast<double>(known),
                        right, known);
  if (!failures.empty())
    text += fmt::format("could not be read: {}\n{}", images.size() - read,
                        failures);
  return text;
}

std::string PredictionCsvHeader(const std::vector<std::string>& classes) {
  std::string text = "path,predicted";
  for (const std::string& name : classes)
    text += fmt::format(",{}", Field(fmt::format("probability_{}", name)));
  return text + ",actual,error\n";
}

std::string PredictionCsvLines(const std::vector<std::string>& classes,
                               const std::vector<ImagePrediction>& images) {
  std::string text;
  for (const ImagePrediction& image : images) {
    const bool read = !image.probabilities.empty();
    text +=
        fmt::format("{},{}", Field(image.path),
                    read ? Field(classes[ArgMax(image.probabilities)]) : "");
    for (std::size_t i = 0; i < classes.size(); ++i)
      text += read ? fmt::format(",{:.17g}", image.probabilities[i]) : ",";
    text += fmt::format(",{},{}\n",
                        image.actual ? Field(classes[*image.actual]) : "",
                        Field(image.error));
  }
  return text;
}

std::string PredictionJson(const std::vector<std::string>& classes,
                           const std::vector<ImagePrediction>& images) {
  using Ordered = nlohmann::ordered_json;  // Classes stay in their order.
  std::string text;
  for (const ImagePrediction& image : images) {
    Ordered line = {{"path", image.path},
                    {"predicted", nullptr},
                    {"probabilities", nullptr},
                    {"actual", nullptr},
                    {"error", nullptr}};
    if (!image.probabilities.empty()) {
      line["predicted"] = classes[ArgMax(image.probabilities)];
      for (std::size_t i = 0; i < classes.size(); ++i)
        line["probabilities"][classes[i]] = image.probabilities[i];
    }
    if (image.actual) line["actual"] = classes[*image.actual];
    if (!image.error.empty()) line["error"] = image.error;
    text += line.dump(-1, ' ', false, Ordered::error_handler_t::replace);
    text += '\n';
  }
  return text;
}

}  // namespace besom::stages
