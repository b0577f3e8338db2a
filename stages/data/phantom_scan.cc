#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>

#include "pipeline/base/random.h"
#include "stages/data/phantom.h"
#include "stages/data/phantom_spec.h"
#include "stages/data/png_writer.h"

namespace besom::stages {
namespace {

/// A `phantom` source, parsed.
struct PhantomSource {
  std::string name, patients, use, overlap;
  int images = 240;
  int images_per_patient = 3;
  PhantomSpec spec;
  /// The kinds that are drawn, and their classes.
  std::vector<std::pair<PhantomKind, std::string>> kinds;
  /// By kind: share of the images that carry the planted marker.
  std::array<double, std::size(kPhantomKinds)> marked{};
};

/// Reads keys of one source; the first error stays.
class SourceReader {
 public:
  explicit SourceReader(const Json& source) : source_(source) {}
  const Status& status() const { return status_; }

  std::string Text(const char* key, std::string fallback) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) {
      Fail(key, "is not a text");
      return fallback;
    }
    return value->get<std::string>();
  }
  int Integer(const char* key, int fallback, int low, int high) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer() || *value < low || *value > high) {
      Fail(key, fmt::format("is not an integer from {} to {}", low, high));
      return fallback;
    }
    return value->get<int>();
  }
  std::uint64_t Seed(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_integer() || *value < 0) {
      Fail(key, "is not an integer from 0");
      return 0;
    }
    return value->get<std::uint64_t>();
  }
  double Share(const char* key, double fallback) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number() || *value < 0 || *value > 1) {
      Fail(key, "is not a number from 0 to 1");
      return fallback;
    }
    return value->get<double>();
  }
  const Json* Find(const char* key) const {
    const auto it = source_.find(key);
    return it == source_.end() || it->is_null() ? nullptr : &*it;
  }
  void Fail(const char* key, std::string cause, std::string cure = "") {
    if (status_.ok())
      status_ = InvalidError(fmt::format("phantom source, '{}'", key),
                             fmt::format("{} {}", key, cause), std::move(cure));
  }

 private:
  const Json& source_;
  Status status_;
};

/// The class of each kind, as INTERFACE's `labels` does: a text names a class,
/// null leaves the kind out.
void ReadLabels(const std::vector<std::string>& classes, SourceReader& reader,
                PhantomSource& source) {
  const Json* labels = reader.Find("labels");
  if (labels != nullptr && !labels->is_object())
    return reader.Fail("labels", "is not a map from kind to class");
  if (labels != nullptr)
    for (const auto& [kind, unused] : labels->items())
      if (std::find(std::begin(kPhantomKinds), std::end(kPhantomKinds), kind) ==
          std::end(kPhantomKinds))
        return reader.Fail("labels",
                           fmt::format("names the unknown kind '{}'", kind),
                           "the kinds are clear, consolidation and hazy");
  for (int i = 0; i < 3; ++i) {
    const std::string kind(kPhantomKinds[i]);
    std::string label = kind;
    if (labels != nullptr && labels->contains(kind)) {
      const Json& value = (*labels)[kind];
      if (value.is_null()) continue;
      if (!value.is_string())
        return reader.Fail("labels", "maps '" + kind + "' to no class name");
      label = value.get<std::string>();
    }
    if (std::find(classes.begin(), classes.end(), label) == classes.end())
      return reader.Fail(
          "labels", fmt::format("gives kind '{}' no class of this sweep", kind),
          fmt::format("set labels: {{{}: A_CLASS}}, or null to leave it out",
                      kind));
    source.kinds.emplace_back(static_cast<PhantomKind>(i), std::move(label));
  }
  if (source.kinds.empty()) reader.Fail("labels", "leaves out all kinds");
}

/// The shares of `marker`: a map from kind to share.
void ReadMarker(SourceReader& reader, PhantomSource& source) {
  const Json* marker = reader.Find("marker");
  if (marker == nullptr) return;
  if (!marker->is_object())
    return reader.Fail("marker", "is not a map from kind to share");
  for (const auto& [kind, share] : marker->items()) {
    const auto* const known =
        std::find(std::begin(kPhantomKinds), std::end(kPhantomKinds), kind);
    if (known == std::end(kPhantomKinds))
      return reader.Fail("marker",
                         fmt::format("names the unknown kind '{}'", kind),
                         "the kinds are clear, consolidation and hazy");
    if (!share.is_number() || share < 0 || share > 1)
      return reader.Fail("marker",
                         "maps '" + kind + "' to no number from 0 to 1");
    source.marked[static_cast<std::size_t>(known - kPhantomKinds)] = share;
  }
}

