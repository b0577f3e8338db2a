#include "pipeline/cli/machine/weights_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stages/model/backbone_catalog.h"
#include "stages/model/safetensors.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
namespace {

constexpr double kMebibyte = 1024.0 * 1024.0;

/// What a file of the weights folder says of itself.
struct WeightsFile {
  std::string name;  ///< Without folder and ending.
  Path path;
  std::string backbone, source, license;
};

std::string MetadataOr(const stages::Safetensors& file, const char* key,
                       const std::string& fallback) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? fallback : it->second;
}

WeightsFile ReadFileHead(const Path& path) {
  WeightsFile file{.name = path.stem().string(), .path = path};
  const auto opened = stages::Safetensors::OpenFile(path);
  if (!opened.ok()) return file;
  const bool of_backbone = stages::DescribeBackbone(file.name).ok();
  file.backbone =
      MetadataOr(*opened, "architecture", of_backbone ? file.name : "");
  file.source = MetadataOr(*opened, "source", "");
  file.license = MetadataOr(*opened, "license", "");
  return file;
}

/// The .safetensors files of the weights folder, by name.
std::vector<WeightsFile> ReadFolder() {
  std::vector<WeightsFile> files;
  std::error_code error;
  for (const auto& item :
       std::filesystem::directory_iterator(stages::WeightsFolder(), error))
    if (item.path().extension() == ".safetensors" && item.is_regular_file())
      files.push_back(ReadFileHead(item.path()));
  std::sort(files.begin(), files.end(),
            [](const WeightsFile& a, const WeightsFile& b) {
              return a.name < b.name;
            });
  return files;
}

/// Makes the list and remembers which files of the folder it has told of.
class Listing {
 public:
  explicit Listing(const stages::WeightsRegistry& registry)
      : registry_(registry), files_(ReadFolder()) {}

  std::vector<ListedWeights> Make() {
    std::vector<ListedWeights> list;
    for (const stages::PretrainedWeights& entry : registry_.entries())
      list.push_back(OfEntry(entry));
    for (const WeightsFile& file : files_)
      if (!told_.contains(file.name)) list.push_back(OfFile(file));
    return list;
  }

 private:
  const WeightsFile* FileNamed(const std::string& name) const {
    for (const WeightsFile& file : files_)
      if (file.name == name) return &file;
    return nullptr;
  }

  ListedWeights OfEntry(const stages::PretrainedWeights& entry) {
    const WeightsFile* own = FileNamed(entry.name);
    const WeightsFile* usual = FileNamed(entry.backbone);
    const bool is_usual = usual != nullptr && usual->source == entry.source();
    const WeightsFile* file = own != nullptr ? own : is_usual ? usual : nullptr;
    if (own != nullptr) told_.insert(own->name);
    if (is_usual) told_.insert(usual->name);
    const bool built = stages::DescribeBackbone(entry.backbone).ok();
    return {.backbone = entry.backbone,
            .name = entry.name,
            .imagenet = usual != nullptr ? is_usual : entry.imagenet,
            .state = !built            ? "not built yet"
                     : file != nullptr ? "present"
                                       : "not here",
            .mebibytes = entry.mebibytes,
            .license = entry.license,
            .digest = entry.digest.ToText(),
            .source = entry.source(),
            .path = file != nullptr ? file->path : Path()};
  }

  ListedWeights OfFile(const WeightsFile& file) const {
    const auto stat = StatFile(file.path);
    return {.backbone = file.backbone,
            .name = file.name,
            .imagenet = file.name == file.backbone,
            .state = "present",
            .mebibytes =
                stat.ok() ? static_cast<double>(stat->size) / kMebibyte : 0,
            .license = file.license,
            .digest = "",
            .source = file.source,
            .path = file.path};
  }

  const stages::WeightsRegistry& registry_;
  const std::vector<WeightsFile> files_;
  std::set<std::string> told_;
};

db::Cell TextOrNull(const std::string& text) {
  return text.empty() ? db::Cell() : db::Cell(text);
}

}  // namespace

std::vector<ListedWeights> ListWeights(
    const stages::WeightsRegistry& registry) {
  return Listing(registry).Make();
}

std::string WeightsTable(const std::vector<ListedWeights>& list,
                         TableFormat format) {
  db::Table table{.columns = {"backbone", "weights", "imagenet", "state",
                              "mebibytes", "license", "digest", "source",
                              "path"}};
  for (const ListedWeights& line : list)
    table.rows.push_back(
        {TextOrNull(line.backbone), line.name,
         db::Cell(std::string(line.imagenet ? "yes" : "no")), line.state,
         line.mebibytes > 0 ? db::Cell(line.mebibytes) : db::Cell(),
         TextOrNull(line.license), TextOrNull(line.digest),
         TextOrNull(line.source), TextOrNull(line.path.string())});
  return FormatTable(table, format);
}

Result<NamedWeights> ReadWeightsName(const std::string& name,
                                     const stages::WeightsRegistry& registry) {
  if (const stages::PretrainedWeights* entry = registry.Find(name))
    return NamedWeights{entry->backbone, name};
  if (!registry.NamesOf(name).empty() || stages::DescribeBackbone(name).ok())
    return NamedWeights{name, "imagenet"};
  const Path path = stages::WeightsPath(name);
  if (name.find('/') == std::string::npos && StatFile(path).ok())
    return NamedWeights{ReadFileHead(path).backbone, path.string()};
  return InvalidError("weights",
                      fmt::format("there are no weights named {}", name),
                      "besom weights list tells all names");
}

Result<Path> FindNamedWeights(const std::string& name,
                              const stages::WeightsRegistry& registry) {
  BESOM_ASSIGN_OR_RETURN(const NamedWeights named,
                         ReadWeightsName(name, registry));
  BESOM_ASSIGN_OR_RETURN(const stages::WeightsInfo info,
                         stages::ResolveWeights(named.backbone, named.weights));
  return info.path;
}

}  // namespace besom::cli
