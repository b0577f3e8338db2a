#include "pipeline/cli/reading/receipt_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace besom::cli {
namespace {

constexpr std::size_t kMostPairs = 30;

std::string WordAt(const Json& pair, const char* key, std::size_t index) {
  return pair.at(key).at(index).get<std::string>();
}

bool IsOfTwoLabels(const Json& pair) {
  return pair.at("labels").at(0) != pair.at("labels").at(1);
}

std::string PairLine(const Json& pair) {
  std::string line = fmt::format("  {} = {}: ", WordAt(pair, "images", 0),
                                 WordAt(pair, "images", 1));
  line += pair.at("kind") == "exact"
              ? "equal"
              : fmt::format("near, correlation {:.3f}, hash distance {}",
                            pair.at("correlation").get<double>(),
                            pair.at("distance").get<int>());
  if (pair.at("different_patients").get<bool>())
    line += fmt::format(", different patients ({}, {})",
                        WordAt(pair, "groups", 0), WordAt(pair, "groups", 1));
  if (IsOfTwoLabels(pair))
    line += fmt::format(", different labels ({}, {}): left out",
                        WordAt(pair, "labels", 0), WordAt(pair, "labels", 1));
  return line + "\n";
}

std::string DuplicatesText(const Json& duplicates, const std::string& path) {
  auto pairs = duplicates.at("pairs").get<std::vector<Json>>();
  std::stable_partition(pairs.begin(), pairs.end(), IsOfTwoLabels);
  std::string text = fmt::format(
      "\nduplicates: {} equal picture(s) of {} images, {} near pair(s), {} "
      "pair(s) of different patients, {} image(s) left out for another label\n",
      duplicates.at("pictures").get<int>(), duplicates.at("images").get<int>(),
      duplicates.at("near_pairs").get<int>(),
      duplicates.at("different_patients").get<int>(),
      duplicates.at("other_labels").get<int>());
  for (std::size_t i = 0; i < std::min(pairs.size(), kMostPairs); ++i)
    text += PairLine(pairs[i]);
  if (pairs.size() > kMostPairs)
    text += fmt::format("  and {} more: {}\n", pairs.size() - kMostPairs, path);
  return text;
}

}  // namespace

std::string ReceiptText(const Json& receipt, const std::string& path) {
  std::string text;
  if (const auto found = receipt.find("duplicates"); found != receipt.end())
    text += DuplicatesText(*found, path);
  if (const auto found = receipt.find("assertions"); found != receipt.end()) {
    text += "\nassertions\n";
    for (const Json& row : *found)
      text +=
          fmt::format("  {}: {} ({})\n", row.at("assertion").get<std::string>(),
                      row.at("result").get<std::string>(),
                      row.at("figures").get<std::string>());
  }
  for (const char* key : {"leaks", "warnings"}) {
    const auto found = receipt.find(key);
    if (found == receipt.end() || found->empty()) continue;
    text += fmt::format("\n{}\n", key);
    for (const Json& words : *found)
      text += fmt::format("  {}\n", words.get<std::string>());
  }
  return text;
}

}  // namespace besom::cli
