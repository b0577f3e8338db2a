#pragma once

#include <string>
#include <vector>

#include "pipeline/base/status.h"

namespace besom::sweeps {

/// Where a piece of a sweep stands, as people look for it.
struct Place {
  std::string origin;  ///< The file as the user named it, or "--set PATH".
  int line = 0;        ///< From 1; 0 = `origin` alone is the place.
  int column = 0;      ///< From 1, in bytes.

  /// "file:line:column", or `origin` alone.
  std::string ToString() const;
};

/// One thing that is wrong with a sweep: place, cause and cure.
struct Finding {
  Place place;
  std::string cause;
  std::string cure;  ///< May be empty.
};

/// What is wrong with a sweep, in the order of finding; the first few in the
/// order of the file become one error. One thread at a time.
class Findings {
 public:
  void Add(Place place, std::string cause, std::string cure = "");
  bool empty() const { return findings_.empty(); }
  const std::vector<Finding>& all() const { return findings_; }
  /// OK when empty; else kInvalid with the first finding's place, cause and
  /// cure. The others (at most 9, then a count) follow in the last text.
  Status ToStatus() const;

 private:
  std::vector<Finding> findings_;
};

/// The candidate nearest to `name` by edits (insert, delete, replace, swap of
/// neighbours; case counts half), or empty when none is near: more than a
/// third of the letters would change.
std::string NearestName(const std::string& name,
                        const std::vector<std::string>& candidates);

/// "did you mean `x`?", or empty when no candidate is near.
std::string DidYouMean(const std::string& name,
                       const std::vector<std::string>& candidates);

/// "a, b, c".
std::string JoinNames(const std::vector<std::string>& names);

}  // namespace besom::sweeps
