#include "pipeline/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace besom {

void FailCheck(const char* file, int line, const char* condition,
               std::string_view message) {
  std::fprintf(stderr, "besom: bug at %s:%d: %s: %.*s\n", file, line, condition,
               static_cast<int>(message.size()), message.data());
  std::fflush(stderr);
  std::_Exit(70);
}

}  // namespace besom
