#pragma once

#include <optional>
#include <string>
#include <vector>

namespace besom::stages {

/// What a model says about one image file.
struct ImagePrediction {
  std::string path;                   ///< As the user named or would name it.
  std::optional<int> actual;          ///< Class index, when known.
  std::vector<double> probabilities;  ///< One per class; empty = unreadable.
  std::string error;                  ///< Why it could not be read.
};

/// A table for people: for each class n and share predicted, the share that
/// is not it, and the mean probability; then the images that could not be
/// read; where actual classes are known, the accuracy over those images.
/// `title` heads it (a folder). Ends with a newline.
std::string PredictionTable(const std::string& title,
                            const std::vector<std::string>& classes,
                            const std::vector<ImagePrediction>& images);

/// The header line of PredictionCsvLines.
std::string PredictionCsvHeader(const std::vector<std::string>& classes);

/// One line per image: path, predicted, probability of each class (%.17g),
/// actual, error; LF, empty where not known, quotes only where needed
/// (RFC 4180).
std::string PredictionCsvLines(const std::vector<std::string>& classes,
                               const std::vector<ImagePrediction>& images);

/// The same as one JSON object a line: {"path", "predicted", "probabilities":
/// {class: number}, "actual", "error"}, null where not known; bytes of a path
/// that are not UTF-8 become U+FFFD.
std::string PredictionJson(const std::vector<std::string>& classes,
                           const std::vector<ImagePrediction>& images);

}  // namespace besom::stages
