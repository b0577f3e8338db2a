#pragma once

#include <CLI/App.hpp>
#include <string>

namespace besom::cli {

/// A bash script that completes the verbs and options of `app` (its name is
/// the command's) and file names everywhere else.
std::string BashCompletion(const CLI::App& app);

}  // namespace besom::cli
