#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "db/cell.h"

namespace besom::cli {

/// `text` as the content of an HTML element or of a quoted attribute: markup
/// characters as entities, control characters and broken UTF-8 as U+FFFD.
std::string EscapeHtml(std::string_view text);

/// A table with a head; every cell is escaped, numbers stand to the right,
/// reals to four decimals (from 10 on to one), NULL as an en dash.
std::string HtmlTable(const db::Table& table);

/// Base64 (RFC 4648) of `bytes`, for `data:` addresses.
std::string Base64(std::string_view bytes);

}  // namespace besom::cli
