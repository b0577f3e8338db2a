#include "pipeline/cli/reading/html.h"

#include <fmt/format.h>

#include <cmath>

#include "pipeline/base/json.h"

namespace besom::cli {
namespace {

std::string CellHtml(const db::Cell& cell) {
  if (db::IsNull(cell)) return "<td class=none>\xE2\x80\x93</td>";
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return fmt::format("<td class=number>{}</td>", *integer);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return fmt::format("<td class=number>{:.{}f}</td>", *real,
                       std::abs(*real) < 10 ? 4 : 1);
  }
  return fmt::format("<td>{}</td>", EscapeHtml(db::TextOf(cell)));
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  // Writing JSON replaces broken UTF-8; reading it back keeps the rest.
  const auto valid = Json::parse(CanonicalText(Json(text))).get<std::string>();
  std::string escaped;
  for (const char c : valid) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

std::string HtmlTable(const db::Table& table) {
  std::string html = "<div class=scroll><table><thead><tr>";
  for (const std::string& column : table.columns) {
    html += fmt::format("<th>{}</th>", EscapeHtml(column));
  }
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (const db::Cell& cell : row) html += CellHtml(cell);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u;
    };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    text += kDigits[group >> 18 & 63];
    text += kDigits[group >> 12 & 63];
    text += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return text;
}

}  // namespace besom::cli
