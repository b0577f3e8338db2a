#include "pipeline/cli/reading/report_page.h"

#include <fmt/format.h>

#include <map>

#include "pipeline/cli/reading/audit_section.h"
#include "pipeline/cli/reading/figures_section.h"
#include "pipeline/cli/reading/html.h"
#include "pipeline/cli/reading/line_chart.h"
#include "pipeline/cli/reading/report_style.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/trial_record.h"

namespace besom::cli {
namespace {

/// Rows of the leaderboard, and trials with curves and matrices, on the page.
constexpr int kMostRows = 200;
constexpr int kMostTrials = 6;

std::string Section(std::string_view title, const std::string& body) {
  if (body.empty()) return "";
  return fmt::format("<h2>{}</h2>\n{}", title, body);
}

std::string Tile(std::string_view label, const std::string& value) {
  return fmt::format(
      "<div class=card><b>{}</b><span class=soft>{}</span>"
      "</div>\n",
      EscapeHtml(value), EscapeHtml(label));
}

/// A confusion matrix; the deeper the colour, the larger the cell's share of
/// its row. Hits and errors have colours of their own.
std::string Matrix(const TrialRecord& record, const SetRecord& set) {
  std::string html = fmt::format(
      "<table class=matrix><caption>{} (rows: actual, columns: predicted)"
      "</caption><tr><td></td>",
      EscapeHtml(set.split));
  for (const std::string& name : record.classes) {
    html += fmt::format("<th>{}</th>", EscapeHtml(name));
  }
  html += "</tr>\n";
  for (std::size_t actual = 0; actual < set.counts.size(); ++actual) {
    std::int64_t total = 0;
    for (const std::int64_t count : set.counts[actual]) total += count;
    html += fmt::format("<tr><th>{}</th>", EscapeHtml(record.classes[actual]));
    for (std::size_t predicted = 0; predicted < set.counts.size();
         ++predicted) {
      const std::int64_t count = set.counts[actual][predicted];
      const double share =
          total == 0 ? 0
                     : static_cast<double>(count) / static_cast<double>(total);
      html +=
          fmt::format("<td class={} style=\"--share:{:.2f}\">{}</td>",
                      actual == predicted ? "hit" : "miss", share * 0.6, count);
    }
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

std::string Matrices(const TrialRecord& record) {
  std::string html = "<div class=row>\n";
  for (const SetRecord& set : record.sets) html += Matrix(record, set);
  return html + "</div>\n";
}

/// Loss and accuracy per epoch of the first fit.
Result<std::string> Curves(db::Reader& reader, const db::TrialName& name) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT name, split, epoch, value FROM metrics WHERE sweep "
                   "= ? AND trial = ? AND repeat = 0 AND fold = 0 AND epoch IS "
                   "NOT NULL AND class IS NULL AND value IS NOT NULL "
                   "ORDER BY name DESC, split, epoch",
                   {name.sweep, name.trial}));
  std::map<std::string, std::vector<ChartLine>, std::greater<>> charts;
  for (const auto& row : rows.rows) {
    auto& lines = charts[db::TextOf(row[0])];
    const std::string split = db::TextOf(row[1]);
    if (lines.empty() || lines.back().name != split) {
      lines.push_back({split, {}, split == "train" ? 0 : 1});
    }
    lines.back().points.emplace_back(db::NumberOf(row[2]),
                                     db::NumberOf(row[3]));
  }
  std::string html;
  for (const auto& [metric, lines] : charts) {
    html += LineChart(metric, "epoch", lines);
  }
  return html.empty() ? html : "<div class=row>\n" + html + "</div>\n";
}

Result<std::string> BestSection(db::Reader& reader,
                                const SweepSummary& summary) {
  const BestTrial& best = *summary.best;
  BESOM_ASSIGN_OR_RETURN(const TrialRecord record,
                         LoadTrial(reader, {summary.sweep, best.trial}));
  std::string html = fmt::format(
      "<div class=tiles>\n{}{}{}{}</div>\n", Tile("best trial", best.trial),
      Tile(best.metric + " on " + best.split, Fixed4(best.value)),
      Tile("accuracy on " + best.split, Fixed4(best.accuracy)),
      Tile(best.metric + " on test", Fixed4(best.test_value)));
  const std::string notices = TieNotice(best);
  if (!notices.empty()) html += "<p>" + EscapeHtml(notices) + "</p>\n";
  const std::string selection = SelectionNotice(best);
  if (!selection.empty()) {
    html += "<p class=warn>" + EscapeHtml(selection) + "</p>\n";
  }
  db::Table parameters{{"parameter", "value"}, {}};
  for (const auto& [axis, value] : record.parameters.items()) {
    parameters.rows.push_back({axis, ValueText(value)});
  }
  html += "<h3>Parameters</h3>\n" + HtmlTable(parameters);
  html += "<h3>Classification report</h3>\n<div class=row>\n";
  for (const SetRecord& set : record.sets) {
    if (set.split == "train") continue;
    html +=
        fmt::format("<div class=card><p class=soft>{}</p><pre>{}</pre></div>\n",
                    EscapeHtml(set.split), EscapeHtml(ReportText(set.report)));
  }
  html += "</div>\n<h3>Confusion matrices</h3>\n" + Matrices(record);
  BESOM_ASSIGN_OR_RETURN(const std::string figures,
                         FiguresSection(reader, record));
  return html + figures;
}

Result<std::string> Leaderboard(db::Reader& reader, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      db::Table table,
      reader.Query(
          "SELECT rank, trial, state, backbone, head, CAST(dropout AS TEXT) AS "
          "dropout, value, "
          "test_value, accuracy, ties, round(seconds, 1) AS seconds, "
          "parameters, metric, split FROM leaderboard WHERE sweep = ? "
          "LIMIT " +
              std::to_string(kMostRows + 1),
          {sweep}));
  if (table.rows.empty()) return std::string();
  const std::string split = db::TextOf(table.rows[0][13]);
  table.columns[6] = db::TextOf(table.rows[0][12]) + " on " + split;
  table.columns[7] = "on test";
  table.columns[8] = "accuracy on " + split;
  const bool cut = table.rows.size() > kMostRows;
  if (cut) table.rows.pop_back();
  table.columns.resize(12);
  for (auto& row : table.rows) row.resize(12);
  return HtmlTable(table) +
         (cut ? fmt::format("<p class=soft>The first {} trials.</p>\n",
                            kMostRows)
              : "");
}

