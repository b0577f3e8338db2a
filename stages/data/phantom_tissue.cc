#include "stages/data/phantom_tissue.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

// Only + - * / and square roots are used on the way to a pixel: IEEE 754
// defines these to the last bit, so the pictures are equal on all machines.

constexpr int kLattice = 64;
constexpr float kDiscs = 9.5F;  // Vertebrae in a unit of height.

/// As std::floor, for small numbers; a library call would cost more than the
/// rest of a noise value.
int Floor(float x) {
  const int i = static_cast<int>(x);
  return i - static_cast<int>(x < static_cast<float>(i));
}

float SmoothStep(float t) {
  t = std::clamp(t, 0.0F, 1.0F);
  return t * t * (3.0F - 2.0F * t);
}

/// 0 below -width, 1 above width, smooth between.
float Edge(float distance, float width) {
  // One over a constant folds away; a division per pixel would not.
  return SmoothStep(0.5F + distance * (0.5F / width));
}

/// 1 at the centre of an ellipse, 0 outside of it.
float Bump(float x, float y, float width, float height) {
  const float u = x * (1.0F / width), v = y * (1.0F / height);
  const float q = 1.0F - u * u - v * v;
  return q <= 0.0F ? 0.0F : q * q;
}

/// 1 inside an ellipse, 0 outside, with an edge of about `soft` of its radius.
float Ellipse(float x, float y, float width, float height, float soft) {
  const float u = x * (1.0F / width), v = y * (1.0F / height);
  return Edge(1.0F - (u * u + v * v), soft);
}

/// Across a bone: solid, a little denser at its edges.
float Cortex(float t) {
  const float q = 1.0F - t * t;
  if (q <= 0.0F) return 0.0F;
  return std::min(1.0F, 2.5F * q) * (0.75F + 0.25F * t * t);
}

}  // namespace

LatticeNoise::LatticeNoise(std::uint64_t seed, std::uint64_t patient)
    : values_(kLattice * kLattice) {
  KeyedRandom random(seed, "phantom texture", {patient});
  for (float& value : values_)
    value = static_cast<float>(random.Next32() >> 8) * 0x1.0p-23F - 1.0F;
}

float LatticeNoise::At(float x, float y) const {
  const int i = Floor(x), j = Floor(y);
  const float u = SmoothStep(x - static_cast<float>(i));
  const float v = SmoothStep(y - static_cast<float>(j));
  const int column = i & (kLattice - 1), next = (i + 1) & (kLattice - 1);
  const float* row = values_.data() + (j & (kLattice - 1)) * kLattice;
  const float* below = values_.data() + ((j + 1) & (kLattice - 1)) * kLattice;
  const float upper = row[column] + u * (row[next] - row[column]);
  const float lower = below[column] + u * (below[next] - below[column]);
  return upper + v * (lower - upper);
}

PhantomTissue::PhantomTissue(const PhantomSpec& spec, const PhantomPose& pose)
    : body_(DrawAnatomy(spec)),
      pose_(pose),
      finding_(DrawFinding(spec)),
      noise_(spec.seed, static_cast<std::uint64_t>(spec.patient)),
      texture_shift_(0.04F * static_cast<float>(spec.view % 16)) {}

PhantomTissue::Place PhantomTissue::Locate(float x, float y) const {
  Place place{};
  place.side = x < 0.0F ? 0 : 1;
  place.a = std::abs(x);
  place.y = y;
  // The lung's outer edge: a quarter of an ellipse above its widest height,
  // nearly straight below.
  const float t = std::clamp(
      (body_.lung_mid - y) / (body_.lung_mid - body_.lung_top), 0.0F, 1.0F);
  const float round = std::sqrt(1.0F - t * t * (0.45F + 0.55F * t));
  const float below = std::max(0.0F, y - body_.lung_mid);
  place.lateral =
      0.10F + (body_.lung_width - 0.10F) * round - 0.06F * below * below;
  // The dome of the diaphragm; it falls off to the side.
  const float base = body_.lung_base + pose_.breath +
                     (place.side == 1 ? body_.base_left : 0.0F);
  const float off = (place.a - 0.36F) / 0.40F;
  const float fall = off > 0.0F ? 1.25F : 0.5F;
  const float dome = base - body_.dome * (1.0F - fall * off * off) + 0.12F;
  const float medial = 0.05F + 0.06F * SmoothStep(0.5F + y);
  place.below = Edge(y - dome, 0.022F);
  place.lung = Edge(place.lateral - place.a, 0.030F) *
               Edge(place.a - medial, 0.030F) * (1.0F - place.below) *
               Edge(y - body_.lung_top, 0.05F);
  return place;
}

