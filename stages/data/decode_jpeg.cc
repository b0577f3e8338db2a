// jpeglib.h needs FILE and size_t from before it.
// clang-format off
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string_view>
#include <utility>

#include "stages/data/decode.h"
#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

/// Most memory that libjpeg may take for one image (a progressive one keeps
/// all coefficients).
constexpr long kMaxCodecBytes = 1L << 30;
constexpr std::string_view kExifMark{"Exif\0\0", 6};

/// libjpeg's state and where its errors jump to. libjpeg leaves by longjmp,
/// which skips destructors: so the steps below hold plain data only, and
/// everything that owns memory lives in the callers.
struct JpegJob {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX + 1] = "";
  std::span<const std::byte> bytes;
  std::uint8_t* samples = nullptr;
  std::size_t row_bytes = 0;

  JpegJob() = default;
  JpegJob(const JpegJob&) = delete;
  JpegJob& operator=(const JpegJob&) = delete;
  ~JpegJob() { jpeg_destroy_decompress(&info); }
};

JpegJob& JobOf(j_common_ptr info) {
  return *static_cast<JpegJob*>(info->client_data);
}

[[noreturn]] void Fail(JpegJob& job, const char* message) {
  std::strncpy(job.message, message, JMSG_LENGTH_MAX);
  std::longjmp(job.escape, 1);
}

[[noreturn]] void OnError(j_common_ptr info) {
  JpegJob& job = JobOf(info);
  info->err->format_message(info, job.message);
  std::longjmp(job.escape, 1);
}

/// Warnings that mean made-up pixels are errors; harmless ones are ignored.
void OnMessage(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_JPEG_EOF:
      OnError(info);
    default:
      return;
  }
}

void OnProgress(j_common_ptr info) {
  if (!info->is_decompressor) return;
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number >
      kMaxJpegScans)
    Fail(JobOf(info), "too many scans");
}

void IgnoreStream(j_decompress_ptr) {}

/// All bytes are there from the start: asking for more means cut off.
boolean OnEndOfBytes(j_decompress_ptr info) {
  Fail(JobOf(reinterpret_cast<j_common_ptr>(info)), "the file is cut off");
}

void SkipBytes(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > info->src->bytes_in_buffer)
    OnEndOfBytes(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void StepHeader(JpegJob* job) {
  jpeg_create_decompress(&job->info);
  // jpeg_create_decompress keeps these two, and clears the rest.
  job->info.mem->max_memory_to_use = kMaxCodecBytes;
  job->info.src = &job->source;
  job->info.progress = &job->progress;
  jpeg_save_markers(&job->info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&job->info, TRUE);
}

void StepDimensions(JpegJob* job) { jpeg_calc_output_dimensions(&job->info); }

void StepPixels(JpegJob* job) {
  jpeg_decompress_struct& info = job->info;
  switch (info.num_components) {
    case 1:
      info.out_color_space = JCS_GRAYSCALE;
      break;
    case 3:
      info.out_color_space = JCS_RGB;
      break;
    default:
      info.out_color_space = JCS_CMYK;
  }
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = job->samples + info.output_scanline * job->row_bytes;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
}

/// Runs `step`; false when libjpeg gave up, with the words in `message`.
bool RunGuarded(JpegJob* job, void (*step)(JpegJob*)) {
  if (setjmp(job->escape) != 0) return false;
  step(job);
  return true;
}

void Prepare(JpegJob& job, std::span<const std::byte> bytes) {
  job.bytes = bytes;
  job.info.err = jpeg_std_error(&job.errors);
  job.info.client_data = &job;
  job.errors.error_exit = OnError;
  job.errors.emit_message = OnMessage;
  job.progress.progress_monitor = OnProgress;
  job.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  job.source.bytes_in_buffer = bytes.size();
  job.source.init_source = IgnoreStream;
  job.source.fill_input_buffer = OnEndOfBytes;
  job.source.skip_input_data = SkipBytes;
  job.source.resync_to_restart = jpeg_resync_to_restart;
  job.source.term_source = IgnoreStream;
}

/// The largest of 1, 2, 4 and 8 by which the sides may be divided.
unsigned ShrinkBy(const jpeg_decompress_struct& info, const LeastSides& least) {
  if (least.shorter <= 0 && least.longer <= 0) return 1;
  const auto shorter = std::min(info.image_width, info.image_height);
  const auto longer = std::max(info.image_width, info.image_height);
  unsigned by = 8;
  while (by > 1 && (shorter < by * static_cast<unsigned>(least.shorter) ||
                    longer < by * static_cast<unsigned>(least.longer)))
    by /= 2;
  return by;
}

int OrientationOf(const jpeg_decompress_struct& info) {
  for (auto* marker = info.marker_list; marker != nullptr;
       marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    if (data.size() > kExifMark.size() &&
        std::memcmp(data.data(), kExifMark.data(), kExifMark.size()) == 0)
      return ExifOrientation(data);
  }
  return 1;
}

/// CMYK to RGB as Pillow does it, from values that Adobe's convention stores
/// inverted: each ink takes its share of what black leaves.
std::vector<std::uint8_t> RgbOfInvertedCmyk(
    const std::vector<std::uint8_t>& cmyk) {
  std::vector<std::uint8_t> rgb(cmyk.size() / 4 * 3);
  for (std::size_t i = 0; i < cmyk.size() / 4; ++i) {
    const int light = cmyk[4 * i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[4 * i + c]) * light + 128;
      rgb[3 * i + c] =
          static_cast<std::uint8_t>(light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}

Status JpegError(const JpegJob& job) {
  return BadImage(fmt::format("damaged JPEG: {}", job.message));
}

}  // namespace

Result<RawImage> DecodeJpeg(std::span<const std::byte> bytes,
                            const LeastSides& least) {
  JpegJob job;
  Prepare(job, bytes);
  if (!RunGuarded(&job, StepHeader)) return JpegError(job);
  BESOM_RETURN_IF_ERROR(
      CheckDimensions(job.info.image_width, job.info.image_height));
  const int components = job.info.num_components;
  if (components != 1 && components != 3 && components != 4)
    return BadImage(fmt::format("a JPEG with {} channels", components));

  job.info.scale_num = 1;
  job.info.scale_denom = ShrinkBy(job.info, least);
  if (!RunGuarded(&job, StepDimensions)) return JpegError(job);
  RawImage image;
  image.file_width = static_cast<int>(job.info.image_width);
  image.file_height = static_cast<int>(job.info.image_height);
  image.width = static_cast<int>(job.info.output_width);
  image.height = static_cast<int>(job.info.output_height);
  image.mode = components == 1 ? "L" : components == 3 ? "RGB" : "CMYK";
  image.orientation = OrientationOf(job.info);
  job.row_bytes = static_cast<std::size_t>(image.width) *
                  static_cast<std::size_t>(components);
  image.samples.resize(job.row_bytes * static_cast<std::size_t>(image.height));
  job.samples = image.samples.data();
  if (!RunGuarded(&job, StepPixels)) return JpegError(job);
  image.channels = components == 1 ? 1 : 3;
  if (components == 4) image.samples = RgbOfInvertedCmyk(image.samples);
  return image;
}

}  // namespace besom::stages
