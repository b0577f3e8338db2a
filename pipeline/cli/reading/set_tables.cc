#include "pipeline/cli/reading/set_tables.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/cli/reading/interval_table.h"
#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {

bool IsExternal(const std::string& split) {
  return split != "train" && split != "validation" && split != "test";
}

Result<std::vector<TitledTable>> TablesOfSet(db::Reader& reader,
                                             const TrialRecord& record,
                                             const std::string& split,
                                             const std::string& unit) {
  std::vector<TitledTable> tables;
  if (split == "train") return tables;
  const auto add = [&](const std::string& title, db::Table table) {
    if (!table.rows.empty()) tables.push_back({title, std::move(table)});
  };
  const std::string set = PlainText(split);
  if (IsExternal(split)) {
    BESOM_ASSIGN_OR_RETURN(db::Table shares, ShareTable(reader, record, split));
    add(fmt::format("what {} is taken for, with 95 % intervals", set),
        std::move(shares));
  }
  BESOM_ASSIGN_OR_RETURN(db::Table largest,
                         unit == "image"
                             ? ImageIntervalTable(reader, record, split)
                             : IntervalTable(reader, record, split, "largest"));
  add(fmt::format("95 % intervals on {}", set), std::move(largest));
  BESOM_ASSIGN_OR_RETURN(db::Table decided,
                         IntervalTable(reader, record, split, "threshold"));
  add(fmt::format("by the threshold on {}", set), std::move(decided));
  return tables;
}

Result<std::string> ExternalCounts(db::Reader& reader, const std::string& sweep,
                                   const std::string& set) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query(
          "WITH seen AS (SELECT patients, \"group\", coalesce(duplicate_of, "
          "image) AS picture FROM images WHERE sweep = ?1 AND split IN "
          "('train', 'validation')), own AS (SELECT DISTINCT image, left_out, "
          "CASE WHEN left_out IS NOT NULL THEN left_out LIKE '%trained or "
          "validated on%' ELSE coalesce((patients, \"group\") IN (SELECT "
          "patients, \"group\" FROM seen), 0) OR coalesce(duplicate_of, "
          "image) IN (SELECT picture FROM seen) END AS overlaps FROM images "
          "WHERE sweep = ?1 AND source = ?2 AND coalesce(split, ?2) = ?2) "
          "SELECT sum(left_out IS NULL), sum(left_out IS NOT NULL), "
          "sum(left_out IS NOT NULL AND overlaps), sum(left_out IS NULL AND "
          "overlaps) FROM own",
          {sweep, set}));
  const auto count = [&](std::size_t column) {
    return db::IntegerOf(rows.rows.at(0)[column]);
  };
  std::string text = fmt::format(
      "{}: {} images are used; {} are left out, {} of them because "
      "their patient or a duplicate is trained or validated on",
      PlainText(set), count(0), count(1), count(2));
  if (count(3) > 0)
    text +=
        fmt::format("; {} are used although they overlap like that", count(3));
  return text;
}

}  // namespace besom::cli
