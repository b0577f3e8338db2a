#include "stages/data/scan_dicom.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "pipeline/base/json.h"
#include "pipeline/base/worker_threads.h"
#include "stages/data/dicom/header.h"
#include "stages/data/dicom/module.h"
#include "stages/data/scan_rows.h"

namespace besom::stages {
namespace {

constexpr DicomTag kInstance = {0x0008, 0x0018};  // SOPInstanceUID
constexpr std::uint16_t kPatientGroup = 0x0010;

/// The tags that a source reads, and where each stands among the texts.
struct TagPlan {
  std::vector<DicomTag> tags = {kInstance};
  std::vector<std::size_t> where;  ///< Parallel to SourceSettings::where.
  std::optional<std::size_t> label, group;
};

Result<std::size_t> AddTag(const std::string& name, const std::string& place,
                           TagPlan& plan) {
  const Result<DicomTag> tag = ParseDicomTag(name);
  if (!tag.ok()) return tag.status().Within(place);
  plan.tags.push_back(*tag);
  return plan.tags.size() - 1;
}

Result<TagPlan> PlanTags(const SourceSettings& source) {
  TagPlan plan;
  for (const auto& [name, patterns] : source.where) {
    BESOM_ASSIGN_OR_RETURN(const std::size_t at,
                           AddTag(name, source.place + ".where", plan));
    plan.where.push_back(at);
  }
  if (!source.label_tag.empty()) {
    BESOM_ASSIGN_OR_RETURN(
        plan.label,
        AddTag(source.label_tag, source.place + ".label_tag", plan));
  }
  if (source.GroupsByTag()) {
    BESOM_ASSIGN_OR_RETURN(
        plan.group,
        AddTag(source.group_tag, source.place + ".group_tag", plan));
  }
  return plan;
}

/// A file of the folder and what its header says.
struct DicomFile {
  FolderItem item;
  std::vector<std::string> texts;  ///< Parallel to TagPlan::tags.
  Status status;
};

std::string FileNameOf(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

/// The rows of a table by what names an image: its path, its bare name where
/// only one file is called so, its SOPInstanceUID.
class NamedRows {
 public:
  static Result<NamedRows> Read(const SourceSettings& source) {
    NamedRows rows;
    rows.name_ = source.table.filename().string();
    BESOM_ASSIGN_OR_RETURN(const CsvTable table, CsvTable::Read(source.table));
    BESOM_ASSIGN_OR_RETURN(
        const std::size_t image,
        table.Column(source.image_column, source.place + ".image_column"));
    RowColumns columns;
    BESOM_RETURN_IF_ERROR(FindRowColumns(source, table, columns));
    for (const CsvTable::Row& row : table.rows)
      if (!row.cells[image].empty())
        rows.verdicts_[row.cells[image]].push_back(
            JudgeRow(source, columns, row));
    return rows;
  }

  /// What its rows say of an image; none when there is none.
  std::optional<RowVerdict> Find(const DicomFile& file, bool unique_name) {
    std::vector<RowVerdict> found;
    const auto add = [&](const std::string& name) {
      const auto it = verdicts_.find(name);
      if (it == verdicts_.end() || name.empty()) return;
      used_.insert(name);
      found.insert(found.end(), it->second.begin(), it->second.end());
    };
    add(file.item.path);
    const std::string bare = FileNameOf(file.item.path);
    if (unique_name && bare != file.item.path) add(bare);
    if (!file.texts.empty()) add(file.texts.front());
    if (found.empty()) return std::nullopt;
    return MergedVerdict(std::move(found));
  }

  std::vector<std::string> Unused() const {
    std::vector<std::string> names;
    for (const auto& [name, verdicts] : verdicts_)
      if (!used_.contains(name)) names.push_back(name);
    return names;
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;  ///< Of the table's file.
  std::map<std::string, std::vector<RowVerdict>> verdicts_;
  std::set<std::string> used_;
};

class DicomScan {
 public:
  DicomScan(const SourceSettings& source, TagPlan plan, std::string_view key)
      : source_(source), plan_(std::move(plan)), key_(key) {}

  Result<std::vector<FoundImage>> Run(int threads) {
    BESOM_ASSIGN_OR_RETURN(std::vector<FolderItem> items,
                           ListFolder(source_.path));
    for (FolderItem& item : items)
      if (item.file.lexically_normal() != source_.table.lexically_normal())
        files_.push_back({std::move(item), {}, {}});
    ReadHeaders(threads);
    if (!source_.table.empty()) {
      BESOM_ASSIGN_OR_RETURN(rows_, NamedRows::Read(source_));
    }
    std::map<std::string, int> names;
    for (const DicomFile& file : files_) ++names[FileNameOf(file.item.path)];
    for (const DicomFile& file : files_)
      Add(file, names[FileNameOf(file.item.path)] == 1);
    if (rows_) AddMissing();
    return std::move(images_);
  }

 private:
  void ReadHeaders(int threads) {
    RunInThreads(threads, files_.size(), [&](std::size_t i) {
      DicomFile& file = files_[i];
      if (!file.item.problem.empty()) return;
      auto texts = ReadDicomTexts(file.item.file, plan_.tags);
      if (texts.ok())
        file.texts = *std::move(texts);
      else
        file.status = texts.status();
    });
  }

  void Add(const DicomFile& file, bool unique_name) {
    FoundImage image = NewImage(source_, file.item.path, file.item.file);
    ScanEntry& entry = image.entry;
    std::optional<RowVerdict> row;
    if (rows_) row = rows_->Find(file, unique_name);
    if (!file.item.problem.empty())
      entry.left_out = file.item.problem;
    else if (!file.status.ok())
      entry.left_out = file.status.cause();
    else if (entry.left_out.empty())
      Judge(file, row, entry);
    if (entry.left_out.empty()) entry.group = GroupOf(file, row);
    images_.push_back(std::move(image));
  }

  void Judge(const DicomFile& file, const std::optional<RowVerdict>& row,
             ScanEntry& entry) const {
    for (std::size_t i = 0; i < plan_.where.size(); ++i) {
      const auto& [name, patterns] = source_.where[i];
      const std::string& value = file.texts[plan_.where[i]];
      const bool passes =
          std::ranges::any_of(patterns, [&](const std::string& pattern) {
            return MatchesWildcard(pattern, value);
          });
      // Without the value, which may be a patient's.
      if (!passes)
        entry.left_out = fmt::format("`where` leaves it out by {}", name);
      if (!passes) return;
    }
    if (rows_ && !row) {
      entry.left_out = fmt::format("no row of {} names it", rows_->name());
    } else if (row && !row->left_out.empty()) {
      entry.left_out = row->left_out;
    } else if (plan_.label) {
      SetTagLabel(file.texts[*plan_.label], entry);
    } else {
      entry.label = row ? row->label : source_.label;
    }
  }

  void SetTagLabel(const std::string& value, ScanEntry& entry) const {
    LabelVerdict verdict = LabelOf(source_, value);
    entry.label = std::move(verdict.label);
    entry.left_out = std::move(verdict.left_out);
    const bool of_patient = plan_.tags[*plan_.label].group == kPatientGroup;
    if (of_patient && !entry.left_out.empty())
      entry.left_out =
          fmt::format("its {} stands for no class", source_.label_tag);
  }

  std::string GroupOf(const DicomFile& file,
                      const std::optional<RowVerdict>& row) const {
    if (row && !source_.group_column.empty()) return row->group;
    if (source_.group_pattern != nullptr)
      return MatchGroup(source_, FileNameOf(file.item.path)).value_or("");
    if (!plan_.group) return "";
    const std::string& number = file.texts[*plan_.group];
    if (number.empty() || source_.store_patient_ids) return EscapedUtf8(number);
    return PatientDigest(key_, source_.patients, number);
  }

  void AddMissing() {
    for (const std::string& name : rows_->Unused()) {
      FoundImage image = NewImage(source_, name, {});
      image.entry.left_out =
          fmt::format("{} names it, but there is no such file", rows_->name());
      images_.push_back(std::move(image));
    }
  }

  const SourceSettings& source_;
  const TagPlan plan_;
  const std::string_view key_;
  std::vector<DicomFile> files_;
  std::optional<NamedRows> rows_;
  std::vector<FoundImage> images_;
};

}  // namespace

Result<std::vector<FoundImage>> ScanDicomFolder(const SourceSettings& source,
                                                int threads,
                                                std::string_view patient_key) {
  BESOM_RETURN_IF_ERROR(CheckFolder(source, "path", source.path));
  BESOM_RETURN_IF_ERROR(LoadDicomModule().status());
  BESOM_ASSIGN_OR_RETURN(TagPlan plan, PlanTags(source));
  return DicomScan(source, std::move(plan), patient_key).Run(threads);
}

std::string PatientDigest(std::string_view key, std::string_view patients,
                          std::string_view number) {
  // As hexadecimal digits: JSON holds no bytes that are not UTF-8.
  const Json parts = {"patient", DigestOf(key).Hex(), patients,
                      DigestOf(number).Hex()};
  return DigestOfJson(parts).Hex().substr(0, 16);
}

}  // namespace besom::stages