/// Curves and matrices of the first trials, folded but for the best.
Result<std::string> TopTrials(db::Reader& reader, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table top,
      reader.Query("SELECT trial, rank, value FROM leaderboard WHERE sweep = ? "
                   "AND rank <= " +
                       std::to_string(kMostTrials) + " ORDER BY rank",
                   {sweep}));
  std::string html;
  for (const auto& row : top.rows) {
    const db::TrialName name{sweep, db::TextOf(row[0])};
    BESOM_ASSIGN_OR_RETURN(const TrialRecord record, LoadTrial(reader, name));
    BESOM_ASSIGN_OR_RETURN(const std::string curves, Curves(reader, name));
    const bool best = db::IntegerOf(row[1]) == 1;
    html += fmt::format(
        "<details{}><summary>#{} {} {} {}</summary>\n{}{}"
        "</details>\n",
        best ? " open" : "", db::IntegerOf(row[1]), name.trial, Fixed4(row[2]),
        EscapeHtml(CanonicalText(record.parameters)), curves,
        best ? "" : Matrices(record));
  }
  return html;
}

Result<std::string> QueryHtml(db::Reader& reader, std::string_view sql,
                              const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const db::Table table, reader.Query(sql, {sweep}));
  return table.rows.empty() ? std::string() : HtmlTable(table);
}

Result<std::string> DataSections(db::Reader& reader, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const std::string used,
      QueryHtml(reader,
                "SELECT class, source, split, images, patients FROM "
                "data_summary WHERE sweep = ? AND repeat = 0 AND fold = 0 AND "
                "split IS NOT NULL ORDER BY class, source, CASE split WHEN "
                "'train' THEN 0 WHEN 'validation' THEN 1 WHEN 'test' THEN 2 "
                "ELSE 3 END, split",
                sweep));
  BESOM_ASSIGN_OR_RETURN(
      const std::string left_out,
      QueryHtml(reader,
                "SELECT source, CASE instr(left_out, ': ') WHEN 0 THEN "
                "left_out ELSE substr(left_out, 1, instr(left_out, ': ') - 1) "
                "END AS reason, count(*) AS images, min(path) AS \"for "
                "example\" FROM images WHERE sweep = ? AND left_out IS NOT "
                "NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2",
                sweep));
  return Section("Data", used) +
         Section("Left out", used.empty() || !left_out.empty()
                                 ? left_out
                                 : "<p>No image was left out.</p>\n");
}

