#include "stages/data/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "stages/data/scan_dicom.h"
#include "stages/data/scan_folder.h"
#include "stages/data/scan_settings.h"
#include "stages/data/scan_steps.h"

namespace besom::stages {
namespace {

Result<std::vector<FoundImage>> ScanPhantoms(const SourceSettings& source,
                                             const Json& section,
                                             const PhantomScan& phantom) {
  if (!phantom)
    return InvalidError(source.place + ".format",
                        "phantom images cannot be drawn here",
                        "use another format");
  Result<std::vector<ScanEntry>> drawn = phantom(section, source.classes);
  if (!drawn.ok()) return drawn.status().Within(source.place);
  std::vector<FoundImage> images;
  for (ScanEntry& entry : *drawn) {
    FoundImage image = NewImage(source, entry.path, {});
    image.entry.label = std::move(entry.label);
    image.entry.group = std::move(entry.group);
    image.entry.content = entry.content;
    image.entry.generator = std::move(entry.generator);
    image.entry.left_out = std::move(entry.left_out);
    images.push_back(std::move(image));
  }
  return images;
}

Result<std::vector<FoundImage>> FindImages(const SourceSettings& source,
                                           const Json& section,
                                           const ScanOptions& options) {
  if (source.format == "phantom")
    return ScanPhantoms(source, section, options.phantom);
  if (source.format == "dicom_folder")
    return ScanDicomFolder(source, options.threads, options.patient_key);
  if (source.format == "image_folder") return ScanImageFolder(source);
  return ScanTable(source);
}

/// Sorts by path; of entries of one path (names that differ only in bytes that
/// are not UTF-8) the first stays.
void SortByPath(std::vector<FoundImage>& images) {
  const auto path = [](const FoundImage& image) {
    return std::string_view(image.entry.path);
  };
  std::ranges::stable_sort(images, {}, path);
  const auto same = [&](const FoundImage& a, const FoundImage& b) {
    return path(a) == path(b);
  };
  images.erase(std::unique(images.begin(), images.end(), same), images.end());
}

class Scanner {
 public:
  Scanner(ContentDigests& digests, const ScanOptions& options)
      : digests_(digests), options_(options) {}

  Status Add(const Json& list, const char* place, bool external) {
    if (list.is_null()) return Status::Ok();
    if (!list.is_array()) return InvalidError(place, "not a list of sources");
    for (std::size_t i = 0; i < list.size(); ++i)
      BESOM_RETURN_IF_ERROR(
          AddSource(list[i], fmt::format("{}.{}", place, i), external));
    return Status::Ok();
  }

  SourceScan scan;

 private:
  Status AddSource(const Json& section, std::string place, bool external) {
    BESOM_ASSIGN_OR_RETURN(
        const SourceSettings source,
        ReadSourceSettings(section, std::move(place), external, scan.classes,
                           options_.base_folder));
    if (!names_.insert(source.name).second)
      return InvalidError(source.place + ".name",
                          fmt::format("'{}' names two sources", source.name),
                          "give each a name of its own");
    BESOM_ASSIGN_OR_RETURN(std::vector<FoundImage> images,
                           FindImages(source, section, options_));
    SortByPath(images);
    FillContents(images, digests_, options_.threads);
    BESOM_RETURN_IF_ERROR(CheckUsable(source, images));
    BESOM_RETURN_IF_ERROR(CompleteGroups(source, images));
    for (FoundImage& image : images) {
      scan.entries.push_back(std::move(image.entry));
      scan.absolute_paths.push_back(image.file.string());
    }
    return Status::Ok();
  }

  ContentDigests& digests_;
  const ScanOptions& options_;
  std::set<std::string> names_;
};

Status CheckClasses(const Json& ingest, std::vector<std::string>& classes) {
  const auto it = ingest.find("classes");
  if (it == ingest.end() || !it->is_array() || it->empty())
    return InvalidError("ingest.classes", "no classes are given");
  for (const Json& name : *it) {
    if (!name.is_string() || name.get_ref<const std::string&>().empty())
      return InvalidError("ingest.classes", "a class name is not a text");
    classes.push_back(name.get<std::string>());
  }
  return Status::Ok();
}

}  // namespace

std::optional<Digest> MemoryContentDigests::Find(const Path& path,
                                                 const FileStat& stat) {
  const auto it = known_.find(path);
  if (it == known_.end() || it->second.first != stat) return std::nullopt;
  return it->second.second;
}

void MemoryContentDigests::Store(const Path& path, const FileStat& stat,
                                 const Digest& digest) {
  known_.insert_or_assign(path, std::pair(stat, digest));
}

Result<SourceScan> ScanSources(const Json& ingest, const Json& external,
                               ContentDigests& digests,
                               const ScanOptions& options) {
  if (!ingest.is_object()) return InvalidError("ingest", "not a map");
  Scanner scanner(digests, options);
  BESOM_RETURN_IF_ERROR(CheckClasses(ingest, scanner.scan.classes));
  BESOM_RETURN_IF_ERROR(scanner.Add(ingest.value("sources", Json::array()),
                                    "ingest.sources", /*external=*/false));
  const auto limit = ingest.find("limit_per_class");
  if (limit != ingest.end() && limit->is_number_integer())
    BESOM_RETURN_IF_ERROR(
        LimitClasses(scanner.scan, limit->get<std::int64_t>(), options.seed));
  BESOM_RETURN_IF_ERROR(
      scanner.Add(external, "evaluate.external", /*external=*/true));
  if (scanner.scan.entries.empty())
    return InvalidError("ingest.sources", "there is no source");
  return std::move(scanner.scan);
}

}  // namespace besom::stages
