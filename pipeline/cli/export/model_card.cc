#include "pipeline/cli/export/model_card.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <vector>

#include "pipeline/cli/reading/audit_words.h"
#include "pipeline/cli/reading/interval_table.h"
#include "pipeline/cli/reading/set_tables.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/trial_record.h"

namespace besom::cli {
namespace {

std::string Markdown(const db::Table& table) {
  return FormatTable(table, TableFormat::kMarkdown);
}

/// A table of settings and their values.
std::string Settings(
    const std::vector<std::pair<std::string, std::string>>& rows) {
  db::Table table{{"what", "value"}, {}};
  for (const auto& [what, value] : rows)
    if (!value.empty()) table.rows.push_back({what, value});
  return Markdown(table);
}

std::string TextOr(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? "" : ValueText(*found);
}

std::string RefitText(const TrainedTrial& trial) {
  if (!trial.refit) return "";
  return fmt::format(
      "\nIt is one network in place of the {} fits of the trial: trained anew, "
      "as they were, on all {} images that any of them trained or validated "
      "on, for {} epochs (as many as they trained until what they kept, on "
      "average).\n",
      trial.record.heads.size(), trial.refit->images, trial.refit->epochs);
}

std::string ModelSection(const TrainedTrial& trial, const Json& facts) {
  const Json& base = facts.at("base");
  const Json& model = trial.config().at("model");
  const std::size_t fits = trial.heads.size();
  return "## Model\n\n" +
         Settings(
             {{"base", TextOr(base, "backbone")},
              {"weights it started from", TextOr(base, "weights")},
              {"from", TextOr(base, "source")},
              {"their licence", TextOr(base, "license")},
              {"their SHA-256", trial.weights.path.empty()
                                    ? ""
                                    : TextOr(base, "weights_sha256")},
              {"cut off after", TextOr(base, "cut")},
              {"pooling", TextOr(base, "pooling")},
              {"trained from", TextOr(base, "unfreeze")},
              {"head: hidden widths", ValueText(model.at("head"))},
              {"dropout", TextOr(model, "dropout")},
              {"fits", fits == 1 ? "1"
                                 : fmt::format("{}; the model gives the mean "
                                               "of their probabilities",
                                               fits)},
              {"features were computed in", trial.Precision()},
              {"this file computes in", "fp32"}}) +
         RefitText(trial) + "\n";
}

std::string InputSection(const TrainedTrial& trial, const Json& facts) {
  const Json& input = facts.at("input");
  const Json& wants = facts.at("preprocessing");
  return fmt::format(
      "## Input\n\nImages of {0} x {0} pixels, RGB (grey: three equal "
      "channels), 8 bit, as numbers 0 to 255, channels first. Images of "
      "another size are resized before: {1}, {2} with antialiasing, the same "
      "bytes as Pillow's `resize`; JPEG files are decoded at a half, a quarter "
      "or an eighth (Pillow's `draft`) while their {9} side stays {10} pixels "
      "or more. 16-bit images are brought to 8 bits by "
      "`{3}`. The ONNX and TorchScript files do the rest themselves: channels "
      "in the order {4}, x / 255 * {5}, minus {6}, divided by {7}.\n\n"
      "Classes, in the order of the outputs: {8}.\n\n",
      trial.size, TextOr(input, "resize"), TextOr(input, "interpolation"),
      TextOr(input, "bit_depth_range"), TextOr(wants, "order"),
      TextOr(wants, "range"), TextOr(wants, "mean"), TextOr(wants, "std"),
      fmt::join(trial.classes(), ", "),
      input.at("jpeg_draft").items().begin().key(), 2 * trial.size);
}

Result<std::string> DataSection(const TrainedTrial& trial, db::Reader& reader) {
  db::Table sources{{"set", "format"}, {}};
  for (const Json& source : trial.config().at("ingest").at("sources"))
    sources.rows.push_back(
        {source.at("name").get<std::string>(), TextOr(source, "format")});
  for (const Json& source : trial.config().at("evaluate").at("external"))
    sources.rows.push_back({source.at("name").get<std::string>(),
                            TextOr(source, "format") + ", external"});
  BESOM_ASSIGN_OR_RETURN(
      const db::Table counts,
      reader.Query("SELECT label AS class, split, count(*) AS images, "
                   "count(DISTINCT patients || char(31) || \"group\") AS "
                   "patients FROM images WHERE sweep = ? AND repeat = 0 AND "
                   "fold = 0 AND split IS NOT NULL GROUP BY label, split "
                   "ORDER BY split = 'test', split = 'validation', split <> "
                   "'train', split, label",
                   {trial.record.sweep}));
  BESOM_ASSIGN_OR_RETURN(
      const db::Table left,
      reader.Query("SELECT left_out AS \"why left out\", count(DISTINCT image) "
                   "AS images FROM images WHERE sweep = ? AND left_out IS NOT "
                   "NULL GROUP BY left_out ORDER BY images DESC LIMIT 20",
                   {trial.record.sweep}));
  std::string text =
      "## Data\n\n" + Markdown(sources) + "\n" +
      (trial.record.heads.size() > 1 ? "Of the first fit:\n\n" : "") +
      Markdown(counts) + "\n";
  if (!left.rows.empty()) text += Markdown(left) + "\n";
  return text +
         "Images without a patient's name count as patients of their "
         "own.\n\n";
}

std::string SplitSection(const TrainedTrial& trial) {
  const Json& split = trial.config().at("split");
  return "## Split\n\n" +
         Settings({{"seed", TextOr(trial.config(), "seed")},
                   {"test", TextOr(split, "test")},
                   {"validation", TextOr(split, "validation")},
                   {"folds", TextOr(split, "folds")},
                   {"repeats", TextOr(split, "repeats")},
                   {"patients kept on one side", TextOr(split, "group")},
                   {"shares of classes kept", TextOr(split, "stratify")},
                   {"duplicates",
                    TextOr(trial.config().at("ingest"), "duplicates")}}) +
         "\n";
}

std::string TrainingSection(const TrainedTrial& trial, const Json& facts) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& [key, value] : trial.config().at("train").items())
    rows.emplace_back(key, ValueText(value));
  rows.emplace_back("augmented views",
                    TextOr(trial.config().at("augment"), "views"));
  std::vector<int> epochs;
  for (const Json& fit : facts.at("fits"))
    epochs.push_back(fit.at("chosen_epoch").get<int>());
  rows.emplace_back("epoch that was kept (from 0)",
                    fmt::format("{}", fmt::join(epochs, ", ")));
  return "## Training\n\n" + Settings(rows) + "\n";
}

