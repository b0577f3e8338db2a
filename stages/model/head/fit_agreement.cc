#include "stages/model/head/fit_agreement.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/digest.h"

namespace besom::stages {
namespace {

// A digest in hexadecimal, and behind it the wish to stop.
constexpr std::size_t kDigestBytes = 64;

template <typename T>
std::string_view BytesOf(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

}  // namespace

Result<FitAgreement> FitAgreement::Make(cluster::Group& group,
                                        double timeout_seconds) {
  FitAgreement agreement;
  BESOM_ASSIGN_OR_RETURN(agreement.exchange_,
                         cluster::GroupExchange::Make(group, kDigestBytes + 1));
  agreement.timeout_seconds_ = timeout_seconds;
  return agreement;
}

Result<bool> FitAgreement::AfterEpoch(bool stop,
                                      std::span<const double> figures) {
  if (!exchange_) return stop;
  return Compare(stop, std::string(BytesOf(figures)));
}

Status FitAgreement::AtTheEnd(const FitWeights& weights) {
  if (!exchange_) return Status::Ok();
  std::string bytes;
  for (const HeadLayer& layer : weights.head) {
    bytes += BytesOf(std::span(layer.weights));
    bytes += BytesOf(std::span(layer.bias));
  }
  for (const NamedTensor& tensor : weights.base)
    bytes += BytesOf(std::span(tensor.values));
  return Compare(false, bytes).status();
}

Result<bool> FitAgreement::Compare(bool stop, const std::string& bytes) {
  const std::string mine = DigestOf(bytes).Hex() + (stop ? '1' : '0');
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> all,
                         exchange_->All(mine, timeout_seconds_));
  for (const std::string& other : all) {
    if (other.substr(0, kDigestBytes) == mine.substr(0, kDigestBytes)) continue;
    return OnAll(Status(
        StatusCode::kInternal, "fine_tune",
        "the ranks that train one head together came to different numbers",
        "give all ranks of a trial the same kind of processor"));
  }
  return std::ranges::any_of(
      all, [](const std::string& other) { return other.back() == '1'; });
}

Status FitAgreement::OnAll(Status status) {
  on_all_ = true;
  return status;
}

}  // namespace besom::stages
