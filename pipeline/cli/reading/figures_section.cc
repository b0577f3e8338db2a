#include "pipeline/cli/reading/figures_section.h"

#include <fmt/format.h>

#include <vector>

#include "pipeline/cli/reading/comparison_words.h"
#include "pipeline/cli/reading/html.h"
#include "pipeline/cli/reading/interval_table.h"
#include "pipeline/cli/reading/set_tables.h"
#include "pipeline/run/trial_comparison.h"

namespace besom::cli {
namespace {

std::string Paragraph(const std::string& text) {
  return "<p>" + EscapeHtml(text) + "</p>\n";
}

}  // namespace

Result<std::string> FiguresSection(db::Reader& reader,
                                   const TrialRecord& record) {
  std::string html;
  for (const SetRecord& set : record.sets) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<TitledTable> tables,
                           TablesOfSet(reader, record, set.split, "group"));
    for (const TitledTable& titled : tables)
      html += "<h3>" + EscapeHtml(titled.title) + "</h3>\n" +
              HtmlTable(titled.table);
    if (!IsExternal(set.split)) continue;
    BESOM_ASSIGN_OR_RETURN(
        const std::string counts,
        ExternalCounts(reader, record.name.sweep, set.split));
    html += Paragraph(counts);
  }
  BESOM_ASSIGN_OR_RETURN(const std::string thresholds,
                         ThresholdLines(reader, record));
  if (!thresholds.empty())
    html += "<h3>Threshold</h3>\n<pre>" + EscapeHtml(thresholds) + "</pre>\n";
  if (html.empty()) return html;
  return html +
         "<p class=soft>Intervals are of 95 %; n: patient groups, images or "
         "fits that they rest on.</p>\n";
}

Result<std::string> RivalsSection(db::Reader& reader, const std::string& sweep,
                                  const std::string& chosen_on) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<run::TrialComparison> lines,
                         run::CompareLeader(reader, sweep));
  std::string html;
  for (const std::string& words : ComparisonLines(lines, chosen_on))
    html += Paragraph(words);
  return html;
}

}  // namespace besom::cli
