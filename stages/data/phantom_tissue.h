#pragma once

#include <cstdint>
#include <vector>

#include "stages/data/phantom_anatomy.h"

namespace besom::stages {

/// Smooth noise in about [-1, 1], zero mean: random values on a lattice that
/// repeats every 64 steps, blended by smooth steps. Any thread.
class LatticeNoise {
 public:
  LatticeNoise(std::uint64_t seed, std::uint64_t patient);
  float At(float x, float y) const;
  /// Two octaves.
  float Rough(float x, float y) const {
    return 0.7F * At(x, y) + 0.3F * At(2.3F * x + 17.0F, 2.3F * y + 9.0F);
  }

 private:
  std::vector<float> values_;
};

/// How much tissue the beam meets at points of the body. Any thread.
class PhantomTissue {
 public:
  PhantomTissue(const PhantomSpec& spec, const PhantomPose& pose);
  /// Amount at (x, y) in the body's frame; 0 is air.
  float At(float x, float y) const;

 private:
  /// One side of the chest at a point, the parts that several organs need.
  struct Place {
    int side;       ///< 0 image left, 1 image right.
    float a, y;     ///< Distance from the midline; height.
    float lateral;  ///< Outer edge of the lung at this height.
    float lung;     ///< 0 outside, 1 inside.
    float below;    ///< 1 below the diaphragm.
  };
  Place Locate(float x, float y) const;
  float Wall(const Place& place) const;
  float Heart(float x, float y) const;
  float Middle(float x, float y) const;
  float Bones(const Place& place) const;
  float Ribs(const Place& place) const;
  float LungTexture(const Place& place, float x) const;
  float Finding(const Place& place, float x) const;

  PhantomAnatomy body_;
  PhantomPose pose_;
  PhantomFinding finding_;
  LatticeNoise noise_;
  float texture_shift_;
};

}  // namespace besom::stages
