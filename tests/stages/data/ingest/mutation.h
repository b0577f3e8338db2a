#pragma once

#include <cstdint>
#include <string>

namespace besom::testing {

/// Decodes `file` with a few bytes replaced, or cut off, as `number` draws it:
/// expects a whole image or an error with a reason. What it looks for is a
/// crash, best under the address sanitizer.
void DecodeMutated(const std::string& file, std::uint64_t number);

}  // namespace besom::testing
