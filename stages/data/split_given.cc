#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_map>

#include "stages/data/split_parts.h"

namespace besom::stages {
namespace {

/// Finds the image that a row of `split.file` means.
class ImageFinder {
 public:
  explicit ImageFinder(const SourceScan& scan) : scan_(scan) {
    for (std::size_t i = 0; i < scan.entries.size(); ++i) {
      const ScanEntry& entry = scan.entries[i];
      if (entry.external) continue;
      by_path_.emplace(entry.path, i);
      by_path_.emplace(NameOf(entry), i);
      const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
      if (name != entry.path) by_name_.emplace(name, i);
    }
  }

  /// Index of the image, or nothing when there is none; kInvalid when several
  /// images have that path, or that name and no image that path.
  Result<std::optional<std::size_t>> Find(const std::string& image) const {
    for (const auto* index : {&by_path_, &by_name_}) {
      const auto [first, last] = index->equal_range(image);
      if (first == last) continue;
      if (std::next(first) != last)
        return InvalidError(
            fmt::format("split.file, image '{}'", image),
            fmt::format("means {} and {}", NameOf(scan_.entries[first->second]),
                        NameOf(scan_.entries[std::next(first)->second])),
            "write SOURCE/PATH");
      return std::optional(first->second);
    }
    return std::optional<std::size_t>();
  }

 private:
  const SourceScan& scan_;
  std::multimap<std::string, std::size_t> by_path_, by_name_;
};

SplitPart PartNamed(const std::string& name) {
  return name == "train" ? kTrain : name == "test" ? kTest : kValidation;
}

Status CheckFold(const SplitRow& row, int folds) {
  if (!row.fold || *row.fold < folds) return Status::Ok();
  return InvalidError(
      "split.folds",
      fmt::format("split.file has fold {} for '{}', but folds is {}", *row.fold,
                  row.image, folds),
      fmt::format("set split.folds to at least {}", *row.fold + 1));
}

/// Writes one row into the folds that it is for.
Status Enter(const SplitRow& row, std::size_t image, const ScanEntry& entry,
             std::vector<FitParts>& folds) {
  const SplitPart part = PartNamed(row.split);
  if (entry.use != "auto" && entry.use != row.split)
    return InvalidError(fmt::format("split.file, image '{}'", row.image),
                        fmt::format("is {} there, but its source has use: {}",
                                    row.split, entry.use),
                        "make the two agree");
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    if (row.fold && *row.fold != static_cast<int>(fold)) continue;
    SplitPart& place = folds[fold].part[image];
    if (place != kNoPart && place != part)
      return InvalidError(
          fmt::format("split.file, image '{}'", row.image),
          fmt::format("is both {} and {} in fold {}",
                      kSplitParts[static_cast<std::size_t>(place)], row.split,
                      fold),
          "keep one of the rows");
    place = part;
  }
  return Status::Ok();
}

Status CheckSides(const SourceScan& scan, const SplitGroup& group,
                  const FitParts& fit) {
  std::optional<std::size_t> first;
  for (const std::size_t image : group.images) {
    if (fit.part[image] == kNoPart) continue;
    if (first && fit.part[*first] != fit.part[image])
      return TwoSidesError(
          scan, group, *first,
          kSplitParts[static_cast<std::size_t>(fit.part[*first])], image,
          kSplitParts[static_cast<std::size_t>(fit.part[image])]);
    if (!first) first = image;
  }
  return Status::Ok();
}

/// Images of a source with a given `use` need no row.
void EnterUse(const SourceScan& scan, const ScreenedScan& screened,
              std::vector<FitParts>& folds) {
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    const ScanEntry& entry = scan.entries[i];
    if (entry.external || entry.use == "auto" || !screened.left_out[i].empty())
      continue;
    for (FitParts& fit : folds)
      if (fit.part[i] == kNoPart) fit.part[i] = PartNamed(entry.use);
  }
}

void LeaveOutUnlisted(const SourceScan& scan,
                      const std::vector<FitParts>& folds,
                      ScreenedScan& screened) {
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    if (scan.entries[i].external || !screened.left_out[i].empty()) continue;
    bool listed = false;
    for (const FitParts& fit : folds) listed |= fit.part[i] != kNoPart;
    if (!listed) screened.left_out[i] = "not listed in split.file";
  }
}

}  // namespace

Result<std::vector<FitParts>> GivenFits(const SourceScan& scan,
                                        const std::vector<SplitGroup>& groups,
                                        const SplitOptions& options,
                                        ScreenedScan& screened,
                                        std::vector<std::string>& notes) {
  const ImageFinder finder(scan);
  std::vector<FitParts> folds(
      static_cast<std::size_t>(options.folds),
      {std::vector<SplitPart>(scan.entries.size(), kNoPart)});
  for (const SplitRow& row : *options.rows) {
    BESOM_RETURN_IF_ERROR(CheckFold(row, options.folds));
    BESOM_ASSIGN_OR_RETURN(const std::optional<std::size_t> image,
                           finder.Find(row.image));
    if (!image) {
      notes.push_back(
          fmt::format("split.file lists '{}', which no source has", row.image));
      continue;
    }
    if (!screened.left_out[*image].empty()) {
      notes.push_back(
          fmt::format("split.file lists '{}', which is left out: "
                      "{}",
                      row.image, screened.left_out[*image]));
      continue;
    }
    BESOM_RETURN_IF_ERROR(Enter(row, *image, scan.entries[*image], folds));
  }
  EnterUse(scan, screened, folds);
  LeaveOutUnlisted(scan, folds, screened);
  if (options.group)
    for (const SplitGroup& group : groups)
      for (const FitParts& fit : folds)
        BESOM_RETURN_IF_ERROR(CheckSides(scan, group, fit));
  std::vector<FitParts> fits;
  for (int repeat = 0; repeat < options.repeats; ++repeat)
    fits.insert(fits.end(), folds.begin(), folds.end());
  return fits;
}

}  // namespace besom::stages
