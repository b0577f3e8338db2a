#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/base/result.h"

namespace besom::cli {

/// "500", "20GB", "1.5 T", "500MiB" as bytes. K, M, G and T, alone or with B,
/// are powers of 1000; with iB, of 1024; in any case. kInvalid for the rest.
Result<std::uint64_t> ParseByteSize(std::string_view text);

/// "812 B", "3.4 kB", "12 MB": powers of 1000, about three digits.
std::string ByteSizeText(std::uint64_t bytes);

}  // namespace besom::cli
