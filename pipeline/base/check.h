#pragma once

#include <string_view>

namespace besom {

/// Prints a bug report to stderr and ends the process with exit code 70.
[[noreturn]] void FailCheck(const char* file, int line, const char* condition,
                            std::string_view message);

}  // namespace besom

/// A condition that only a bug of ours can break; `message` names the values.
/// Bad input is a Status, never a check.
#define BESOM_CHECK(condition, message)                              \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::besom::FailCheck(__FILE__, __LINE__, #condition, (message)); \
  } while (false)
