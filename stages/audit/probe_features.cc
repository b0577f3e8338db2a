#include "stages/audit/probe_features.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

// Sizes that so many images share, and so many of them at most, are columns of
// their own: that all images of a class have exactly one size is what no
// smooth function of a logarithm shows.
constexpr std::size_t kMostSizes = 8;
constexpr double kCommonShare = 0.05;

/// The ending of a file's name in lower case; all of JPEG's are "jpg".
std::string FormatOf(const std::string& path) {
  const std::size_t dot = path.find_last_of("./");
  if (dot == std::string::npos || path[dot] == '/') return "";
  std::string ending = path.substr(dot + 1);
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  const bool is_jpeg = ending == "jpeg" || ending == "jpe" || ending == "jfif";
  return is_jpeg ? "jpg" : ending;
}

using Columns = std::vector<std::vector<float>>;  // [columns][members]

/// One column per word that some image has; none where all have the same.
void AddWords(const AuditSet& set,
              const std::function<std::string(const AuditMember&)>& word,
              Columns& columns) {
  std::map<std::string, std::vector<float>> by_word;
  for (std::size_t i = 0; i < set.members.size(); ++i) {
    std::vector<float>& column = by_word[word(set.members[i])];
    column.resize(set.members.size());
    column[i] = 1;
  }
  if (by_word.size() < 2) return;
  for (auto& [text, column] : by_word) columns.push_back(std::move(column));
}

/// The sizes that many images have, the commonest first.
std::set<std::pair<int, int>> CommonSizes(const AuditSet& set) {
  std::map<std::pair<int, int>, std::size_t> counts;
  for (const AuditMember& member : set.members)
    ++counts[{member.record->source_width, member.record->source_height}];
  std::vector<std::pair<std::size_t, std::pair<int, int>>> order;
  for (const auto& [size, count] : counts)
    if (static_cast<double>(count) >=
        kCommonShare * static_cast<double>(set.members.size()))
      order.emplace_back(count, size);
  std::ranges::sort(order, std::greater());
  if (order.size() > kMostSizes) order.resize(kMostSizes);
  std::set<std::pair<int, int>> sizes;
  for (const auto& [count, size] : order) sizes.insert(size);
  return sizes;
}

void AddFileColumns(const AuditSet& set, Columns& columns) {
  std::vector<float> width, height, aspect;
  for (const AuditMember& member : set.members) {
    const double log_width = std::log(std::max(member.record->source_width, 1)),
                 log_height =
                     std::log(std::max(member.record->source_height, 1));
    width.push_back(static_cast<float>(log_width));
    height.push_back(static_cast<float>(log_height));
    aspect.push_back(static_cast<float>(log_width - log_height));
  }
  for (std::vector<float>* column : {&width, &height, &aspect})
    columns.push_back(std::move(*column));
  const std::set<std::pair<int, int>> common = CommonSizes(set);
  AddWords(
      set,
      [&](const AuditMember& member) -> std::string {
        const std::pair<int, int> size = {member.record->source_width,
                                          member.record->source_height};
        if (!common.contains(size)) return "";
        return std::to_string(size.first) + "x" + std::to_string(size.second);
      },
      columns);
  AddWords(
      set, [](const AuditMember& member) { return member.record->mode; },
      columns);
  AddWords(
      set,
      [](const AuditMember& member) { return FormatOf(member.entry->path); },
      columns);
}

ProbeFeatures FromColumns(std::string name, const Columns& columns,
                          std::size_t members) {
  ProbeFeatures probe{
      std::move(name), true, static_cast<int>(columns.size()), {}};
  probe.values.reserve(columns.size() * members);
  for (std::size_t i = 0; i < members; ++i)
    for (const std::vector<float>& column : columns)
      probe.values.push_back(column[i]);
  return probe;
}

bool IsInRing(int row, int column) {
  const int vertical = std::min(row, kRingGrid - 1 - row),
            horizontal = std::min(column, kRingGrid - 1 - column);
  return std::min(vertical, horizontal) < kRingCells ||
         std::max(vertical, horizontal) < kCornerCells;
}