float PhantomTissue::Wall(const Place& place) const {
  // Neck, shoulders, then the sides below the armpits.
  const float away = std::max(0.0F, place.a - 0.20F);
  const float shoulder = -1.04F + (body_.shoulder + 0.25F * away) * away -
                         0.9F * std::max(0.0F, 0.26F - place.a);
  const float neck = Edge(place.y - shoulder, 0.04F);
  const float arm = 0.45F * SmoothStep((0.30F - place.y) * 1.18F);
  const float side = body_.side_width + arm;
  const float inside = neck * Edge(side - place.a, 0.02F);
  if (inside <= 0.0F) return 0.0F;
  // Thick in the middle, thin where the beam grazes the side, and thickest
  // over the belly.
  const float graze = std::min(1.0F, place.a / side);
  const float depth = 0.45F + 0.55F * std::sqrt(1.0F - graze * graze);
  const float belly = 0.16F * SmoothStep((place.y + 0.3F) * 0.833F);
  return inside * body_.soft_tissue *
         (depth * (0.54F + belly) + 0.26F * place.below);
}

float PhantomTissue::Heart(float x, float y) const {
  // Its left border runs from the arch of the aorta out to the apex on the
  // diaphragm, the right one bulges a little.
  const float down = y - body_.heart_y;
  if (down < -0.50F) return 0.0F;
  const float reach = body_.heart_x + body_.heart_width;
  const float left =
      0.10F + (reach - 0.10F) * SmoothStep((down + 0.42F) * 1.92F) -
      0.30F * std::max(0.0F, down - 0.12F) * std::max(0.0F, down - 0.12F);
  const float bulge = (down - 0.02F) / body_.heart_height;
  const float right =
      0.5F * body_.mediastinum + 0.11F * std::max(0.0F, 1.0F - bulge * bulge);
  const float shape = Edge(left - x, 0.035F) * Edge(x + right, 0.035F) *
                      SmoothStep((down + 0.50F) * 3.3F);
  const float thick =
      Bump(x - 0.5F * (left - right), down - 0.05F, 0.42F, 0.52F);
  return shape * (0.24F + 0.26F * thick);
}

float PhantomTissue::Middle(float x, float y) const {
  const float turned = x - pose_.twist;
  if (std::abs(turned) > 0.65F) return 0.0F;
  const float waist =
      body_.mediastinum * (0.75F + 0.30F * SmoothStep((y + 0.7F) * 1.1F));
  const float band = Edge(waist - std::abs(turned - 0.015F), 0.05F) *
                     (0.4F + 0.6F * SmoothStep((y + 1.0F) * 2.0F));
  float vessels = 0.30F * band;
  if (y > -0.55F && y < 0.15F) {
    const float arch =
        Ellipse(turned - 0.07F, y + 0.30F, body_.aorta, body_.aorta, 0.35F);
    const float pulmonary =
        Ellipse(turned - 0.09F, y + 0.10F, 0.09F, 0.13F, 0.40F);
    vessels = std::max(vessels, std::max(0.30F * arch, 0.26F * pulmonary));
  }
  // Vertebrae with their discs, faint through the heart.
  const float phase = y * kDiscs - static_cast<float>(Floor(y * kDiscs));
  const float body = Edge(body_.spine - std::abs(x), 0.014F);
  const float vertebra = body * (0.07F + 0.05F * Cortex(2.0F * phase - 1.0F));
  const float process = 0.05F * Bump(x, (phase - 0.5F) / kDiscs, 0.02F, 0.04F);
  const float airway = Edge(0.034F - std::abs(turned), 0.022F) *
                       SmoothStep((-0.25F - y) * 10.0F);
  return std::max(vessels, Heart(turned, y)) + vertebra + process -
         0.14F * airway;
}

float PhantomTissue::Ribs(const Place& place) const {
  const float a = place.a;
  const float cage = Edge(place.lateral + 0.045F - a, 0.015F);
  if (cage <= 0.0F || place.y > body_.lung_base + 0.35F) return 0.0F;
  float sum = 0.0F;
  // Behind: from the spine outwards, then bent down. In front: from the side
  // down towards the breastbone, wider and fainter, ending in cartilage.
  const float behind = body_.rib_bend * a * a - 0.05F * a;
  const float front = 0.10F + 0.50F * (body_.lung_width - a);
  for (const bool is_front : {false, true}) {
    const float phase =
        (place.y - body_.rib_first - (is_front ? front : behind)) /
        body_.rib_spacing;
    const int nearest = Floor(phase + 0.5F);
    if (nearest < 0 || nearest > (is_front ? 6 : 10)) continue;
    const float jitter = body_.rib_jitter[place.side][nearest];
    const float thickness = body_.rib_thickness * (is_front ? 1.25F : 1.0F);
    const float across = (phase - static_cast<float>(nearest) - jitter) *
                         body_.rib_spacing / thickness;
    const float along = is_front ? 0.60F * SmoothStep((a - 0.30F) * 5.0F)
                                 : SmoothStep((a - 0.05F) * 12.5F);
    sum += along * Cortex(across);
  }
  const float seen = 0.30F + 0.70F * place.lung;
  return body_.rib_strength * cage * seen * sum;
}

