#pragma once

#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// An image that a fit put into a wrong class.
struct Mistake {
  std::string image;    ///< SOURCE/PATH.
  std::string content;  ///< SHA-256 of its file, hex.
  int repeat = 0, fold = 0;
  std::string actual, predicted;
  double predicted_probability = 0, actual_probability = 0;
};

/// The errors of a trial on a set, the most confident first (equal ones by
/// image), and what they are errors of.
struct MistakeList {
  std::string split;
  std::size_t images = 0;  ///< Predictions of the set, right ones included.
  std::vector<Mistake> mistakes;
  bool several_fits = false;
};

/// kInvalid when the database has no predictions of that set, with the sets
/// that it has.
Result<MistakeList> LoadMistakes(db::Reader& reader, const db::TrialName& name,
                                 const std::string& split);

}  // namespace besom::cli
