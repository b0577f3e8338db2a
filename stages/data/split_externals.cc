#include "stages/data/split_externals.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace besom::stages {
namespace {

/// The first image of each related set that is trained or validated on.
std::map<std::size_t, std::size_t> SeenRoots(const SourceScan& scan,
                                             const std::vector<FitParts>& fits,
                                             DisjointSets& related) {
  std::map<std::size_t, std::size_t> seen;
  for (std::size_t i = 0; i < scan.entries.size(); ++i)
    for (const FitParts& fit : fits)
      if (fit.part[i] == kTrain || fit.part[i] == kValidation)
        seen.emplace(related.Root(i), i);
  return seen;
}

/// For each related set, a seen one that an image of it is directly linked to.
/// One link, not a chain of them.
std::map<std::size_t, std::size_t> LinkedRoots(
    const ScreenedScan& screened,
    const std::map<std::size_t, std::size_t>& seen, DisjointSets& related) {
  std::map<std::size_t, std::size_t> linked;
  const auto add = [&](const Picture& from, const Picture& to) {
    for (const std::size_t other : to) {
      const auto found = seen.find(related.Root(other));
      if (found == seen.end()) continue;
      for (const std::size_t image : from)
        linked.emplace(related.Root(image), found->second);
      return;
    }
  };
  for (const PictureLink& link : screened.duplicates.links) {
    const std::vector<Picture>& pictures = screened.duplicates.pictures;
    add(pictures[link.a], pictures[link.b]);
    add(pictures[link.b], pictures[link.a]);
  }
  return linked;
}

SplitEntry EntryOf(const SourceScan& scan, const ScreenedScan& screened,
                   const std::vector<FitParts>& fits, std::size_t image) {
  const ScanEntry& from = scan.entries[image];
  SplitEntry entry{image,
                   from.source,
                   from.path,
                   from.label,
                   from.patients,
                   from.group,
                   from.content,
                   {},
                   screened.left_out[image],
                   {}};
  if (const std::size_t other = screened.duplicate_of[image]; other != image)
    entry.duplicate_of = NameOf(scan.entries[other]);
  for (const FitParts& fit : fits) {
    const SplitPart part = fit.part[image];
    entry.sets.push_back(
        !entry.left_out.empty() ? ""
        : from.external         ? from.source
        : part == kNoPart
            ? ""
            : std::string(kSplitParts[static_cast<std::size_t>(part)]));
  }
  return entry;
}

/// The parts of every fit as a table has them.
std::vector<FitParts> PartsOf(const SplitTable& table, std::size_t images) {
  std::vector<FitParts> fits(
      static_cast<std::size_t>(table.repeats * table.folds));
  for (std::size_t f = 0; f < fits.size(); ++f) {
    fits[f].part.assign(images, kNoPart);
    for (std::size_t i = 0; i < table.entries.size(); ++i)
      for (const SplitPart part : {kTrain, kValidation, kTest})
        if (table.entries[i].sets[f] ==
            kSplitParts[static_cast<std::size_t>(part)])
          fits[f].part[i] = part;
  }
  return fits;
}

/// The images of a table as the scan that it was made from. External sets of it
/// stand in no part, so they hold nothing that a later set must not share.
ScanEntry EntryOf(const SplitEntry& from) {
  ScanEntry entry;
  entry.source = from.source;
  entry.path = from.path;
  entry.label = from.label;
  entry.patients = from.patients;
  entry.group = from.group;
  entry.content = from.content;
  // What was left out as a duplicate is a picture as before.
  if (from.duplicate_of.empty()) entry.left_out = from.left_out;
  return entry;
}

}  // namespace

Status ScreenExternals(const SourceScan& scan,
                       const std::vector<FitParts>& fits,
                       ScreenedScan& screened,
                       std::vector<std::string>& leaks) {
  DisjointSets related = RelateImages(scan, screened);
  auto seen = SeenRoots(scan, fits, related);
  seen.merge(LinkedRoots(screened, seen, related));
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    const ScanEntry& entry = scan.entries[i];
    if (!entry.external || !screened.left_out[i].empty()) continue;
    const auto found = seen.find(related.Root(i));
    if (found == seen.end()) continue;
    const ScanEntry& other = scan.entries[found->second];
    const bool same_group =
        other.patients == entry.patients && other.group == entry.group;
    const std::string why =
        same_group
            ? fmt::format("its group is trained or validated on ({}/{}, as {})",
                          entry.patients, entry.group, NameOf(other))
            : fmt::format(
                  "a duplicate of it or of its group is trained or "
                  "validated on (as {})",
                  NameOf(other));
    if (entry.overlap == "error")
      return InvalidError(
          fmt::format("external set '{}', {}", entry.source, entry.path), why,
          "set its overlap to exclude or keep");
    if (entry.overlap == "keep")
      leaks.push_back(fmt::format("{}: {}", NameOf(entry), why));
    else
      screened.left_out[i] = why;
  }
  return Status::Ok();
}

SplitTable TableOf(const SourceScan& scan,
                   const std::vector<std::string>& classes,
                   const ScreenedScan& screened,
                   const std::vector<FitParts>& fits,
                   const SplitOptions& options) {
  SplitTable table;
  table.classes = classes;
  table.repeats = options.repeats;
  table.folds = options.folds;
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    const ScanEntry& entry = scan.entries[i];
    table.entries.push_back(EntryOf(scan, screened, fits, i));
    if (entry.external &&
        std::find(table.externals.begin(), table.externals.end(),
                  entry.source) == table.externals.end())
      table.externals.push_back(entry.source);
  }
  return table;
}

Result<SplitTable> PlaceLaterSets(const SplitTable& table,
                                  const SourceScan& later,
                                  const DecodingOutcomes& decoded,
                                  const NearPairs& near) {
  SourceScan scan;
  scan.classes = table.classes;
  DecodingOutcomes outcomes = decoded;
  for (const SplitEntry& entry : table.entries) {
    scan.entries.push_back(EntryOf(entry));
    // Of what is not known, the file alone tells whether it is the same.
    outcomes.try_emplace(entry.content, DecodingOutcome{"", entry.content});
  }
  scan.entries.insert(scan.entries.end(), later.entries.begin(),
                      later.entries.end());
  SplitOptions options;
  options.repeats = table.repeats;
  options.folds = table.folds;
  BESOM_ASSIGN_OR_RETURN(
      ScreenedScan screened,
      ScreenScan(scan, table.classes, outcomes, near, options));
  const std::vector<FitParts> fits = PartsOf(table, scan.entries.size());
  std::vector<std::string> leaks;
  BESOM_RETURN_IF_ERROR(ScreenExternals(scan, fits, screened, leaks));
  SplitTable placed = TableOf(scan, table.classes, screened, fits, options);
  placed.entries.erase(placed.entries.begin(),
                       placed.entries.begin() +
                           static_cast<std::ptrdiff_t>(table.entries.size()));
  for (std::size_t i = 0; i < placed.entries.size(); ++i)
    placed.entries[i].image = i;
  placed.receipt["leaks"] = leaks;
  return placed;
}

}  // namespace besom::stages
