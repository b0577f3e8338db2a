#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "sweeps/diagnostics.h"

namespace besom::sweeps {
namespace {

// Names are short; longer input is never near to one.
constexpr std::size_t kLongest = 200;

/// Half steps: 0 for the same letter, 1 for another case, 2 otherwise.
int ReplaceCost(char a, char b) {
  if (a == b) return 0;
  const auto lower = [](char c) {
    return std::tolower(static_cast<unsigned char>(c));
  };
  return lower(a) == lower(b) ? 1 : 2;
}

/// Optimal string alignment distance in half steps (Damerau's edits, no
/// substring edited twice).
int EditDistance(const std::string& a, const std::string& b) {
  const std::size_t width = b.size() + 1;
  std::vector<int> table((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> int& {
    return table[i * width + j];
  };
  for (std::size_t i = 0; i <= a.size(); ++i)
    at(i, 0) = 2 * static_cast<int>(i);
  for (std::size_t j = 0; j <= b.size(); ++j)
    at(0, j) = 2 * static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      at(i, j) = std::min({at(i - 1, j) + 2, at(i, j - 1) + 2,
                           at(i - 1, j - 1) + ReplaceCost(a[i - 1], b[j - 1])});
      const bool swapped =
          i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 2);
    }
  }
  return at(a.size(), b.size());
}

/// The part after the last dot: `early_stoping.patience` against `patience`.
std::string LastWord(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

std::string NearestName(const std::string& name,
                        const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kLongest) return "";
  const auto most = [](std::size_t letters) {
    return 2 * std::max(1, static_cast<int>(letters) / 3);
  };
  std::string nearest;
  int least = 0;
  const auto consider = [&](const std::string& candidate, int distance,
                            std::size_t letters) {
    if (distance > most(letters)) return;
    if (!nearest.empty() && distance >= least) return;
    nearest = candidate;
    least = distance;
  };
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    consider(candidate, EditDistance(name, candidate), name.size());
    // A long path with another beginning still ends in the word meant.
    if (candidate.find('.') == std::string::npos) continue;
    const std::string end = LastWord(name);
    consider(candidate, EditDistance(end, LastWord(candidate)) + 1, end.size());
  }
  return nearest;
}

std::string DidYouMean(const std::string& name,
                       const std::vector<std::string>& candidates) {
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest);
}

}  // namespace besom::sweeps