Result<std::string> WorkSections(db::Reader& reader, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const std::string failed,
      QueryHtml(reader,
                "SELECT trial, error, parameters FROM trials WHERE sweep = ? "
                "AND state = 'failed' ORDER BY ordinal",
                sweep));
  BESOM_ASSIGN_OR_RETURN(
      const std::string stages,
      QueryHtml(reader,
                "SELECT stage, tasks, cached, round(seconds, 1) AS seconds, "
                "images_per_second AS \"images per second\" FROM task_times "
                "WHERE sweep = ?",
                sweep));
  return Section("Failed trials", failed) + Section("Work", stages);
}

Result<std::string> SheetSection(const std::optional<Path>& path) {
  if (!path) return std::string();
  BESOM_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(*path));
  if (!bytes.starts_with("\x89PNG\r\n")) {
    return InvalidError(path->string(), "the contact sheet is no PNG file");
  }
  return Section("Augmented views",
                 fmt::format("<img alt=\"augmented views\" "
                             "src=\"data:image/png;base64,{}\">\n",
                             Base64(bytes)));
}

Result<std::string> Header(db::Reader& reader, const SweepSummary& summary) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table sweep,
      reader.Query("SELECT metric, goal, split, seed, numerics, version, "
                   "updated FROM sweeps WHERE sweep = ?",
                   {summary.sweep}));
  const auto& row = sweep.rows.at(0);
  return fmt::format(
      "<h1>{}</h1>\n<p>{}</p>\n<p class=soft>ranked by {} on {} ({}); seed {}; "
      "{}; besom {}; {}</p>\n",
      EscapeHtml(summary.sweep), EscapeHtml(StateCountsText(summary)),
      EscapeHtml(PlainText(row[0])), EscapeHtml(PlainText(row[2])),
      EscapeHtml(PlainText(row[1])), EscapeHtml(PlainText(row[3])),
      EscapeHtml(PlainText(row[4])), EscapeHtml(PlainText(row[5])),
      EscapeHtml(PlainText(row[6])));
}

}  // namespace

Result<std::string> ReportPage(db::Reader& reader,
                               const ReportOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const SweepSummary summary,
                         SummaryOf(reader, options.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string header, Header(reader, summary));
  std::string rivals, best = "<p>No trial is ranked yet.</p>\n";
  if (summary.best) {
    BESOM_ASSIGN_OR_RETURN(best, BestSection(reader, summary));
    BESOM_ASSIGN_OR_RETURN(
        rivals, RivalsSection(reader, options.sweep, summary.best->split));
  }
  BESOM_ASSIGN_OR_RETURN(const std::string leaderboard,
                         Leaderboard(reader, options.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string top,
                         TopTrials(reader, options.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string data,
                         DataSections(reader, options.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string audit,
                         AuditSection(reader, options.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string sheet,
                         SheetSection(options.contact_sheet));
  BESOM_ASSIGN_OR_RETURN(const std::string work,
                         WorkSections(reader, options.sweep));
  return "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
         "'none'; style-src 'unsafe-inline'; img-src data:\">\n"
         "<meta name=viewport content=\"width=device-width\">\n<title>" +
         EscapeHtml(options.sweep) + "</title>\n<style>" + kReportStyle +
         "</style>\n</head>\n<body>\n<main>\n" + header +
         Section("Best trial", best) + Section("Leaderboard", leaderboard) +
         Section("Is the best one better?", rivals) +
         Section("Learning curves", top) + Section("Shortcut audit", audit) +
         data + sheet + work +
         "<footer>Made by besom. For education and research, not for "
         "diagnosis.</footer>\n</main>\n</body>\n</html>\n";
}

}  // namespace besom::cli
