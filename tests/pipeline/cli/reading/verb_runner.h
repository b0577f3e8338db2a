#pragma once

#include <string>
#include <vector>

namespace besom::cli::testing {

/// What a verb did.
struct Outcome {
  int code = 0;
  std::string out;  ///< stdout
  std::string err;  ///< stderr
};

/// Runs the command line `arguments` (without the program's name) in
/// `workspace`, as the program would.
Outcome RunVerb(const std::string& workspace,
                const std::vector<std::string>& arguments);

}  // namespace besom::cli::testing