db::Cell Fixed(const Json& figure, const char* key) {
  const auto found = figure.find(key);
  if (found == figure.end() || !found->is_number()) return std::string("-");
  return fmt::format("{:.4f}", found->get<double>());
}

std::string FiguresOfSet(const std::string& set, const Json& figures) {
  db::Table table{{"figure", "value", "low", "high", "interval", "n"}, {}};
  for (const auto& [name, figure] : figures.items())
    if (!name.starts_with("support") && name != "predicted_classes")
      table.rows.push_back({name, Fixed(figure, "value"), Fixed(figure, "low"),
                            Fixed(figure, "high"), TextOr(figure, "method"),
                            TextOr(figure, "n_groups")});
  return fmt::format("### {}\n\n{}\n", PlainText(set), Markdown(table));
}

/// What an external set is taken for, and the figures of the threshold.
Result<std::string> MoreOfSet(db::Reader& reader, const TrialRecord& record,
                              const std::string& set) {
  std::string text;
  if (IsExternal(set)) {
    BESOM_ASSIGN_OR_RETURN(const std::string counts,
                           ExternalCounts(reader, record.name.sweep, set));
    BESOM_ASSIGN_OR_RETURN(const db::Table shares,
                           ShareTable(reader, record, set));
    if (!shares.rows.empty())
      text += "What its images are taken for:\n\n" + Markdown(shares) + "\n";
    text += counts + ".\n\n";
  }
  BESOM_ASSIGN_OR_RETURN(const db::Table decided,
                         IntervalTable(reader, record, set, "threshold"));
  if (!decided.rows.empty())
    text += "By the threshold:\n\n" + Markdown(decided) + "\n";
  return text;
}

std::string CountsOf(const SetRecord& set,
                     const std::vector<std::string>& classes) {
  db::Table table{{"actual \\ predicted"}, {}};
  for (const std::string& name : classes) table.columns.push_back(name);
  for (std::size_t actual = 0; actual < classes.size(); ++actual) {
    std::vector<db::Cell> row = {classes[actual]};
    for (const std::int64_t count : set.counts[actual]) row.push_back(count);
    table.rows.push_back(std::move(row));
  }
  return "Confusion matrix:\n\n" + Markdown(table) + "\n";
}

