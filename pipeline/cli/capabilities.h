#pragma once

namespace besom::cli {

/// Prints one line of JSON: what the engines of this program are and what
/// they find on this machine. Returns the exit code.
int PrintCapabilities();

}  // namespace besom::cli