/// A probe of pixels.
ProbeFeatures FromPixels(
    std::string name, bool may_alarm, const AuditSet& set,
    const DecodedImages& decoded,
    const std::function<std::vector<float>(std::span<const std::uint8_t>)>&
        see) {
  ProbeFeatures probe{std::move(name), may_alarm, 0, {}};
  for (const AuditMember& member : set.members) {
    const std::vector<float> seen = see(decoded.Pixels(member.entry->content));
    probe.columns = static_cast<int>(seen.size());
    probe.values.insert(probe.values.end(), seen.begin(), seen.end());
  }
  return probe;
}

}  // namespace

bool ProbeFeatures::Varies() const {
  const auto width = static_cast<std::size_t>(columns);
  for (std::size_t i = width; i < values.size(); ++i)
    if (values[i] != values[i - width]) return true;
  return false;
}

GridCells CellsOf(std::span<const std::uint8_t> pixels, int size, int grid) {
  const auto side = static_cast<std::size_t>(size);
  const std::size_t channels = pixels.size() / (side * side);
  BESOM_CHECK(size >= grid && pixels.size() == side * side * channels &&
                  (channels == 1 || channels == 3),
              "a square image of one or three channels");
  const auto count = static_cast<std::size_t>(grid);
  std::vector<int> most(count * count);
  std::vector<std::int64_t> sums(most.size()), counts(most.size());
  for (std::size_t y = 0; y < side; ++y)
    for (std::size_t x = 0; x < side; ++x) {
      const std::uint8_t* at = &pixels[(y * side + x) * channels];
      const std::size_t cell = y * count / side * count + x * count / side;
      const int grey = channels == 1 ? 1000 * at[0]
                                     : 299 * at[0] + 587 * at[1] + 114 * at[2];
      sums[cell] += grey;
      most[cell] = std::max(most[cell], grey);
      ++counts[cell];
    }
  constexpr double kWhite = 255'000;
  GridCells cells;
  for (std::size_t i = 0; i < most.size(); ++i) {
    cells.mean.push_back(
        static_cast<float>(static_cast<double>(sums[i]) /
                           (kWhite * static_cast<double>(counts[i]))));
    cells.brightest.push_back(static_cast<float>(most[i] / kWhite));
  }
  return cells;
}

std::vector<float> RingOf(std::span<const std::uint8_t> pixels, int size) {
  const GridCells cells = CellsOf(pixels, size, kRingGrid);
  std::vector<float> ring;
  for (int row = 0; row < kRingGrid; ++row)
    for (int column = 0; column < kRingGrid; ++column) {
      if (!IsInRing(row, column)) continue;
      const auto cell = static_cast<std::size_t>(row * kRingGrid + column);
      ring.push_back(cells.mean[cell]);
      ring.push_back(cells.brightest[cell]);
    }
  return ring;
}

std::vector<ProbeFeatures> ProbesOf(const AuditSet& set,
                                    const DecodedImages& decoded) {
  Columns columns;
  AddWords(
      set, [](const AuditMember& member) { return member.entry->source; },
      columns);
  const bool several_sources = !columns.empty();
  Columns file;
  AddFileColumns(set, file);
  columns.insert(columns.end(), file.begin(), file.end());
  std::vector<ProbeFeatures> probes;
  probes.push_back(FromColumns("facts", columns, set.members.size()));
  if (several_sources)
    probes.push_back(FromColumns("file", file, set.members.size()));
  const int size = decoded.size();
  probes.push_back(
      FromPixels("ring", true, set, decoded,
                 [size](const auto& pixels) { return RingOf(pixels, size); }));
  probes.push_back(
      FromPixels("blur", false, set, decoded, [size](const auto& pixels) {
        return CellsOf(pixels, size, kBlurGrid).mean;
      }));
  return probes;
}

}  // namespace besom::stages
