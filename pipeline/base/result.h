#pragma once

#include <optional>
#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/base/status.h"

namespace besom {

/// A value of type T, or the error that kept it from being made.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Both are implicit so that `return value;` and `return status;` read well.
  Result(T value) : value_(std::move(value)) {}         // NOLINT
  Result(Status status) : status_(std::move(status)) {  // NOLINT
    BESOM_CHECK(!status_.ok(), "an OK status is not a result");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  /// REQUIRES: ok(); anything else is a bug and ends the process.
  T& value() & {
    BESOM_CHECK(ok(), status_.ToString());
    return *value_;
  }
  const T& value() const& {
    BESOM_CHECK(ok(), status_.ToString());
    return *value_;
  }
  T&& value() && {
    BESOM_CHECK(ok(), status_.ToString());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace besom

/// `BESOM_ASSIGN_OR_RETURN(auto x, MakeX());`
#define BESOM_ASSIGN_OR_RETURN(declaration, expression)              \
  BESOM_ASSIGN_OR_RETURN_IMPL(BESOM_CONCAT(besom_result_, __LINE__), \
                              declaration, expression)
#define BESOM_ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                        \
  if (!result.ok()) return result.status();                          \
  declaration = *std::move(result)
