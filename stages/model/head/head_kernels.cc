#include "stages/model/head/head_kernels.h"

#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace besom::stages {
namespace {

// Any processor. Without a fused multiply-add in hardware the C library's is
// called: slow, and the same bits.
namespace portable {
#define BESOM_HEAD_TARGET
constexpr int kRows = 4, kColumns = 1;

struct Vec {
  float lane[kHeadTile];
};
template <typename Operation>
inline Vec Each(Operation operation) {
  Vec r;
  for (int l = 0; l < kHeadTile; ++l) r.lane[l] = operation(l);
  return r;
}
inline Vec Set(float x) {
  return Each([&](int) { return x; });
}
inline Vec Load(const float* from) {
  return Each([&](int l) { return from[l]; });
}
inline void Store(float* to, const Vec& a) {
  for (int l = 0; l < kHeadTile; ++l) to[l] = a.lane[l];
}
inline Vec Add(const Vec& a, const Vec& b) {
  return Each([&](int l) { return a.lane[l] + b.lane[l]; });
}
inline Vec Sub(const Vec& a, const Vec& b) {
  return Each([&](int l) { return a.lane[l] - b.lane[l]; });
}
inline Vec Mul(const Vec& a, const Vec& b) {
  return Each([&](int l) { return a.lane[l] * b.lane[l]; });
}
inline Vec Div(const Vec& a, const Vec& b) {
  return Each([&](int l) { return a.lane[l] / b.lane[l]; });
}
inline Vec Sqrt(const Vec& a) {
  return Each([&](int l) { return __builtin_sqrtf(a.lane[l]); });
}
inline Vec Fma(const Vec& a, const Vec& b, const Vec& c) {
  return Each(
      [&](int l) { return __builtin_fmaf(a.lane[l], b.lane[l], c.lane[l]); });
}
#include "stages/model/head/head_kernels.inc"
#undef BESOM_HEAD_TARGET
}  // namespace portable

constexpr HeadKernels kPortable{
    "portable",      portable::Product, portable::Update, portable::Gradient,
    portable::Apply, portable::Squares, portable::Blend,  portable::Mask};

#if defined(__x86_64__)

namespace avx2 {
#define BESOM_HEAD_TARGET __attribute__((target("arch=x86-64-v3")))
constexpr int kRows = 4, kColumns = 1;

struct Vec {
  __m256 low, high;
};
BESOM_HEAD_TARGET inline Vec Set(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
BESOM_HEAD_TARGET inline Vec Load(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
BESOM_HEAD_TARGET inline void Store(float* to, const Vec& a) {
  _mm256_storeu_ps(to, a.low);
  _mm256_storeu_ps(to + 8, a.high);
}
BESOM_HEAD_TARGET inline Vec Add(const Vec& a, const Vec& b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
BESOM_HEAD_TARGET inline Vec Sub(const Vec& a, const Vec& b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
BESOM_HEAD_TARGET inline Vec Mul(const Vec& a, const Vec& b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
BESOM_HEAD_TARGET inline Vec Div(const Vec& a, const Vec& b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
BESOM_HEAD_TARGET inline Vec Sqrt(const Vec& a) {
  return {_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)};
}
BESOM_HEAD_TARGET inline Vec Fma(const Vec& a, const Vec& b, const Vec& c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low),
          _mm256_fmadd_ps(a.high, b.high, c.high)};
}
#include "stages/model/head/head_kernels.inc"
#undef BESOM_HEAD_TARGET
}  // namespace avx2

namespace avx512 {
#define BESOM_HEAD_TARGET __attribute__((target("arch=x86-64-v4")))
constexpr int kRows = 8, kColumns = 2;

struct Vec {
  __m512 all;
};
BESOM_HEAD_TARGET inline Vec Set(float x) { return {_mm512_set1_ps(x)}; }
BESOM_HEAD_TARGET inline Vec Load(const float* from) {
  return {_mm512_loadu_ps(from)};
}
BESOM_HEAD_TARGET inline void Store(float* to, const Vec& a) {
  _mm512_storeu_ps(to, a.all);
}
BESOM_HEAD_TARGET inline Vec Add(const Vec& a, const Vec& b) {
  return {_mm512_add_ps(a.all, b.all)};
}
BESOM_HEAD_TARGET inline Vec Sub(const Vec& a, const Vec& b) {
  return {_mm512_sub_ps(a.all, b.all)};
}
BESOM_HEAD_TARGET inline Vec Mul(const Vec& a, const Vec& b) {
  return {_mm512_mul_ps(a.all, b.all)};
}
BESOM_HEAD_TARGET inline Vec Div(const Vec& a, const Vec& b) {
  return {_mm512_div_ps(a.all, b.all)};
}
BESOM_HEAD_TARGET inline Vec Sqrt(const Vec& a) {
  // g++ 12 warns about the unmasked form's own uninitialised operand.
  return {_mm512_maskz_sqrt_ps(0xFFFF, a.all)};
}
BESOM_HEAD_TARGET inline Vec Fma(const Vec& a, const Vec& b, const Vec& c) {
  return {_mm512_fmadd_ps(a.all, b.all, c.all)};
}
#include "stages/model/head/head_kernels.inc"
#undef BESOM_HEAD_TARGET
}  // namespace avx512

constexpr HeadKernels kAvx2{"x86-64-v3",    avx2::Product, avx2::Update,
                            avx2::Gradient, avx2::Apply,   avx2::Squares,
                            avx2::Blend,    avx2::Mask};
constexpr HeadKernels kAvx512{
    "x86-64-v4",   avx512::Product, avx512::Update, avx512::Gradient,
    avx512::Apply, avx512::Squares, avx512::Blend,  avx512::Mask};

// The levels x86-64-v3 and v4 by features that every compiler can ask for.
bool RunsAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool RunsAvx512() {
  return RunsAvx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

std::vector<const HeadKernels*> FindRunnable() {
  std::vector<const HeadKernels*> sets;
  if (RunsAvx512()) sets.push_back(&kAvx512);
  if (RunsAvx2()) sets.push_back(&kAvx2);
  sets.push_back(&kPortable);
  return sets;
}

#else

std::vector<const HeadKernels*> FindRunnable() { return {&kPortable}; }

#endif

}  // namespace

std::span<const HeadKernels* const> RunnableHeadKernels() {
  static const std::vector<const HeadKernels*> kSets = FindRunnable();
  return kSets;
}

const HeadKernels& BestHeadKernels() { return *RunnableHeadKernels().front(); }

}  // namespace besom::stages
