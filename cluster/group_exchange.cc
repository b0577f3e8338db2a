#include "cluster/group_exchange.h"

#include <algorithm>

#include "pipeline/base/check.h"

namespace besom::cluster {

Result<GroupExchange> GroupExchange::Make(Group& group, std::size_t bytes) {
  BESOM_CHECK(!group.on_device(), "bytes are exchanged between CPUs");
  const std::size_t floats = static_cast<std::size_t>(group.size()) * bytes;
  BESOM_ASSIGN_OR_RETURN(const int bucket, group.AddBucket(floats));
  return GroupExchange(group, bytes, bucket);
}

Result<std::vector<std::string>> GroupExchange::All(std::string_view mine,
                                                    double timeout_seconds) {
  BESOM_CHECK(mine.size() == bytes_, "all members give as many bytes");
  // A byte is a small whole number, and every other part of its place is 0:
  // their sum is exact.
  const int shard = static_cast<int>(group_->own_shards().begin);
  float* const place = group_->Part(bucket_, shard) +
                       static_cast<std::size_t>(group_->rank()) * bytes_;
  std::ranges::transform(mine, place, [](char byte) {
    return static_cast<float>(static_cast<unsigned char>(byte));
  });
  BESOM_RETURN_IF_ERROR(group_->Start(bucket_));
  BESOM_RETURN_IF_ERROR(group_->Wait(bucket_, timeout_seconds));
  const float* sum = group_->Sum(bucket_);
  std::vector<std::string> all(static_cast<std::size_t>(group_->size()));
  for (std::string& bytes : all)
    for (std::size_t i = 0; i < bytes_; ++i)
      bytes += static_cast<char>(static_cast<unsigned char>(*sum++));
  return all;
}

}  // namespace besom::cluster
