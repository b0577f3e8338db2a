#pragma once

#include <string_view>

#include "pipeline/base/status.h"

struct sqlite3;

namespace besom::db {

/// The error that SQLite's result `code` stands for, with the message of
/// `handle` (may be null) and the likely cure. `place` is usually the path.
Status SqliteError(int code, sqlite3* handle, std::string_view place);

}  // namespace besom::db
