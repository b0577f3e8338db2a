#include "stages/data/split_assertions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace besom::stages {
namespace {

Json Row(const char* assertion, bool holds, std::string figures) {
  return {{"assertion", assertion},
          {"result", holds ? "holds" : "fails"},
          {"figures", std::move(figures)}};
}

std::size_t FitsOf(const SplitTable& table) {
  return table.entries.empty() ? 0 : table.entries.front().sets.size();
}

Json AssertGroups(const SourceScan& scan, const SplitTable& table) {
  std::set<std::pair<std::string, std::string>> groups;
  int on_two = 0;
  for (std::size_t f = 0; f < FitsOf(table); ++f) {
    std::map<std::pair<std::string, std::string>, std::set<std::string>> sides;
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      const SplitEntry& entry = table.entries[i];
      if (scan.entries[i].external || entry.sets[f].empty()) continue;
      sides[{entry.patients, entry.group}].insert(entry.sets[f]);
    }
    for (const auto& [group, parts] : sides) {
      groups.insert(group);
      on_two += parts.size() > 1 ? 1 : 0;
    }
  }
  return Row("no group on two sides", on_two == 0,
             fmt::format("{} groups in {} fit(s), {} on two sides",
                         groups.size(), FitsOf(table), on_two));
}

/// Calls each(a, b) for each pair of used images of one picture, but for equal
/// files beyond the first only with the first.
template <typename Each>
void ForEachPair(const SplitTable& table, const DuplicateMap& duplicates,
                 Each each) {
  const auto used = [&](std::size_t i) {
    return table.entries[i].left_out.empty();
  };
  for (const Picture& picture : duplicates.pictures) {
    const auto first = std::ranges::find_if(picture, used);
    for (auto it = first; it != picture.end(); ++it)
      if (it != first && used(*it)) each(*first, *it);
  }
  for (const PictureLink& link : duplicates.links)
    for (const std::size_t a : duplicates.pictures[link.a])
      for (const std::size_t b : duplicates.pictures[link.b])
        if (used(a) && used(b)) each(a, b);
}

bool IsSeen(const SplitEntry& entry) {
  return std::ranges::any_of(entry.sets, [](const std::string& set) {
    return set == "train" || set == "validation";
  });
}

Json AssertExternals(const SourceScan& scan, const SplitTable& table,
                     const ScreenedScan& screened) {
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < table.entries.size(); ++i)
    if (!scan.entries[i].external && IsSeen(table.entries[i]))
      seen.emplace(table.entries[i].patients, table.entries[i].group);
  std::size_t used = 0;
  std::set<std::size_t> leaked;
  for (std::size_t i = 0; i < table.entries.size(); ++i) {
    const SplitEntry& entry = table.entries[i];
    if (!scan.entries[i].external || !entry.left_out.empty()) continue;
    ++used;
    if (seen.count({entry.patients, entry.group}) > 0) leaked.insert(i);
  }
  const auto look = [&](std::size_t external, std::size_t other) {
    if (scan.entries[external].external && !scan.entries[other].external &&
        IsSeen(table.entries[other]))
      leaked.insert(external);
  };
  ForEachPair(table, screened.duplicates, [&](std::size_t a, std::size_t b) {
    look(a, b);
    look(b, a);
  });
  return Row("no external image was trained on", leaked.empty(),
             fmt::format("{} used external images, {} whose group or picture "
                         "is in training or validation",
                         used, leaked.size()));
}

void AssertDuplicates(const SourceScan& scan, const SplitTable& table,
                      const ScreenedScan& screened, Json& rows) {
  int pairs = 0, on_two = 0, labels = 0;
  ForEachPair(table, screened.duplicates, [&](std::size_t a, std::size_t b) {
    ++pairs;
    labels += table.entries[a].label != table.entries[b].label ? 1 : 0;
    if (scan.entries[a].external || scan.entries[b].external) return;
    bool apart = false;
    for (std::size_t f = 0; f < FitsOf(table); ++f) {
      const std::string& one = table.entries[a].sets[f];
      const std::string& other = table.entries[b].sets[f];
      apart = apart || (!one.empty() && !other.empty() && one != other);
    }
    on_two += apart ? 1 : 0;
  });
  rows.push_back(Row(
      "no duplicate pair on two sides", on_two == 0,
      fmt::format("{} pairs of used images, {} on two sides", pairs, on_two)));
  rows.push_back(Row(
      "no duplicate of another label", labels == 0,
      fmt::format("{} pairs of used images, {} of two labels", pairs, labels)));
}

