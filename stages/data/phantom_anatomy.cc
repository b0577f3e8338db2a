#include "stages/data/phantom_anatomy.h"

#include <cmath>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

/// Draws from ranges as floats.
class Draws {
 public:
  explicit Draws(KeyedRandom random) : random_(random) {}
  float In(double low, double high) {
    return static_cast<float>(random_.Uniform(low, high));
  }
  /// Zero mean; most draws are near the middle.
  float Around(double reach) {
    return (In(-reach, reach) + In(-reach, reach)) / 2;
  }
  bool Chance(double probability) { return random_.Uniform() < probability; }

 private:
  KeyedRandom random_;
};

std::uint64_t PatientOf(const PhantomSpec& spec) {
  return static_cast<std::uint64_t>(spec.patient);
}

std::uint64_t ViewOf(const PhantomSpec& spec) {
  return static_cast<std::uint64_t>(spec.view);
}

}  // namespace

PhantomAnatomy DrawAnatomy(const PhantomSpec& spec) {
  Draws draw(KeyedRandom(spec.seed, "phantom anatomy", {PatientOf(spec)}));
  PhantomAnatomy body{};
  body.lung_width = draw.In(0.66, 0.78);
  body.lung_top = draw.In(-0.84, -0.74);
  body.lung_base = draw.In(0.40, 0.54);
  body.lung_mid = draw.In(0.14, 0.28);
  body.dome = draw.In(0.16, 0.26);
  body.base_left = draw.In(0.02, 0.07);
  body.heart_x = draw.In(0.08, 0.15);
  body.heart_y = draw.In(0.20, 0.29);
  body.heart_width = draw.In(0.26, 0.40);
  body.heart_height = draw.In(0.20, 0.27);
  body.aorta = draw.In(0.07, 0.12);
  body.mediastinum = draw.In(0.11, 0.16);
  body.spine = draw.In(0.060, 0.080);
  body.rib_spacing = draw.In(0.120, 0.145);
  body.rib_first = draw.In(-0.80, -0.70);
  body.rib_thickness = draw.In(0.019, 0.027);
  body.rib_bend = draw.In(0.42, 0.62);
  body.rib_strength = draw.In(0.07, 0.14);
  body.clavicle_y = draw.In(-0.62, -0.54);
  body.clavicle_slope = draw.In(0.10, 0.34);
  body.clavicle_strength = draw.In(0.12, 0.20);
  body.side_width = draw.In(0.84, 1.10);
  body.shoulder = draw.In(0.05, 0.35);
  body.soft_tissue = draw.In(0.9, 1.15);
  body.breast = draw.Chance(0.5) ? draw.In(0.04, 0.13) : 0.0F;
  body.gas = draw.Chance(0.6) ? draw.In(0.10, 0.30) : 0.0F;
  body.scapula = draw.In(0.02, 0.09);
  body.vessels = draw.In(0.7, 1.2);
  for (auto& side : body.rib_jitter)
    for (float& jitter : side) jitter = draw.Around(0.10);
  return body;
}

PhantomPose DrawPose(const PhantomSpec& spec) {
  Draws draw(
      KeyedRandom(spec.seed, "phantom pose", {PatientOf(spec), ViewOf(spec)}));
  // Pictures of easy sets are taken alike.
  const double spread = 0.5 + 0.8 * spec.difficulty;
  PhantomPose pose{};
  const float tangent = draw.Around(0.10 * spread);
  pose.cosine = 1.0F / std::sqrt(1.0F + tangent * tangent);
  pose.sine = tangent * pose.cosine;
  pose.scale = 0.92F + draw.In(-0.08, 0.08) * static_cast<float>(spread);
  pose.shift_x = draw.Around(0.08 * spread);
  pose.shift_y = draw.Around(0.08 * spread);
  pose.twist = draw.Around(0.05 * spread);
  pose.breath = draw.Around(0.09 * spread);
  pose.gain = 1.0F + draw.In(-0.15, 0.15) * static_cast<float>(spread);
  pose.offset = draw.In(-0.06, 0.06) * static_cast<float>(spread);
  pose.bend = 1.03F + draw.In(-0.30, 0.30) * static_cast<float>(spread);
  pose.slope_x = draw.Around(0.10 * spread);
  pose.slope_y = draw.Around(0.12 * spread);
  pose.noise = draw.In(0.004, 0.014);
  pose.grain = draw.In(0.003, 0.010);
  for (float& border : pose.border)
    border = draw.Chance(0.2) ? draw.In(0.01, 0.07) : 0.0F;
  pose.marker = draw.Chance(0.8);
  pose.marker_boxed = draw.Chance(0.3);
  pose.marker_is_left = draw.Chance(0.5);
  pose.marker_x = draw.In(0.76, 0.88);
  pose.marker_y = draw.In(-0.92, -0.70);
  pose.leads = draw.Chance(0.2);
  for (float& x : pose.lead_x) x = draw.In(-0.6, 0.6);
  for (float& bend : pose.lead_bend) bend = draw.Around(0.5);
  return pose;
}

namespace {

/// How strongly a finding shows: faint where difficult, and never equal.
float Strength(const PhantomSpec& spec, Draws& draw) {
  return static_cast<float>(1.7 - 1.5 * spec.difficulty) * draw.In(0.8, 1.2);
}

void AddConsolidation(const PhantomSpec& spec, Draws& patient, Draws& view,
                      PhantomFinding& finding) {
  PhantomPatch patch{};
  patch.side = patient.Chance(0.5) ? 1 : -1;
  patch.a = patient.In(0.32, 0.52);
  patch.y = patient.In(-0.35, 0.28) + view.Around(0.05);
  patch.width = patient.In(0.28, 0.44) * view.In(0.9, 1.1);
  patch.height = patient.In(0.28, 0.46) * view.In(0.9, 1.1);
  patch.roughness = patient.In(0.4, 0.9);
  patch.amount = 1.0F * Strength(spec, patient) * view.In(0.9, 1.1);
  finding.patches.push_back(patch);
}

void AddHaze(const PhantomSpec& spec, Draws& patient, Draws& view,
             PhantomFinding& finding) {
  const float amount = 0.90F * Strength(spec, patient);
  for (float& side : finding.haze)
    side = amount * patient.In(0.8, 1.2) * view.In(0.9, 1.1);
  finding.haze_top = patient.In(-0.55, -0.20);
  finding.haze_edge = patient.In(0.30, 0.50);
  finding.haze_patchiness = patient.In(0.6, 1.0);
}

}  // namespace

PhantomFinding DrawFinding(const PhantomSpec& spec) {
  Draws patient(KeyedRandom(spec.seed, "phantom finding", {PatientOf(spec)}));
  Draws view(KeyedRandom(spec.seed, "phantom finding of view",
                         {PatientOf(spec), ViewOf(spec)}));
  PhantomFinding finding;
  if (spec.kind == PhantomKind::kConsolidation)
    AddConsolidation(spec, patient, view, finding);
  if (spec.kind == PhantomKind::kHazy) AddHaze(spec, patient, view, finding);
  return finding;
}

}  // namespace besom::stages