float PhantomTissue::Bones(const Place& place) const {
  const float a = place.a;
  if (place.y > 0.20F) return 0.0F;
  // The collar bone: an S from the breastbone to the shoulder.
  const float along = (a - 0.07F) / 0.62F;
  float collar = 0.0F;
  if (along > 0.0F && along < 1.1F) {
    const float bend = 0.10F * along * (1.0F - along) * (1.0F - 2.0F * along);
    const float line =
        body_.clavicle_y - body_.clavicle_slope * along * 0.6F + bend;
    const float thickness = 0.024F + 0.014F * (1.0F - along);
    collar = Cortex((place.y - line) / thickness) *
             SmoothStep((1.1F - along) / 0.1F);
  }
  const float blade = Edge(a - 0.60F + 0.18F * (place.y + 0.3F), 0.02F) *
                      Edge(0.12F - place.y - 0.5F * (a - 0.6F), 0.03F) *
                      Edge(place.y + 0.75F, 0.06F);
  return body_.clavicle_strength * collar + body_.scapula * blade;
}

float PhantomTissue::LungTexture(const Place& place, float x) const {
  // Vessels leave the hilum like rays: noise that is fine across and long
  // along them. The pseudo-angle needs no arc tangent.
  const float dx = place.a - 0.12F, dy = place.y - 0.02F;
  const float reach = std::abs(dx) + std::abs(dy) + 0.02F;
  const float angle = dy / reach + (place.side == 0 ? 5.0F : 11.0F);
  const float rays =
      noise_.At(11.0F * angle + texture_shift_, 4.0F * reach + 3.0F);
  const float spots = noise_.Rough(13.0F * x + 31.0F, 13.0F * place.y);
  const float fade = 1.0F / (1.0F + 5.0F * reach * reach);
  const float hilum = Bump(dx - 0.03F, dy, 0.16F, 0.22F);
  return body_.vessels * (0.15F * fade * std::max(0.0F, rays) +
                          hilum * (0.15F + 0.12F * spots) + 0.022F * spots);
}

float PhantomTissue::Finding(const Place& place, float x) const {
  if (finding_.patches.empty() && finding_.haze[0] <= 0.0F) return 0.0F;
  float sum = 0.0F;
  const float wave = noise_.Rough(6.0F * x + 40.0F, 6.0F * place.y + 20.0F);
  for (const PhantomPatch& patch : finding_.patches) {
    if ((patch.side == 1) != (place.side == 1)) continue;
    const float u = (place.a - patch.a) / patch.width;
    const float v = (place.y - patch.y) / patch.height;
    const float inside = 1.0F - u * u - v * v + patch.roughness * wave;
    sum += patch.amount * Edge(inside, 0.40F) * (0.9F + 0.1F * wave);
  }
  if (finding_.haze[place.side] > 0.0F) {
    const float edge =
        SmoothStep(1.0F - (place.lateral - place.a) / finding_.haze_edge);
    const float low = SmoothStep((place.y - finding_.haze_top) / 0.30F);
    const float fine = noise_.Rough(14.0F * x + 7.0F, 14.0F * place.y + 50.0F);
    const float patchy =
        1.0F + finding_.haze_patchiness * (0.7F * wave + 1.1F * fine);
    sum += finding_.haze[place.side] * (0.25F + 0.75F * edge) * low *
           std::max(0.0F, patchy);
  }
  return sum;
}

float PhantomTissue::At(float x, float y) const {
  const Place place = Locate(x, y);
  const float wall = Wall(place);
  if (wall <= 0.0F) return 0.0F;
  float amount = wall;
  if (place.lung > 0.0F) {
    // The lung is thin at its outer edge and at its top.
    const float rim = std::clamp((place.lateral - place.a) / 0.22F, 0.0F, 1.0F);
    const float depth = 0.45F + 0.55F * std::sqrt(rim);
    // A finding takes the place of air: at most as dense as the chest wall.
    const float fluid = std::min(0.92F, Finding(place, x));
    amount -= place.lung * 0.62F * wall * depth * (1.0F - fluid);
    amount += place.lung * (1.0F - fluid) * LungTexture(place, x);
  }
  amount += Middle(x, y) * (1.0F - 0.45F * place.below);
  amount += Ribs(place) + Bones(place);
  amount += body_.breast * Bump(place.a - 0.42F, y - 0.38F, 0.40F, 0.34F);
  if (place.side == 1)
    amount -=
        body_.gas * place.below * Bump(x - 0.38F, y - 0.68F, 0.20F, 0.13F);
  return std::max(0.02F, std::min(amount, amount * wall / 0.30F));
}

}  // namespace besom::stages
