#pragma once

namespace besom::stages {

/// While it lives, this thread takes numbers below the normal range as zero.
/// Moments of units that are never used again fade into that range, where each
/// operation costs a hundred times as much; and what a thread computed before
/// (LibTorch sets the same for good) must not decide how a fit or an engine
/// rounds. Threads
/// that are started meanwhile do as their maker. Only x86-64 has it here.
class FlushedDenormals {
 public:
  FlushedDenormals();
  ~FlushedDenormals();
  FlushedDenormals(const FlushedDenormals&) = delete;
  FlushedDenormals& operator=(const FlushedDenormals&) = delete;

 private:
  unsigned before_ = 0;
};

}  // namespace besom::stages
