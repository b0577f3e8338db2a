#include "stages/model/flushed_denormals.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace besom::stages {

#if defined(__x86_64__)

FlushedDenormals::FlushedDenormals() : before_(_mm_getcsr()) {
  constexpr unsigned kFlushResults = 0x8000, kTakeAsZero = 0x0040;
  _mm_setcsr(before_ | kFlushResults | kTakeAsZero);
}

FlushedDenormals::~FlushedDenormals() { _mm_setcsr(before_); }

#else

FlushedDenormals::FlushedDenormals() = default;
FlushedDenormals::~FlushedDenormals() = default;

#endif

}  // namespace besom::stages
