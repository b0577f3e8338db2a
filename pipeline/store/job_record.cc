#include "pipeline/store/job_record.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "pipeline/base/json.h"

namespace besom {
namespace {

constexpr std::string_view kEnding = ".job.json";

Json ToJson(const JobRecord& record) {
  return {{"sweep", record.sweep},
          {"job", record.job},
          {"cluster", record.cluster},
          {"submitted", record.submitted},
          {"links", record.links},
          {"started", record.started},
          {"done", record.done},
          {"cancelled", record.cancelled},
          {"ended", record.ended},
          {"why", record.why},
          {"losses", Json(record.losses)},
          {"told_losses", Json(record.told_losses)}};
}

JobRecord FromJson(const Json& json) {
  JobRecord record;
  json.at("sweep").get_to(record.sweep);
  json.at("job").get_to(record.job);
  json.at("cluster").get_to(record.cluster);
  json.at("submitted").get_to(record.submitted);
  json.at("links").get_to(record.links);
  json.at("started").get_to(record.started);
  json.at("done").get_to(record.done);
  json.at("cancelled").get_to(record.cancelled);
  json.at("ended").get_to(record.ended);
  json.at("why").get_to(record.why);
  json.at("losses").get_to(record.losses);
  json.at("told_losses").get_to(record.told_losses);
  return record;
}

Result<JobRecord> ReadRecord(const Path& path) {
  BESOM_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(text, path.string()));
  try {
    return FromJson(json);
  } catch (const Json::exception& error) {
    return CorruptError(path.string(), error.what(),
                        "remove the file, then submit the sweep again");
  }
}

using RecordFile = std::pair<std::optional<SweepShard>, Path>;

/// The files of a sweep's records, in the order of its shards.
std::vector<RecordFile> FilesOf(const WorkspaceLayout& layout,
                                std::string_view sweep) {
  std::vector<RecordFile> files;
  const std::string alone = layout.job_record(sweep, {}).filename().string();
  const std::string stem = alone.substr(0, alone.size() - kEnding.size()) + ".";
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(layout.jobs(), error)) {
    const std::string name = entry.path().filename().string();
    if (name == alone) files.emplace_back(std::nullopt, entry.path());
    if (!name.starts_with(stem) || !name.ends_with(kEnding)) continue;
    const std::size_t middle = name.size() - stem.size();
    if (middle <= kEnding.size()) continue;
    const std::optional<SweepShard> shard = SweepShard::FromFileName(
        std::string_view(name).substr(stem.size(), middle - kEnding.size()));
    if (shard) files.emplace_back(shard, entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::vector<std::string> JobRecord::ExcludedNodes() const {
  std::vector<std::string> nodes;
  for (const auto& [node, count] : losses)
    if (count >= kMostLosses) nodes.push_back(node);
  return nodes;
}

Result<std::optional<JobRecord>> ReadJobRecord(
    const WorkspaceLayout& layout, std::string_view sweep,
    const std::optional<SweepShard>& shard) {
  Result<JobRecord> record = ReadRecord(layout.job_record(sweep, shard));
  if (record.ok()) return std::optional<JobRecord>(*std::move(record));
  if (record.status().code() == StatusCode::kNotFound)
    return std::optional<JobRecord>();
  return record.status();
}

Status WriteJobRecord(const WorkspaceLayout& layout, const JobRecord& record,
                      const std::optional<SweepShard>& shard) {
  return WriteFileAtomic(layout.job_record(record.sweep, shard),
                         ToJson(record).dump(2) + "\n");
}

Result<std::vector<JobRecord>> JobRecordsOf(const WorkspaceLayout& layout,
                                            std::string_view sweep) {
  std::vector<JobRecord> records;
  for (const auto& [shard, path] : FilesOf(layout, sweep)) {
    BESOM_ASSIGN_OR_RETURN(JobRecord record, ReadRecord(path));
    if (record.sweep == sweep) records.push_back(std::move(record));
  }
  return records;
}

Result<std::vector<std::string>> SubmittedSweeps(
    const WorkspaceLayout& layout) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(layout.jobs(), error)) {
    if (!entry.path().string().ends_with(kEnding)) continue;
    BESOM_ASSIGN_OR_RETURN(const JobRecord record, ReadRecord(entry.path()));
    names.insert(record.sweep);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Status RemoveJobRecords(const WorkspaceLayout& layout, std::string_view sweep) {
  for (const auto& [shard, path] : FilesOf(layout, sweep)) {
    std::error_code error;
    std::filesystem::remove(path, error);
    if (error)
      return IoError(path.string(), "cannot remove it: " + error.message(),
                     "remove the file, then try again");
  }
  return Status::Ok();
}

}  // namespace besom
