#include <fmt/format.h>

#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/workspace_reader.h"

namespace besom::cli {
namespace {

constexpr char kFits[] =
    "SELECT count(DISTINCT repeat * 1000000 + fold) FROM data_summary "
    "WHERE sweep = ?";
constexpr char kSets[] =
    "SELECT class, source, split, images, patients FROM data_summary WHERE "
    "sweep = ? AND repeat = 0 AND fold = 0 AND split IS NOT NULL ORDER BY "
    "class, source, CASE split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 "
    "WHEN 'test' THEN 2 ELSE 3 END, split";
constexpr char kTotals[] =
    "SELECT label AS class, split, count(*) AS images, count(DISTINCT patients "
    "|| "
    "char(31) || \"group\") AS patients FROM images WHERE sweep = ? AND repeat "
    "= 0 AND fold = 0 AND split IS NOT NULL GROUP BY class, split ORDER BY "
    "CASE split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 WHEN 'test' THEN "
    "2 ELSE 3 END, split, class";
/// What stands before a colon is the reason, what follows the particulars.
constexpr char kLeftOut[] =
    "SELECT source, CASE instr(left_out, ': ') WHEN 0 THEN left_out ELSE "
    "substr(left_out, 1, instr(left_out, ': ') - 1) END AS \"left out because\""
    ", count(*) AS images, min(path) AS \"for example\" FROM images WHERE "
    "sweep = ? AND left_out IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2";

}  // namespace

Result<std::string> DataTables(const std::string& workspace,
                               const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const auto reader, OpenWorkspace(workspace));
  BESOM_ASSIGN_OR_RETURN(const std::string name, reader->FindSweep(sweep));
  BESOM_ASSIGN_OR_RETURN(const db::Table fits, reader->Query(kFits, {name}));
  BESOM_ASSIGN_OR_RETURN(const db::Table sets, reader->Query(kSets, {name}));
  BESOM_ASSIGN_OR_RETURN(const db::Table totals,
                         reader->Query(kTotals, {name}));
  BESOM_ASSIGN_OR_RETURN(const db::Table left_out,
                         reader->Query(kLeftOut, {name}));
  std::string text;
  if (const std::int64_t n = db::IntegerOf(fits.rows.at(0)[0]); n > 1) {
    text = fmt::format("{} fits; this is repeat 0, fold 0\n\n", n);
  }
  text += FormatTable(sets, TableFormat::kTable) + "\nall sources\n" +
          FormatTable(totals, TableFormat::kTable);
  if (left_out.rows.empty()) return text + "\nno image was left out\n";
  return text + "\nleft out\n" + FormatTable(left_out, TableFormat::kTable);
}

}  // namespace besom::cli
