#pragma once

#include <string_view>

#include "pipeline/base/files.h"

namespace besom {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Writes one line to stderr (from kWarning, or from kInfo when verbose) and,
/// after OpenLogFile, all lines to that file with time and level.
/// Thread safety: any thread.
void Log(LogLevel level, std::string_view message);

/// Sends the log of this process to `path` (appended) as well.
Status OpenLogFile(const Path& path);

/// Lowest level that reaches stderr; default kWarning.
void SetStderrLevel(LogLevel level);

}  // namespace besom
