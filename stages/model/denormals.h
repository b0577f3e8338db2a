#pragma once

namespace besom::stages {

/// Within its scope the calling thread, and threads that it starts, treat
/// denormal numbers as zero; afterwards it does as before.
class DenormalsAsZero {
 public:
  DenormalsAsZero();
  ~DenormalsAsZero();
  DenormalsAsZero(const DenormalsAsZero&) = delete;
  DenormalsAsZero& operator=(const DenormalsAsZero&) = delete;

 private:
  unsigned int before_;
};

}  // namespace besom::stages
