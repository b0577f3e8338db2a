#include "stages/data/duplicate_pairs.h"

#include <utility>

namespace besom::stages {
namespace {

constexpr int kFormatVersion = 1;

Result<NearPair> PairFromJson(const Json& json) {
  NearPair pair;
  BESOM_ASSIGN_OR_RETURN(
      pair.a, Digest::FromHex(json.at("a").get_ref<const std::string&>()));
  BESOM_ASSIGN_OR_RETURN(
      pair.b, Digest::FromHex(json.at("b").get_ref<const std::string&>()));
  json.at("distance").get_to(pair.distance);
  json.at("correlation").get_to(pair.correlation);
  return pair;
}

}  // namespace

Json NearPairs::ToJson() const {
  Json list = Json::array();
  for (const NearPair& pair : pairs)
    list.push_back({{"a", pair.a.Hex()},
                    {"b", pair.b.Hex()},
                    {"distance", pair.distance},
                    {"correlation", pair.correlation}});
  return {{"version", kFormatVersion}, {"pairs", std::move(list)}};
}

Result<NearPairs> NearPairs::FromJson(const Json& json) {
  try {
    if (json.at("version").get<int>() != kFormatVersion)
      return CorruptError("duplicate pairs", "made by another version of besom",
                          "run the sweep again");
    NearPairs near;
    for (const Json& item : json.at("pairs")) {
      BESOM_ASSIGN_OR_RETURN(NearPair pair, PairFromJson(item));
      near.pairs.push_back(pair);
    }
    return near;
  } catch (const Json::exception& error) {
    return CorruptError("duplicate pairs", error.what());
  }
}

}  // namespace besom::stages