/// Whether an image carries the planted marker, `share` of a kind's do.
bool DrawPlanted(const PhantomSpec& spec, double share) {
  KeyedRandom random(spec.seed, "phantom planted marker",
                     {static_cast<std::uint64_t>(spec.patient),
                      static_cast<std::uint64_t>(spec.view)});
  return random.Uniform() < share;
}

Result<PhantomSource> ReadSource(const Json& json,
                                 const std::vector<std::string>& classes) {
  if (!json.is_object()) return InvalidError("phantom source", "not a map");
  SourceReader reader(json);
  PhantomSource source;
  source.name = reader.Text("name", "phantom");
  source.patients = reader.Text("patients", source.name);
  source.use = reader.Text("use", "auto");
  source.overlap = reader.Text("overlap", "exclude");
  source.images = reader.Integer("images", 240, 1, 10'000'000);
  source.images_per_patient =
      reader.Integer("images_per_patient", 3, 1, 10'000);
  source.spec.size =
      reader.Integer("size", 256, kSmallestPhantom, kLargestPhantom);
  source.spec.difficulty = reader.Share("difficulty", 0.5);
  source.spec.seed = reader.Seed("seed");
  ReadLabels(classes, reader, source);
  ReadMarker(reader, source);
  if (!reader.status().ok()) return reader.status();
  return source;
}

ScanEntry EntryOf(const PhantomSource& source, const PhantomSpec& spec,
                  const std::string& label) {
  ScanEntry entry;
  entry.source = source.name;
  // Three digits, or as many as sort the largest patient last.
  const int patients = (source.images - 1) / source.images_per_patient + 1;
  const int digits = std::max<int>(3, std::to_string(patients).size());
  const int view_digits = std::to_string(source.images_per_patient).size();
  entry.group = fmt::format("patient{:0{}}", spec.patient + 1, digits);
  entry.path =
      fmt::format("{}/view{:0{}}.png", entry.group, spec.view + 1, view_digits);
  entry.label = label;
  entry.patients = source.patients;
  entry.use = source.use;
  entry.overlap = source.overlap;
  entry.generator = GeneratorOf(spec);
  entry.content = DigestOfJson(entry.generator);
  return entry;
}

}  // namespace

Result<std::vector<ScanEntry>> ScanPhantom(
    const Json& source, const std::vector<std::string>& classes) {
  BESOM_ASSIGN_OR_RETURN(const PhantomSource phantom,
                         ReadSource(source, classes));
  std::vector<ScanEntry> entries;
  entries.reserve(static_cast<std::size_t>(phantom.images));
  for (int image = 0; image < phantom.images; ++image) {
    PhantomSpec spec = phantom.spec;
    spec.patient = image / phantom.images_per_patient;
    spec.view = image % phantom.images_per_patient;
    const auto& [kind, label] =
        phantom.kinds[static_cast<std::size_t>(spec.patient) %
                      phantom.kinds.size()];
    spec.kind = kind;
    spec.planted =
        DrawPlanted(spec, phantom.marked[static_cast<std::size_t>(kind)]);
    entries.push_back(EntryOf(phantom, spec, label));
  }
  return entries;
}

Result<int> WritePhantomFolder(const Json& source,
                               const std::vector<std::string>& classes,
                               const Path& folder) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<ScanEntry> entries,
                         ScanPhantom(source, classes));
  for (const ScanEntry& entry : entries) {
    int width = 0, height = 0;
    BESOM_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> pixels,
                           RenderPhantom(entry.generator, &width, &height));
    BESOM_ASSIGN_OR_RETURN(const std::string png,
                           EncodePng(pixels, width, height, 1));
    std::string name = entry.path;
    std::replace(name.begin(), name.end(), '/', '_');
    BESOM_RETURN_IF_ERROR(WriteFileAtomic(folder / entry.label / name, png));
  }
  return static_cast<int>(entries.size());
}

}  // namespace besom::stages
