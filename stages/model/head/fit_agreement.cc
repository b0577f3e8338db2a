#include "stages/model/head/fit_agreement.h"

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

Result<bool> FitAgreement::Alike(std::string_view bytes) {
  if (!exchange_) return true;
  BESOM_ASSIGN_OR_RETURN(const Answer answer, Ask(false, bytes));
  return answer.alike;
}

Result<bool> FitAgreement::AfterEpoch(bool stop,
                                      std::span<const double> figures) {
  if (!exchange_) return stop;
  return Compare(stop, BytesOf(figures));
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

Result<FitAgreement::Answer> FitAgreement::Ask(bool stop,
                                               std::string_view bytes) {
  const std::string mine = DigestOf(bytes).Hex() + (stop ? '1' : '0');
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> all,
                         exchange_->All(mine, timeout_seconds_));
  Answer answer;
  for (const std::string& other : all) {
    answer.alike = answer.alike && other.substr(0, kDigestBytes) ==
                                       mine.substr(0, kDigestBytes);
    answer.stop = answer.stop || other.back() == '1';
  }
  return answer;
}

Result<bool> FitAgreement::Compare(bool stop, std::string_view bytes) {
  BESOM_ASSIGN_OR_RETURN(const Answer answer, Ask(stop, bytes));
  if (answer.alike) return answer.stop;
  return OnAll(
      Status(StatusCode::kInternal, "fine_tune",
             "the ranks that train one head together came to different numbers",
             "give all ranks of a trial the same kind of processor"));
}

Status FitAgreement::OnAll(Status status) {
  on_all_ = true;
  return status;
}

}  // namespace besom::stages