/// Images of one fit by part and class; class "" counts all.
using Counts = std::map<std::pair<SplitPart, std::string>, int>;
Counts CountsOf(const SourceScan& scan, const FitParts& fit) {
  Counts counts;
  for (std::size_t i = 0; i < fit.part.size(); ++i) {
    if (fit.part[i] == kNoPart) continue;
    ++counts[{fit.part[i], scan.entries[i].label}];
    ++counts[{fit.part[i], ""}];
  }
  return counts;
}

int At(const Counts& counts, SplitPart part, const std::string& name) {
  const auto found = counts.find({part, name});
  return found == counts.end() ? 0 : found->second;
}

constexpr std::array<SplitPart, 3> kParts = {kTrain, kValidation, kTest};

Json AssertClasses(const SourceScan& scan, const SplitTable& table,
                   const std::vector<FitParts>& fits) {
  int places = 0, missing = 0;
  for (const FitParts& fit : fits) {
    const Counts counts = CountsOf(scan, fit);
    for (const SplitPart part : kParts)
      for (const std::string& name : table.classes) {
        if (At(counts, part, "") == 0) continue;
        ++places;
        missing += At(counts, part, name) == 0 ? 1 : 0;
      }
  }
  return Row(
      "every class in every part", missing == 0,
      fmt::format("{} classes of parts, {} without an image", places, missing));
}

/// Images of the largest group by class; class "" counts all.
std::map<std::string, int> LargestGroups(
    const SourceScan& scan, const std::vector<SplitGroup>& groups) {
  std::map<std::string, int> largest;
  for (const SplitGroup& group : groups) {
    std::map<std::string, int> counts = {
        {"", static_cast<int>(group.images.size())}};
    for (const std::size_t image : group.images)
      ++counts[scan.entries[image].label];
    for (const auto& [name, count] : counts)
      largest[name] = std::max(largest[name], count);
  }
  return largest;
}

Json AssertShares(const SourceScan& scan, const SplitTable& table,
                  const std::vector<SplitGroup>& groups,
                  const std::vector<FitParts>& fits,
                  const SplitOptions& options) {
  const std::map<std::string, int> largest = LargestGroups(scan, groups);
  const std::vector<std::string> columns =
      options.stratify ? table.classes : std::vector<std::string>{""};
  double worst = 0, beyond = 0;
  std::string where = "no share was asked for";
  for (std::size_t f = 0; f < fits.size(); ++f) {
    const Counts counts = CountsOf(scan, fits[f]);
    for (const SplitPart part : kParts)
      for (const std::string& name : columns) {
        const auto p = static_cast<std::size_t>(part);
        const double asked = fits[f].asked[p];
        const auto group = largest.find(name);
        if (asked < 0 || group == largest.end()) continue;
        const int got = At(counts, part, name);
        const int all = At(counts, kTrain, name) +
                        At(counts, kValidation, name) + At(counts, kTest, name);
        const double miss = std::abs(got - asked * all);
        beyond = std::max(beyond, miss - (group->second + 1));
        if (all == 0 || miss < worst) continue;
        worst = miss;
        where = fmt::format(
            "largest miss: {} of {} images{}{} in {} of fit {} for a share of "
            "{:.4g} (largest group: {})",
            got, all, name.empty() ? "" : " of ", name, kSplitParts[p], f,
            asked, group->second);
      }
  }
  return Row("shares within tolerance", beyond <= 0, where);
}

}  // namespace

Json AssertSplit(const SourceScan& scan, const SplitTable& table,
                 const ScreenedScan& screened,
                 const std::vector<SplitGroup>& groups,
                 const std::vector<FitParts>& fits,
                 const SplitOptions& options) {
  Json rows = Json::array();
  rows.push_back(AssertGroups(scan, table));
  AssertDuplicates(scan, table, screened, rows);
  rows.push_back(AssertExternals(scan, table, screened));
  rows.push_back(AssertClasses(scan, table, fits));
  rows.push_back(AssertShares(scan, table, groups, fits, options));
  return rows;
}

}  // namespace besom::stages
