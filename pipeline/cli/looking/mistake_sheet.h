#pragma once

#include <span>
#include <string>

#include "pipeline/base/result.h"
#include "pipeline/cli/looking/mistake_list.h"
#include "pipeline/cli/trained/stored_pixels.h"

namespace besom::cli {

/// A PNG of the mistakes, row by row: the picture as the network saw it, what
/// it is, what was said and how sure, and the image's name.
Result<std::string> MistakeSheet(std::span<const Mistake> mistakes,
                                 const PixelsByContent& pixels);

}  // namespace besom::cli
