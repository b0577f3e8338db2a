#include "stages/data/image_table.h"

#include <unordered_set>
#include <utility>

namespace besom::stages {
namespace {

constexpr int kFormatVersion = 1;

Json EntryToJson(const ScanEntry& entry) {
  Json json = {{"source", entry.source},
               {"external", entry.external},
               {"path", entry.path},
               {"label", entry.label},
               {"patients", entry.patients},
               {"group", entry.group},
               {"use", entry.use},
               {"overlap", entry.overlap},
               {"content", entry.content.Hex()},
               {"left_out", entry.left_out}};
  if (!entry.generator.is_null()) json["generator"] = entry.generator;
  return json;
}

Result<ScanEntry> EntryFromJson(const Json& json) {
  ScanEntry entry;
  json.at("source").get_to(entry.source);
  json.at("external").get_to(entry.external);
  json.at("path").get_to(entry.path);
  json.at("label").get_to(entry.label);
  json.at("patients").get_to(entry.patients);
  json.at("group").get_to(entry.group);
  json.at("use").get_to(entry.use);
  json.at("overlap").get_to(entry.overlap);
  json.at("left_out").get_to(entry.left_out);
  BESOM_ASSIGN_OR_RETURN(
      entry.content,
      Digest::FromHex(json.at("content").get_ref<const std::string&>()));
  if (const auto it = json.find("generator"); it != json.end())
    entry.generator = *it;
  return entry;
}

}  // namespace

Json SourceScan::ToJson() const {
  Json list = Json::array();
  for (const ScanEntry& entry : entries) list.push_back(EntryToJson(entry));
  return {{"version", kFormatVersion},
          {"classes", classes},
          {"entries", std::move(list)}};
}

Result<SourceScan> SourceScan::FromJson(const Json& json) {
  try {
    if (json.at("version").get<int>() != kFormatVersion)
      return CorruptError("source scan", "made by another version of besom",
                          "run the sweep again");
    SourceScan scan;
    json.at("classes").get_to(scan.classes);
    for (const Json& item : json.at("entries")) {
      BESOM_ASSIGN_OR_RETURN(ScanEntry entry, EntryFromJson(item));
      scan.entries.push_back(std::move(entry));
    }
    return scan;
  } catch (const Json::exception& error) {
    return CorruptError("source scan", error.what());
  }
}

std::vector<std::size_t> UniqueContents(const SourceScan& scan) {
  std::vector<std::size_t> unique;
  std::unordered_set<Digest> seen;
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    const ScanEntry& entry = scan.entries[i];
    if (entry.left_out.empty() && seen.insert(entry.content).second)
      unique.push_back(i);
  }
  return unique;
}

}  // namespace besom::stages
