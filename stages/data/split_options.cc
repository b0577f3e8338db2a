#include <fmt/format.h>

#include <map>

#include "stages/data/split_stage.h"

namespace besom::stages {
namespace {

Status BadKey(const char* key, std::string cause) {
  return InvalidError(fmt::format("split parameter '{}'", key),
                      std::move(cause));
}

Result<double> ShareOf(const Json& section, const char* key) {
  const double share = section.at(key).get<double>();
  if (!(share >= 0 && share < 1))
    return BadKey(key, fmt::format("{} is not in [0, 1)", share));
  return share;
}

Result<int> CountOf(const Json& section, const char* key) {
  const int count = section.at(key).get<int>();
  if (count < 1 || count > 1000)
    return BadKey(key, fmt::format("{} is not in 1..1000", count));
  return count;
}

Result<SplitOptions::Duplicates> DuplicatesOf(const std::string& name) {
  using Duplicates = SplitOptions::Duplicates;
  static const std::map<std::string, Duplicates> kNames = {
      {"group", Duplicates::kGroup},
      {"drop", Duplicates::kDrop},
      {"error", Duplicates::kError}};
  const auto found = kNames.find(name);
  if (found == kNames.end())
    return BadKey("duplicates", "not group, drop or error");
  return found->second;
}

Result<std::vector<SplitRow>> RowsOf(const Json& list) {
  std::vector<SplitRow> rows;
  for (const Json& item : list) {
    SplitRow row{item.at("image").get<std::string>(),
                 item.at("split").get<std::string>(), std::nullopt};
    if (row.split != "train" && row.split != "validation" &&
        row.split != "test")
      return BadKey("file_rows", fmt::format("unknown split '{}'", row.split));
    if (item.contains("fold")) row.fold = item.at("fold").get<int>();
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<SplitOptions> Parse(const Json& params) {
  const Json& section = params.at("split");
  SplitOptions options;
  BESOM_ASSIGN_OR_RETURN(options.test, ShareOf(section, "test"));
  BESOM_ASSIGN_OR_RETURN(options.validation, ShareOf(section, "validation"));
  if (options.test + options.validation >= 1)
    return BadKey("test", "test and validation leave nothing to train on");
  options.stratify = section.at("stratify").get<bool>();
  options.group = section.at("group").get<bool>();
  BESOM_ASSIGN_OR_RETURN(options.folds, CountOf(section, "folds"));
  BESOM_ASSIGN_OR_RETURN(options.repeats, CountOf(section, "repeats"));
  BESOM_ASSIGN_OR_RETURN(
      options.duplicates,
      DuplicatesOf(params.at("duplicates").get<std::string>()));
  options.fail_on_bad_image = params.value("on_bad_image", "skip") == "fail";
  options.seed = params.at("seed").get<std::uint64_t>();
  if (params.contains("file_rows") && !params.at("file_rows").is_null()) {
    BESOM_ASSIGN_OR_RETURN(options.rows, RowsOf(params.at("file_rows")));
  }
  return options;
}

}  // namespace

Result<SplitOptions> SplitOptions::FromJson(const Json& params) {
  try {
    return Parse(params);
  } catch (const Json::exception& error) {
    return InvalidError("split parameters", error.what());
  }
}

}  // namespace besom::stages
