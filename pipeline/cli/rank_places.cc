#include "pipeline/cli/rank_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "cluster/cpu.h"
#include "pipeline/base/check.h"
#include "stages/model/numerics_tag.h"

namespace besom::cli {
namespace {

/// Fills in GPUs and threads of the ranks of one host.
void PlaceOnHost(const std::vector<RankCard>& cards,
                 const std::vector<int>& ranks,
                 std::map<std::string, int>& numbers, JobPlaces& job) {
  std::vector<std::vector<std::string>> visible;
  std::vector<std::vector<int>> cpus;
  double quota = 0;
  for (const int rank : ranks) {
    std::vector<std::string>& mine = visible.emplace_back();
    for (const cluster::Gpu& gpu : cards[rank].gpus) mine.push_back(gpu.uuid);
    cpus.push_back(cards[rank].cpus);
    quota = std::max(quota, cards[rank].quota);
  }
  const auto choices = cluster::DevicesForRanks(visible);
  const std::vector<int> threads = cluster::ThreadsOfRanks(
      cpus, quota > 0 ? std::optional(quota) : std::nullopt);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const RankCard& card = cards[ranks[i]];
    RankPlace& place = job.places[ranks[i]];
    run::RankTraits& traits = job.traits[ranks[i]];
    place.threads = threads[i];
    traits.host_bytes = card.host_bytes;
    traits.numerics = card.numerics;
    if (!choices[i]) continue;
    place.gpu = fmt::format("cuda:{}", choices[i]->device);
    place.shares_gpu = choices[i]->sharers > 1;
    const int next = static_cast<int>(numbers.size());
    traits.gpu = numbers.emplace(choices[i]->name, next).first->second;
    // Of what this process would offer beside such a GPU, that GPU's alone: the
    // rank's CPU may be another.
    std::vector<std::string> offered = stages::OfferedNumerics(
        card.gpus[static_cast<std::size_t>(choices[i]->device)].model);
    std::erase_if(offered, [](const std::string& tag) {
      return stages::DeviceKindOf(tag) == "cpu";
    });
    traits.numerics.insert(traits.numerics.begin(), offered.begin(),
                           offered.end());
  }
}

}  // namespace

RankCard RankCard::OfThisProcess(std::vector<cluster::Gpu> gpus,
                                 std::int64_t host_bytes) {
  return {.gpus = std::move(gpus),
          .cpus = cluster::AffinityCpus(),
          .quota = cluster::QuotaCores().value_or(0),
          .host_bytes = host_bytes,
          .numerics = stages::OfferedNumerics("")};
}

std::string RankCard::ToText() const {
  Json list = Json::array();
  for (const cluster::Gpu& gpu : gpus) list.push_back({gpu.uuid, gpu.model});
  return Json{{"gpus", std::move(list)},
              {"cpus", cpus},
              {"quota", quota},
              {"host_bytes", host_bytes},
              {"numerics", numerics}}
      .dump();
}

Result<RankCard> RankCard::FromText(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    RankCard card;
    for (const Json& gpu : json.at("gpus"))
      card.gpus.push_back({gpu.at(0), gpu.at(1)});
    card.cpus = json.at("cpus").get<std::vector<int>>();
    card.quota = json.at("quota");
    card.host_bytes = json.at("host_bytes");
    card.numerics = json.at("numerics").get<std::vector<std::string>>();
    return card;
  } catch (const Json::exception& error) {
    return CorruptError("rank", error.what(),
                        "let all ranks run the same build");
  }
}

JobPlaces PlaceRanks(const std::vector<RankCard>& cards,
                     const std::vector<int>& hosts) {
  BESOM_CHECK(cards.size() == hosts.size(), "one card and one host a rank");
  JobPlaces job;
  job.traits.resize(cards.size());
  job.places.resize(cards.size());
  std::map<int, std::vector<int>> ranks_of;
  for (int rank = 0; rank < static_cast<int>(hosts.size()); ++rank) {
    job.traits[rank].host = hosts[rank];
    ranks_of[hosts[rank]].push_back(rank);
  }
  std::map<std::string, int> numbers;  // Of GPUs, over all hosts.
  for (const auto& [host, ranks] : ranks_of)
    PlaceOnHost(cards, ranks, numbers, job);
  return job;
}

Result<std::vector<cluster::Gpu>> GpusHere() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return cluster::VisibleGpus(
      cluster::MachineGpus(cluster::kDriverFolder),
      visible ? std::optional<std::string>(visible) : std::nullopt);
}

Result<std::vector<std::string>> NumericsHere() {
  BESOM_ASSIGN_OR_RETURN(const std::vector<cluster::Gpu> gpus, GpusHere());
  return stages::OfferedNumerics(gpus.empty() ? "" : gpus.front().model);
}

}  // namespace besom::cli
