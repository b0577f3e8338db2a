#include "pipeline/cli/machine/dicom_layout.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <system_error>
#include <utility>

#include "stages/data/dicom/header.h"
#include "stages/data/dicom/outline.h"
#include "stages/data/scan_folder.h"
#include "stages/data/scan_settings.h"

namespace besom::cli {
namespace {

/// What may hold a class, best first. None is of the patient.
constexpr std::array kLabelTags = {
    "StudyDescription", "SeriesDescription", "AdmittingDiagnosesDescription",
    "ImageComments",    "BodyPartExamined",  "ViewPosition"};
constexpr std::size_t kMostClasses = 20;

bool BeginsAsDicom(const Path& file) {
  std::array<char, 132> begin{};
  std::error_code error;
  // What a kernel shows as an empty file may never answer.
  const auto size = std::filesystem::file_size(file, error);
  if (error || size < begin.size()) return false;
  std::ifstream stream(file, std::ios::binary);
  stream.read(begin.data(), begin.size());
  return static_cast<std::size_t>(stream.gcount()) == begin.size() &&
         stages::IsDicom(std::as_bytes(std::span(begin)));
}

Result<std::vector<stages::DicomTag>> TagsToRead() {
  std::vector<stages::DicomTag> tags;
  for (const char* name : kLabelTags) {
    BESOM_ASSIGN_OR_RETURN(tags.emplace_back(), stages::ParseDicomTag(name));
  }
  BESOM_ASSIGN_OR_RETURN(tags.emplace_back(),
                         stages::ParseDicomTag("PatientID"));
  return tags;
}

}  // namespace

Result<DicomFiles> DicomFiles::Find(const Path& folder) {
  DicomFiles found(folder);
  BESOM_ASSIGN_OR_RETURN(const std::vector<stages::FolderItem> items,
                         stages::ListFolder(folder));
  std::vector<stages::DicomTag> tags;
  for (const stages::FolderItem& item : items) {
    if (!item.problem.empty() || !BeginsAsDicom(item.file)) continue;
    if (tags.empty()) {
      BESOM_ASSIGN_OR_RETURN(tags, TagsToRead());
    }
    auto texts = stages::ReadDicomTexts(item.file, tags);
    if (!texts.ok()) continue;
    std::string patient = std::move(texts->back());
    texts->pop_back();
    found.files_.push_back({item.path, std::move(patient), *std::move(texts)});
  }
  return found;
}

std::vector<const DicomFiles::File*> DicomFiles::Below(
    const Path& folder) const {
  const Path within = folder.lexically_relative(folder_);
  const std::string prefix = within == "." ? "" : within.string() + "/";
  std::vector<const File*> files;
  for (const File& file : files_)
    if (file.path.starts_with(prefix)) files.push_back(&file);
  return files;
}

std::vector<std::string> DicomFiles::NamesBelow(const Path& folder) const {
  std::vector<std::string> names;
  for (const File* file : Below(folder)) names.push_back(file->path);
  return names;
}

std::set<std::string> DicomFiles::PatientsBelow(const Path& folder) const {
  std::set<std::string> patients;
  for (const File* file : Below(folder))
    if (!file->patient.empty()) patients.insert(file->patient);
  return patients;
}

DicomLabels DicomFiles::GuessLabels() const {
  for (std::size_t tag = 0; tag < kLabelTags.size(); ++tag) {
    DicomLabels labels{kLabelTags[tag], {}};
    std::map<std::string, std::set<std::string>> patients;
    bool serves = true;
    for (const File& file : files_) {
      const std::string& label = file.labels[tag];
      serves &= stages::IsUtf8(label);
      if (label.empty()) continue;
      ++labels.images[label];
      if (!file.patient.empty()) patients[label].insert(file.patient);
    }
    serves &= labels.images.size() >= 2 && labels.images.size() <= kMostClasses;
    for (const auto& [label, images] : labels.images)
      serves &= images >= 2 && patients[label].size() != 1;
    if (serves) return labels;
  }
  return {};
}

}  // namespace besom::cli
