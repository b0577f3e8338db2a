#include "pipeline/cli/reading/audit_section.h"

#include <fmt/format.h>

#include "pipeline/cli/reading/audit_words.h"
#include "pipeline/cli/reading/html.h"

namespace besom::cli {
namespace {

db::Cell Rounded(const std::optional<double>& value) {
  return value ? db::Cell(fmt::format("{:.3f}", *value)) : db::Cell();
}

const char* AlarmText(const AuditFinding& row) {
  if (row.probe == "blur") return "never: it sees the lung";
  if (!row.alarm) return "unknown: no model yet";
  if (*row.alarm) return "alarm";
  return row.above_chance() ? "no, though above chance" : "no";
}

std::string TableOf(const AuditFindings& findings) {
  db::Table table{{"probe", "classes", "balanced accuracy", "low", "high",
                   "limit for all looks", "chance", "best model", "alarm"},
                  {}};
  for (const AuditFinding& row : findings.rows)
    table.rows.push_back(
        {row.probe,
         row.class_a.empty() ? "all" : row.class_a + " / " + row.class_b,
         Rounded(row.balanced_accuracy), Rounded(row.low), Rounded(row.high),
         Rounded(row.bound), Rounded(row.chance), Rounded(row.model_value),
         AlarmText(row)});
  return HtmlTable(table);
}

}  // namespace

Result<std::string> AuditSection(db::Reader& reader, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const AuditFindings findings, AuditOf(reader, sweep));
  if (findings.rows.empty()) return std::string();
  std::string html;
  for (const std::string& line : AuditLines(findings))
    html += fmt::format("<p{}>{}</p>\n",
                        line.starts_with("No alarm") ? "" : " class=warn",
                        EscapeHtml(line));
  return html + TableOf(findings) +
         "<p class=soft>Heads that never see a lung, asked about images that "
         "they were not trained on: facts = source, size, aspect, mode and "
         "format of the file; file = the same without the source; ring = the "
         "border of the image. An alarm: the lower 95 % limit, which allows "
         "for all comparisons here, is above chance, and the gain over chance "
         "is half of the best model's or more. blur = the image as 8 x 8 grey "
         "values, for comparison.</p>\n";
}

}  // namespace besom::cli
