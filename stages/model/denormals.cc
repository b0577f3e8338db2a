#include "stages/model/denormals.h"

#include <xmmintrin.h>

namespace besom::stages {
namespace {

constexpr unsigned int kFlushResults = 0x8000;  // FTZ.
constexpr unsigned int kZeroInputs = 0x0040;    // DAZ.

}  // namespace

DenormalsAsZero::DenormalsAsZero() : before_(_mm_getcsr()) {
  _mm_setcsr(before_ | kFlushResults | kZeroInputs);
}

DenormalsAsZero::~DenormalsAsZero() { _mm_setcsr(before_); }

}  // namespace besom::stages
