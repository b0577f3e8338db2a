#include <algorithm>
#include <cmath>

#include "pipeline/base/random.h"
#include "stages/data/bitmap_font.h"
#include "stages/data/phantom.h"
#include "stages/data/phantom_spec.h"
#include "stages/data/phantom_tissue.h"

namespace besom::stages {
namespace {

/// A picture of floats, 0 = black, 1 = white.
struct Canvas {
  int size;
  std::vector<float> values;
  float& at(int column, int row) {
    return values[static_cast<std::size_t>(row) * size + column];
  }
};

/// Tissue to grey as a detector and its window do: more tissue is brighter,
/// dense parts run into white. `bend` is Schlick's bias curve ("Fast
/// alternatives to Perlin's bias and gain functions", Graphics Gems IV, 1994).
float Expose(float tissue, const PhantomPose& pose) {
  const float seen = std::min(tissue, 1.8F);
  const float level = std::clamp(
      pose.gain * seen * (1.30F - 0.35F * seen) - 0.05F + pose.offset, 0.0F,
      1.0F);
  return level / (level + pose.bend * (1.0F - level));
}

Canvas Project(const PhantomSpec& spec, const PhantomPose& pose) {
  Canvas canvas{
      spec.size,
      std::vector<float>(static_cast<std::size_t>(spec.size) * spec.size)};
  const PhantomTissue tissue(spec, pose);
  const float step = 2.0F / static_cast<float>(spec.size);
  for (int row = 0; row < spec.size; ++row) {
    const float py = (static_cast<float>(row) + 0.5F) * step - 1.0F;
    for (int column = 0; column < spec.size; ++column) {
      const float px = (static_cast<float>(column) + 0.5F) * step - 1.0F;
      const float x =
          pose.scale * (pose.cosine * px - pose.sine * py) + pose.shift_x;
      const float y =
          pose.scale * (pose.sine * px + pose.cosine * py) + pose.shift_y;
      const float beam = 1.0F + pose.slope_x * px + pose.slope_y * py;
      canvas.at(column, row) = Expose(beam * tissue.At(x, y), pose);
    }
  }
  return canvas;
}

/// Blurs by (1 2 1) / 4 in both directions, as a detector does.
void Soften(Canvas& canvas) {
  const int last = canvas.size - 1;
  std::vector<float> line(static_cast<std::size_t>(canvas.size));
  for (int row = 0; row <= last; ++row) {
    for (int column = 0; column <= last; ++column)
      line[column] = 0.25F * canvas.at(std::max(0, column - 1), row) +
                     0.5F * canvas.at(column, row) +
                     0.25F * canvas.at(std::min(last, column + 1), row);
    std::copy(line.begin(), line.end(), &canvas.at(0, row));
  }
  std::vector<float> above(&canvas.at(0, 0), &canvas.at(0, 0) + canvas.size);
  for (int row = 0; row <= last; ++row) {
    const int next = std::min(last, row + 1);
    for (int column = 0; column <= last; ++column) {
      const float here = canvas.at(column, row);
      canvas.at(column, row) =
          0.25F * above[column] + 0.5F * here + 0.25F * canvas.at(column, next);
      above[column] = here;
    }
  }
}

/// Quantum noise: fine per pixel, and coarser grain.
void AddNoise(const PhantomSpec& spec, const PhantomPose& pose,
              Canvas& canvas) {
  KeyedRandom random(spec.seed, "phantom noise",
                     {static_cast<std::uint64_t>(spec.patient),
                      static_cast<std::uint64_t>(spec.view)});
  // The sum of four uniform bytes has a standard deviation of 147.8.
  constexpr float kPerDeviation = 1.0F / 147.8F;
  Canvas grain{canvas.size, std::vector<float>(canvas.values.size())};
  for (std::size_t i = 0; i < canvas.values.size(); ++i) {
    const std::uint32_t bits = random.Next32();
    const int fine = static_cast<int>((bits & 255) + (bits >> 8 & 255));
    const int coarse = static_cast<int>((bits >> 16 & 255) + (bits >> 24));
    const float dim = 0.6F + 0.8F * canvas.values[i];
    canvas.values[i] += pose.noise * dim * 1.41F * kPerDeviation *
                        static_cast<float>(fine - 255);
    grain.values[i] = kPerDeviation * static_cast<float>(coarse - 255);
  }
  Soften(grain);
  for (std::size_t i = 0; i < canvas.values.size(); ++i)
    canvas.values[i] += pose.grain * 3.7F * grain.values[i];
}

void FillBox(Canvas& canvas, float left, float top, float right, float bottom,
             float value) {
  const auto pixel = [&](float at) {
    return std::clamp(static_cast<int>(at), 0, canvas.size);
  };
  for (int row = pixel(top); row < pixel(bottom); ++row)
    for (int column = pixel(left); column < pixel(right); ++column)
      canvas.at(column, row) = value;
}

/// A letter of bright dots, `dot` pixels each, from (x, y) on.
void DrawLetter(char letter, float x, float y, float dot, Canvas& canvas) {
  const Glyph& glyph = GlyphOf(letter);
  for (int row = 0; row < kGlyphHeight; ++row)
    for (int column = 0; column < kGlyphWidth; ++column) {
      if ((glyph[row] >> (kGlyphWidth - 1 - column) & 1) == 0) continue;
      const float left = x + dot * static_cast<float>(column);
      const float top = y + dot * static_cast<float>(row);
      FillBox(canvas, left, top, left + dot + 0.5F, top + dot + 0.5F, 0.97F);
    }
}

/// The lead letter: R at the patient's right, which is the image's left.
void DrawMarker(const PhantomPose& pose, Canvas& canvas) {
  if (!pose.marker) return;
  const float half = 0.5F * static_cast<float>(canvas.size);
  const float dot = 0.020F * half;
  const float x =
      half * (1.0F + (pose.marker_is_left ? 1.0F : -1.0F) * pose.marker_x) -
      2.5F * dot;
  const float y = half * (1.0F + pose.marker_y);
  if (pose.marker_boxed)
    FillBox(canvas, x - 2 * dot, y - 2 * dot, x + 7 * dot, y + 9 * dot, 0.12F);
  DrawLetter(pose.marker_is_left ? 'L' : 'R', x, y, dot, canvas);
}

/// The letter that a source's `marker` plants: as large as the lead letter, on
/// a dark plate, where none of these ever is.
void DrawPlantedMarker(Canvas& canvas) {
  const float half = 0.5F * static_cast<float>(canvas.size);
  const float dot = 0.020F * half, x = 1.84F * half, y = 1.83F * half;
  FillBox(canvas, x - dot, y - dot, x + 6 * dot, y + 8 * dot, 0.03F);
  DrawLetter('P', x, y, dot, canvas);
}

/// Thin bright wires of a monitor across the chest.
void DrawLeads(const PhantomPose& pose, Canvas& canvas) {
  if (!pose.leads) return;
  const float half = 0.5F * static_cast<float>(canvas.size);
  for (int lead = 0; lead < 3; ++lead)
    for (int row = canvas.size / 4; row < canvas.size; ++row) {
      const float y = static_cast<float>(row) / half - 1.0F;
      const float x =
          pose.lead_x[lead] + pose.lead_bend[lead] * (y - 0.2F) * (y - 0.2F);
      const int column = static_cast<int>(half * (1.0F + x));
      if (column < 0 || column >= canvas.size) continue;
      float& value = canvas.at(column, row);
      value = std::max(value, 0.75F * value + 0.22F);
    }
}

void DrawBorders(const PhantomPose& pose, Canvas& canvas) {
  const float side = static_cast<float>(canvas.size);
  const auto& b = pose.border;
  FillBox(canvas, 0, 0, b[0] * side, side, 0.015F);
  FillBox(canvas, 0, 0, side, b[1] * side, 0.015F);
  FillBox(canvas, side - b[2] * side, 0, side, side, 0.015F);
  FillBox(canvas, 0, side - b[3] * side, side, side, 0.015F);
}

}  // namespace

Result<std::vector<std::uint8_t>> RenderPhantom(const Json& generator,
                                                int* width, int* height) {
  BESOM_ASSIGN_OR_RETURN(const PhantomSpec spec, PhantomSpecOf(generator));
  const PhantomPose pose = DrawPose(spec);
  Canvas canvas = Project(spec, pose);
  DrawLeads(pose, canvas);
  Soften(canvas);
  DrawBorders(pose, canvas);
  DrawMarker(pose, canvas);
  if (spec.planted) DrawPlantedMarker(canvas);
  AddNoise(spec, pose, canvas);
  std::vector<std::uint8_t> pixels(canvas.values.size());
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(
        std::clamp(canvas.values[i], 0.0F, 1.0F) * 255.0F + 0.5F);
  *width = *height = spec.size;
  return pixels;
}

}  // namespace besom::stages
