#include "stages/data/split_table.h"

#include <algorithm>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

constexpr int kFormatVersion = 2;

Json EntryToJson(const SplitEntry& entry) {
  return {{"image", entry.image},
          {"source", entry.source},
          {"path", entry.path},
          {"label", entry.label},
          {"patients", entry.patients},
          {"group", entry.group},
          {"content", entry.content.Hex()},
          {"sets", entry.sets},
          {"left_out", entry.left_out},
          {"duplicate_of", entry.duplicate_of}};
}

Result<SplitEntry> EntryFromJson(const Json& json) {
  SplitEntry entry;
  json.at("image").get_to(entry.image);
  json.at("source").get_to(entry.source);
  json.at("path").get_to(entry.path);
  json.at("label").get_to(entry.label);
  json.at("patients").get_to(entry.patients);
  json.at("group").get_to(entry.group);
  json.at("sets").get_to(entry.sets);
  json.at("left_out").get_to(entry.left_out);
  json.at("duplicate_of").get_to(entry.duplicate_of);
  BESOM_ASSIGN_OR_RETURN(
      entry.content,
      Digest::FromHex(json.at("content").get_ref<const std::string&>()));
  return entry;
}

}  // namespace

Json SplitTable::ToJson() const {
  Json list = Json::array();
  for (const SplitEntry& entry : entries) list.push_back(EntryToJson(entry));
  return {{"version", kFormatVersion},
          {"classes", classes},
          {"externals", externals},
          {"repeats", repeats},
          {"folds", folds},
          {"entries", std::move(list)},
          {"receipt", receipt}};
}

Result<SplitTable> SplitTable::FromJson(const Json& json) {
  try {
    if (json.at("version").get<int>() != kFormatVersion)
      return CorruptError("split table", "made by another version of besom",
                          "run the sweep again");
    SplitTable table;
    json.at("classes").get_to(table.classes);
    json.at("externals").get_to(table.externals);
    json.at("repeats").get_to(table.repeats);
    json.at("folds").get_to(table.folds);
    table.receipt = json.at("receipt");
    if (table.repeats < 1 || table.folds < 1)
      return CorruptError("split table", "has no fit");
    const auto fits = static_cast<std::size_t>(table.repeats) *
                      static_cast<std::size_t>(table.folds);
    for (const Json& item : json.at("entries")) {
      BESOM_ASSIGN_OR_RETURN(SplitEntry entry, EntryFromJson(item));
      if (entry.sets.size() != fits)
        return CorruptError("split table", "an image without all its fits");
      table.entries.push_back(std::move(entry));
    }
    return table;
  } catch (const Json::exception& error) {
    return CorruptError("split table", error.what());
  }
}

std::vector<std::size_t> SplitTable::Members(std::string_view set, int repeat,
                                             int fold) const {
  BESOM_CHECK(repeat >= 0 && repeat < repeats && fold >= 0 && fold < folds,
              std::to_string(repeat) + ", " + std::to_string(fold));
  const auto fit =
      static_cast<std::size_t>(repeat) * static_cast<std::size_t>(folds) +
      static_cast<std::size_t>(fold);
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].sets[fit] == set) members.push_back(i);
  return members;
}

bool SplitTable::IsEverTrained(std::size_t entry) const {
  const auto& sets = entries[entry].sets;
  return std::find(sets.begin(), sets.end(), "train") != sets.end();
}

int SplitTable::ClassIndex(std::string_view label) const {
  const auto found = std::find(classes.begin(), classes.end(), label);
  BESOM_CHECK(found != classes.end(), std::string(label));
  return static_cast<int>(found - classes.begin());
}

}  // namespace besom::stages
