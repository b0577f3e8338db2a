#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::sweeps {

/// A condition of `when` or `constraints`, compiled once.
///
///   or:         and ("or" and)*
///   and:        not ("and" not)*
///   not:        "not" not | comparison
///   comparison: sum ((< | <= | > | >= | == | != | in | not in) sum)*
///   sum:        product (("+" | "-") product)*
///   product:    unary (("*" | "/") unary)*
///   unary:      "-" unary | number | "text" | 'text' | true | false | null
///               | [list] | (or) | word
///
/// Comparisons chain as in Python (0.2 < train.x < 0.8). A word with a dot is
/// a key and must be known; a word without one is a key where it stands first
/// in a comparison or alone and names exactly one, else a text (`vgg16`).
/// A comparison that holds no key at all is an error: it is a typing mistake.
/// Values are immutable; copies share them; any thread.
class Expression {
 public:
  /// Full paths that a word may stand for: none = not a key, several =
  /// ambiguous.
  using Resolver =
      std::function<std::vector<std::string>(const std::string& word)>;

  /// kInvalid with the character's number (from 1) in the cause; no place.
  static Result<Expression> Compile(std::string_view text,
                                    const Resolver& resolve);

  /// The keys that it reads, each once, as full paths.
  const std::vector<std::string>& paths() const;
  /// Evaluates; `values` is parallel to paths() and holds no null pointer
  /// (a missing value is Json null). kInvalid when types do not fit (text <
  /// number, a condition that is not true or false) or on division by 0.
  Result<bool> Test(std::span<const Json* const> values) const;
  /// The same, looking paths() up in a resolved document.
  Result<bool> Test(const Json& config) const;

  struct Program;

 private:
  explicit Expression(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;
};

}  // namespace besom::sweeps