Result<std::string> FiguresSection(const TrainedTrial& trial, const Json& facts,
                                   db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(
      const TrialRecord record,
      LoadTrial(reader, {trial.record.sweep, trial.record.trial}));
  std::string text = "## Figures\n\n";
  if (trial.refit)
    text +=
        "**None of them is of the exported network:** it was trained anew on "
        "all images of the fits, so nothing was held out to measure it on. "
        "They are of the trial's fits, each on what its own fit held out. ";
  else if (trial.heads.size() > 1)
    text +=
        "Means over the fits, each on what its own fit held out; the "
        "exported mean of the fits itself was not measured on them. ";
  text +=
      "Intervals are of 95 %; n: patient groups, images or fits that they "
      "rest on. Where a figure has no interval, none was computed.\n\n";
  for (const SetRecord& set : record.sets) {
    text += FiguresOfSet(set.split, facts.at("metrics").at(set.split));
    BESOM_ASSIGN_OR_RETURN(const std::string more,
                           MoreOfSet(reader, record, set.split));
    text += more;
    text += CountsOf(set, record.classes);
  }
  return text;
}

Result<std::string> ChoiceSection(const TrainedTrial& trial,
                                  db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table place,
      reader.Query("SELECT rank, metric, split, value, (SELECT count(*) FROM "
                   "leaderboard WHERE sweep = ?1 AND rank IS NOT NULL) FROM "
                   "leaderboard WHERE sweep = ?1 AND trial = ?2",
                   {trial.record.sweep, trial.record.trial}));
  std::string text = "## How it was chosen\n\n";
  if (place.rows.empty() || db::IsNull(place.rows[0][0]))
    return text + "The trial is not ranked in its sweep.\n\n";
  const auto& row = place.rows[0];
  text += fmt::format("Rank {} of {} trials by {} on {} ({}).",
                      db::IntegerOf(row[0]), db::IntegerOf(row[4]),
                      db::TextOf(row[1]), db::TextOf(row[2]), Fixed4(row[3]));
  if (db::IntegerOf(row[4]) > 1)
    text += fmt::format(
        " The best of many trials is best partly by chance: its figures on {} "
        "are optimistic, those of sets that nothing was chosen by are not.",
        db::TextOf(row[2]));
  return text + "\n\n";
}

/// Of features that were computed in a shorter type than the file computes in.
std::string PrecisionLimit(const TrainedTrial& trial, const Json& facts) {
  if (trial.Precision() == "fp32") return "";
  std::string text = fmt::format(
      "- Its features were computed in {}, and this file computes in fp32: its "
      "probabilities are not quite those that the figures rest on.",
      trial.Precision());
  const Json& precision = facts.at("precision");
  const auto gap = precision.find("difference");
  if (trial.refit) return text + "\n";
  if (gap == precision.end())
    return text +
           " How far they are apart was not measured: no predictions "
           "or pixels are kept.\n";
  return text + fmt::format(
                    " On {} held-out images they are up to {:.2g} apart "
                    "({:.2g} on average); {} images get another class.\n",
                    TextOr(*gap, "images"), gap->at("largest").get<double>(),
                    gap->at("mean").get<double>(), TextOr(*gap, "other_class"));
}

std::string LimitsSection(const TrainedTrial& trial, const Json& facts) {
  return "## Limits\n\n"
         "- Not for diagnosis, nor any decision about a patient: it was never "
         "tested for that.\n"
         "- It says one of its classes for every image, also for one that is "
         "none of them.\n"
         "- Its figures hold for images like those of its data; other "
         "scanners, hospitals and patients may give others.\n"
         "- Its probabilities are not calibrated.\n" +
         PrecisionLimit(trial, facts);
}

}  // namespace

Result<std::string> ModelCard(const TrainedTrial& trial, const Json& facts,
                              db::Reader& reader) {
  BESOM_ASSIGN_OR_RETURN(const std::string data, DataSection(trial, reader));
  BESOM_ASSIGN_OR_RETURN(const std::string figures,
                         FiguresSection(trial, facts, reader));
  BESOM_ASSIGN_OR_RETURN(const std::string choice,
                         ChoiceSection(trial, reader));
  BESOM_ASSIGN_OR_RETURN(const AuditFindings audit,
                         AuditOf(reader, trial.record.sweep));
  return fmt::format(
             "# Model card: {}\n\nTrial `{}` of the sweep `{}`, trained with "
             "besom to tell {}.\n\n**For education and research. Not for "
             "diagnosis.**\n\n",
             TextOr(facts.at("base"), "backbone"), trial.record.trial,
             trial.record.sweep, fmt::join(trial.classes(), ", ")) +
         ModelSection(trial, facts) + InputSection(trial, facts) + data +
         SplitSection(trial) + TrainingSection(trial, facts) + figures +
         choice + "## Audit\n\n" + AuditCard(audit, trial.record.trial) + "\n" +
         LimitsSection(trial, facts);
}

}  // namespace besom::cli
