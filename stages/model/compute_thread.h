#pragma once

namespace besom::stages {

/// Makes the calling thread compute with `threads` threads (its own included)
/// and all of them treat denormal numbers as zero. Cheap when nothing changes;
/// whoever calls LibTorch to compute calls this first. Different threads of
/// the process may compute with different counts.
void PrepareComputeThread(int threads);

}  // namespace besom::stages
