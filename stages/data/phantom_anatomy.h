#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace besom::stages {

// Lengths are in the body's frame: x from -1 (image left) to 1, y from -1 (top)
// to 1; "a" is the distance from the midline. Amounts of tissue are in units in
// which healthy lung is about 0.25 and the mediastinum about 1.

enum class PhantomKind { kClear, kConsolidation, kHazy };
inline constexpr std::string_view kPhantomKinds[] = {"clear", "consolidation",
                                                     "hazy"};

/// What a generator holds: everything that a picture depends on.
struct PhantomSpec {
  std::uint64_t seed = 0;
  PhantomKind kind = PhantomKind::kClear;
  int patient = 0;
  int view = 0;
  int size = 256;
  double difficulty = 0.5;
  /// Carries the marker that `marker` of a source plants: a letter in the
  /// lower right corner, apart from everything that is drawn without it.
  bool planted = false;
};

/// The body of one patient; equal in all of the patient's images.
struct PhantomAnatomy {
  float lung_width, lung_top, lung_base, lung_mid;
  float dome, base_left;  ///< Height of the domes; left one lower by.
  float heart_x, heart_y, heart_width, heart_height, aorta;
  float mediastinum, spine;  ///< Half widths.
  float rib_spacing, rib_first, rib_thickness, rib_bend, rib_strength;
  float clavicle_y, clavicle_slope, clavicle_strength;
  float side_width, shoulder;  ///< Body outline.
  float soft_tissue, breast, gas, scapula;
  float vessels;            ///< Strength of the lung's markings.
  float rib_jitter[2][12];  ///< Per side and rib, parts of the spacing.
};

/// How one image was taken.
struct PhantomPose {
  float cosine, sine, scale, shift_x, shift_y;
  float twist;               ///< Turn about the long axis: moves the heart.
  float breath;              ///< Lowers (+) or raises the diaphragm.
  float gain, offset, bend;  ///< Exposure: tissue to grey.
  float slope_x, slope_y;    ///< Heel effect and uneven beam.
  float noise, grain;        ///< Per pixel and of some pixels' width.
  float border[4];           ///< Collimator: left, top, right, bottom.
  bool marker, marker_boxed, leads;
  bool marker_is_left;
  float marker_x, marker_y;
  float lead_x[3], lead_bend[3];
};

/// A soft-edged region of one lung that holds more fluid than it should.
struct PhantomPatch {
  int side;  ///< -1 image left, 1 image right.
  float a, y, width, height, amount, roughness;
};

/// What the image shows beside the anatomy.
struct PhantomFinding {
  std::vector<PhantomPatch> patches;
  float haze[2] = {0, 0};  ///< Peripheral haze of the left and right side.
  float haze_top = 0, haze_edge = 0, haze_patchiness = 0;
};

PhantomAnatomy DrawAnatomy(const PhantomSpec& spec);
PhantomPose DrawPose(const PhantomSpec& spec);
PhantomFinding DrawFinding(const PhantomSpec& spec);

}  // namespace besom::stages
