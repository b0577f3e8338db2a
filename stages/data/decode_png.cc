#include <fmt/format.h>
#include <png.h>

#include <bit>
#include <cstring>
#include <utility>

#include "stages/data/decode.h"
#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

/// Most bytes that libpng may take for one chunk (compressed text and colour
/// profiles can unfold to gigabytes).
constexpr png_alloc_size_t kMaxChunkBytes = 8U << 20;
constexpr int kMaxCachedChunks = 128;

/// libpng's state. It leaves by longjmp, which skips destructors: so the steps
/// below hold plain data only, and what owns memory lives in the callers.
struct PngJob {
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[200] = "";
  std::span<const std::byte> rest;
  png_bytepp rows = nullptr;

  PngJob() = default;
  PngJob(const PngJob&) = delete;
  PngJob& operator=(const PngJob&) = delete;
  ~PngJob() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* job = static_cast<PngJob*>(png_get_error_ptr(png));
  std::strncpy(job->message, message, sizeof(job->message) - 1);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep target, std::size_t count) {
  auto* job = static_cast<PngJob*>(png_get_io_ptr(png));
  if (count > job->rest.size()) png_error(png, "the file is cut off");
  std::memcpy(target, job->rest.data(), count);
  job->rest = job->rest.subspan(count);
}

void StepHeader(PngJob* job) {
  png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(job->png, kMaxChunkBytes);
  png_set_chunk_cache_max(job->png, kMaxCachedChunks);
  png_set_read_fn(job->png, job, OnRead);
  png_read_info(job->png, job->info);
}

/// Asks for 8 or 16 bits of grey or RGB.
void StepFormat(PngJob* job) {
  png_set_expand_gray_1_2_4_to_8(job->png);
  if (png_get_color_type(job->png, job->info) == PNG_COLOR_TYPE_PALETTE)
    png_set_palette_to_rgb(job->png);
  png_set_strip_alpha(job->png);
  if constexpr (std::endian::native == std::endian::little)
    png_set_swap(job->png);
  png_set_interlace_handling(job->png);
  png_read_update_info(job->png, job->info);
}

void StepPixels(PngJob* job) {
  png_read_image(job->png, job->rows);
  png_read_end(job->png, job->info);
}

/// Runs `step`; false when libpng gave up, with the words in `message`.
bool RunGuarded(PngJob* job, void (*step)(PngJob*)) {
  if (setjmp(png_jmpbuf(job->png)) != 0) return false;
  step(job);
  return true;
}

std::string ModeOf(int color_type, int bits) {
  switch (color_type) {
    case PNG_COLOR_TYPE_GRAY:
      return bits == 16 ? "I;16" : bits == 1 ? "1" : "L";
    case PNG_COLOR_TYPE_PALETTE:
      return "P";
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return bits == 16 ? "RGBA" : "LA";
    case PNG_COLOR_TYPE_RGB:
      return "RGB";
    default:
      return "RGBA";
  }
}

int OrientationOf(PngJob& job) {
  png_bytep exif = nullptr;
  png_uint_32 count = 0;
  if (png_get_eXIf_1(job.png, job.info, &count, &exif) == 0) return 1;
  return ExifOrientation({exif, count});
}

Status PngError(const PngJob& job) {
  return BadImage(fmt::format("damaged PNG: {}", job.message));
}

}  // namespace

Result<RawImage> DecodePng(std::span<const std::byte> bytes) {
  PngJob job;
  job.rest = bytes;
  job.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, OnError, OnWarning);
  if (job.png != nullptr) job.info = png_create_info_struct(job.png);
  if (job.info == nullptr) return BadImage("no memory to decode it");
  if (!RunGuarded(&job, StepHeader)) return PngError(job);
  const png_uint_32 width = png_get_image_width(job.png, job.info);
  const png_uint_32 height = png_get_image_height(job.png, job.info);
  BESOM_RETURN_IF_ERROR(CheckDimensions(width, height));

  RawImage image;
  image.width = image.file_width = static_cast<int>(width);
  image.height = image.file_height = static_cast<int>(height);
  image.mode = ModeOf(png_get_color_type(job.png, job.info),
                      png_get_bit_depth(job.png, job.info));
  if (!RunGuarded(&job, StepFormat)) return PngError(job);
  image.channels = png_get_channels(job.png, job.info);
  image.bits = png_get_bit_depth(job.png, job.info);
  const std::size_t row_bytes = png_get_rowbytes(job.png, job.info);
  BESOM_CHECK(
      (image.channels == 1 || image.channels == 3) &&
          row_bytes == std::size_t{width} * (image.bits / 8) * image.channels,
      fmt::format("libpng gave {} channels of {} bits", image.channels,
                  image.bits));
  image.samples.resize(row_bytes * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y)
    rows[y] = image.samples.data() + y * row_bytes;
  job.rows = rows.data();
  if (!RunGuarded(&job, StepPixels)) return PngError(job);
  image.orientation = OrientationOf(job);
  return image;
}

}  // namespace besom::stages
