#include "stages/model/head/epoch_draws.h"

#include <algorithm>
#include <numeric>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

using Members = std::vector<std::vector<std::size_t>>;

// The images of each class that has some, in the order given.
Members MembersOf(const std::vector<std::size_t>& order,
                  const std::vector<int>& labels) {
  const int classes = *std::max_element(labels.begin(), labels.end()) + 1;
  Members members(static_cast<std::size_t>(classes));
  for (const std::size_t image : order)
    members[static_cast<std::size_t>(labels[image])].push_back(image);
  std::erase_if(members, [](const auto& images) { return images.empty(); });
  return members;
}

// How many images of each class an epoch holds.
std::size_t BalancedSize(const Members& members, ClassBalance balance) {
  const auto [fewest, most] = std::minmax_element(
      members.begin(), members.end(),
      [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return balance == ClassBalance::kUndersample ? fewest->size() : most->size();
}

std::vector<std::size_t> Balanced(const std::vector<std::size_t>& order,
                                  const std::vector<int>& labels,
                                  ClassBalance balance) {
  const Members members = MembersOf(order, labels);
  const std::size_t wanted = BalancedSize(members, balance);
  std::vector<std::size_t> result;
  for (const auto& images : members)
    for (std::size_t i = 0; i < wanted; ++i)
      result.push_back(images[i % images.size()]);
  return result;
}

std::vector<std::size_t> InOrderOfScan(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

}  // namespace

std::vector<std::size_t> EpochOrder(const std::vector<int>& labels,
                                    const TrainSettings& settings,
                                    std::uint64_t sweep_seed, const FitKey& key,
                                    int epoch) {
  const auto repeat = static_cast<std::uint64_t>(key.repeat);
  const auto fold = static_cast<std::uint64_t>(key.fold);
  const auto at = static_cast<std::uint64_t>(epoch);
  KeyedRandom random =
      settings.own_order
          ? KeyedRandom(sweep_seed, "own_order",
                        {repeat, fold, at, settings.seed})
          : KeyedRandom(sweep_seed, "batch_order", {repeat, fold, at});
  std::vector<std::size_t> order = InOrderOfScan(labels.size());
  random.Shuffle(order);
  if (settings.balance == ClassBalance::kNone || labels.empty()) return order;
  order = Balanced(order, labels, settings.balance);
  random.Shuffle(order);  // Balancing left it sorted by class.
  return order;
}

std::size_t EpochSize(const std::vector<int>& labels, ClassBalance balance) {
  if (balance == ClassBalance::kNone || labels.empty()) return labels.size();
  const Members members = MembersOf(InOrderOfScan(labels.size()), labels);
  return members.size() * BalancedSize(members, balance);
}

std::vector<std::vector<float>> DropoutMasks(const std::vector<int>& hidden,
                                             double dropout, const FitKey& key,
                                             int epoch, int step, int rows,
                                             const HeadKernels& kernels) {
  std::vector<std::vector<float>> masks;
  if (dropout == 0) return masks;
  const auto threshold = static_cast<std::uint32_t>(dropout * 0x1.0p32);
  const auto scale = static_cast<float>(1 / (1 - dropout));
  for (std::size_t l = 0; l < hidden.size(); ++l) {
    KeyedRandom random(
        key.train_seed, "dropout",
        {l, static_cast<std::uint64_t>(key.repeat),
         static_cast<std::uint64_t>(key.fold),
         static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(step)});
    std::uint32_t stream[4];
    for (std::uint32_t& word : stream) word = random.Next32();
    std::vector<float>& mask = masks.emplace_back(
        static_cast<std::size_t>(rows) * PaddedWidth(hidden[l]));
    kernels.mask(stream, threshold, scale, static_cast<int>(mask.size()),
                 mask.data());
  }
  return masks;
}

}  // namespace besom::stages
