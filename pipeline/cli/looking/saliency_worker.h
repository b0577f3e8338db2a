#pragma once

#include "pipeline/cli/looking/saliency_arguments.h"

namespace besom::cli {

/// Draws a picture of each image and prints their paths; returns the exit code.
/// An image that cannot be read is told on stderr, and the others are drawn.
int RunSaliency(const SaliencyArguments& arguments);

}  // namespace besom::cli
