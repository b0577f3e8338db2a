#include "pipeline/cli/reading/audit_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {
namespace {

/// What a probe looks at and does, and what the model may then go by.
struct ProbeWords {
  const char* tells;
  const char* risk;
};

ProbeWords WordsOf(const std::string& probe) {
  if (probe == "facts")
    return {"the file's source, size, aspect, mode and format alone tell",
            "where an image comes from"};
  if (probe == "file")
    return {"the file's size, aspect, mode and format alone tell",
            "where an image comes from"};
  if (probe == "ring")
    return {"the border of the image alone tells", "the frame"};
  return {"the image blurred to 8 x 8 pixels tells",
          "coarse shape and brightness"};
}

std::string ClassesText(const AuditFinding& finding) {
  if (finding.class_a.empty()) return "the classes apart";
  return fmt::format("{} from {}", PlainText(finding.class_a),
                     PlainText(finding.class_b));
}

/// Whether the line of another row says what that of `row` would, and more: of
/// a pair, where `row` is of all classes; of the files without their sources,
/// where it is of both.
bool IsSaidElsewhere(const AuditFinding& row, const AuditFindings& findings) {
  return std::ranges::any_of(findings.rows, [&](const AuditFinding& other) {
    if (!other.alarm.value_or(true)) return false;
    if (row.class_a.empty())
      return other.probe == row.probe && !other.class_a.empty();
    return row.probe == "facts" && other.probe == "file" &&
           other.class_a == row.class_a && other.class_b == row.class_b;
  });
}

}  // namespace

Result<AuditFindings> AuditOf(db::Reader& reader, const std::string& sweep) {
  AuditFindings findings;
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT probe, class_a, class_b, balanced_accuracy, low, "
                   "high, bound, chance, model, model_split, "
                   "model_balanced_accuracy, alarm FROM audit WHERE sweep = ?",
                   {sweep}));
  for (const auto& row : rows.rows) {
    AuditFinding& finding = findings.rows.emplace_back();
    finding.probe = db::TextOf(row[0]);
    finding.class_a = db::TextOf(row[1]);
    finding.class_b = db::TextOf(row[2]);
    finding.balanced_accuracy = db::NumberOf(row[3]);
    finding.low = db::ValueOf(row[4]);
    finding.high = db::ValueOf(row[5]);
    finding.bound = db::ValueOf(row[6]);
    finding.chance = db::NumberOf(row[7]);
    finding.model = db::TextOf(row[8]);
    finding.model_split = db::TextOf(row[9]);
    finding.model_value = db::ValueOf(row[10]);
    if (!db::IsNull(row[11])) finding.alarm = db::IntegerOf(row[11]) != 0;
  }
  BESOM_ASSIGN_OR_RETURN(
      const db::Table own,
      reader.Query("SELECT class, source, images, of_images FROM own_sources "
                   "WHERE sweep = ? ORDER BY class, source",
                   {sweep}));
  for (const auto& row : own.rows)
    findings.own_sources.push_back({db::TextOf(row[0]), db::TextOf(row[1]),
                                    db::IntegerOf(row[2]),
                                    db::IntegerOf(row[3])});
  return findings;
}

std::string FindingText(const AuditFinding& finding) {
  const auto [tells, risk] = WordsOf(finding.probe);
  std::string text =
      fmt::format("{} {} with balanced accuracy {:.2f}", tells,
                  ClassesText(finding), finding.balanced_accuracy);
  if (finding.low && finding.high)
    text += fmt::format(" ({:.2f}-{:.2f})", *finding.low, *finding.high);
  text +=
      finding.model_value
          ? fmt::format(", the best model {:.2f} on {}", *finding.model_value,
                        PlainText(finding.model_split))
          : fmt::format(", chance is {:.2f}", finding.chance);
  if (!finding.alarm) return text + "; there is no model to compare with yet";
  return *finding.alarm
             ? fmt::format("An alarm: {}: the model may read {}, not the lung",
                           text, risk)
             : text +
                   ": more than chance, but less than half of what the "
                   "model adds to it";
}

std::string OwnSourceText(const OwnSource& own) {
  const std::string cls = PlainText(own.cls), source = PlainText(own.source);
  const std::string which =
      own.images == own.of_images
          ? fmt::format("All {} images of {} come", own.images, cls)
          : fmt::format("{} of {} images of {} come", own.images, own.of_images,
                        cls);
  return fmt::format(
      "{} from {}, which holds no other class: whatever differs between "
      "sources gives {} away",
      which, source, cls);
}

std::vector<std::string> AuditLines(const AuditFindings& findings) {
  std::vector<std::string> lines;
  if (findings.rows.empty()) return lines;
  for (const AuditFinding& row : findings.rows)
    if (row.alarm.value_or(true) && !IsSaidElsewhere(row, findings))
      lines.push_back(FindingText(row));
  const bool tells_nothing = lines.empty();
  for (const OwnSource& own : findings.own_sources)
    lines.push_back(OwnSourceText(own));
  if (tells_nothing)
    lines.insert(
        lines.begin(),
        std::ranges::any_of(findings.rows, &AuditFinding::above_chance)
            ? "No alarm: file facts or the border of the image tell more than "
              "chance, but less than half of what the best model adds to it"
            : "No alarm: neither file facts nor the border of the image tell "
              "the classes apart beyond chance");
  return lines;
}

std::string AuditCard(const AuditFindings& findings, const std::string& trial) {
  if (findings.rows.empty()) return "Not run.\n";
  std::string text =
      "What can be told of the images of its sweep without seeing a lung:\n\n";
  for (const std::string& line : AuditLines(findings))
    text += "- " + line + ".\n";
  const std::string& model = findings.rows.front().model;
  if (!model.empty() && model != trial)
    text += fmt::format(
        "\nThe best model is trial `{}` of the sweep, not this one.\n", model);
  return text;
}

}  // namespace besom::cli
