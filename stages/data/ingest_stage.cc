#include "stages/data/ingest_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "pipeline/base/worker_threads.h"
#include "stages/data/decode.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/resize.h"
#include "stages/data/thumbnail.h"
#include "stages/data/thumbnail_shard.h"

namespace besom::stages {
namespace {

struct FileTask {
  std::string name;
  Digest content;
  Json generator;  ///< Null for a file.
  Path path;
};

struct Plan {
  ResizeSettings resize;
  BitDepthRange range = BitDepthRange::kFull;
  std::vector<FileTask> files;
  int threads = 1;
};

Result<Plan> ReadPlan(const Json& params, const Json& hints) {
  try {
    Plan plan;
    plan.resize.size = params.at("size").get<int>();
    if (plan.resize.size < 1 || plan.resize.size > kMaxResize)
      return InvalidError(
          "ingest.image_size",
          fmt::format("{} is not from 1 to {}", plan.resize.size, kMaxResize));
    BESOM_ASSIGN_OR_RETURN(
        plan.resize.mode,
        ParseResizeMode(params.at("resize").get_ref<const std::string&>()));
    BESOM_ASSIGN_OR_RETURN(
        plan.resize.interpolation,
        ParseInterpolation(
            params.at("interpolation").get_ref<const std::string&>()));
    BESOM_ASSIGN_OR_RETURN(
        plan.range,
        ParseBitDepthRange(
            params.at("bit_depth_range").get_ref<const std::string&>()));
    const Json& files = params.at("files");
    for (std::size_t i = 0; i < files.size(); ++i) {
      FileTask task;
      task.name = files[i].at("name").get<std::string>();
      BESOM_ASSIGN_OR_RETURN(
          task.content,
          Digest::FromHex(files[i].at("content").get<std::string>()));
      task.generator = files[i].value("generator", Json());
      if (task.generator.is_null())
        task.path = hints.at("paths").at(i).get<std::string>();
      plan.files.push_back(std::move(task));
    }
    plan.threads = std::max(1, hints.value("threads", 1));
    return plan;
  } catch (const Json::exception& error) {
    return InternalError("ingest task", error.what());
  }
}

Result<DecodedImage> Draw(const FileTask& task, const PhantomRender& render) {
  if (!render)
    return InvalidError(task.name, "phantom images cannot be drawn here");
  DecodedImage image;
  Result<std::vector<std::uint8_t>> pixels =
      render(task.generator, &image.width, &image.height);
  if (!pixels.ok()) return pixels.status().Within(task.name);
  const std::size_t area = static_cast<std::size_t>(image.width) *
                           static_cast<std::size_t>(image.height);
  BESOM_CHECK(
      area > 0 && (pixels->size() == area || pixels->size() == 3 * area),
      fmt::format("{} bytes drawn for {} x {}", pixels->size(), image.width,
                  image.height));
  image.file_width = image.width;
  image.file_height = image.height;
  image.channels = pixels->size() == area ? 1 : 3;
  image.mode = image.channels == 1 ? "L" : "RGB";
  image.pixels = *std::move(pixels);
  return image;
}

Result<DecodedImage> Decode(const FileTask& task, const Plan& plan) {
  BESOM_ASSIGN_OR_RETURN(const std::string file, ReadFile(task.path));
  if (DigestOf(file) != task.content)
    return Status(StatusCode::kFailed, task.path.string(),
                  "the file changed since the sources were scanned",
                  "run the sweep again: it scans them anew");
  return DecodeImage(std::as_bytes(std::span(file)), plan.range,
                     LeastSidesFor(plan.resize));
}

/// Decodes the files of a plan by several threads.
class Decoding {
 public:
  Decoding(const Plan& plan, const PhantomRender& render,
           const std::function<bool(double)>& progress)
      : plan_(plan),
        render_(render),
        progress_(progress),
        records_(plan.files.size()),
        pixels_(plan.files.size()),
        thumbnails_(plan.files.size()),
        statuses_(plan.files.size()) {}

  Result<StageOutput> Run() {
    RunInThreads(plan_.threads, plan_.files.size(),
                 [this](std::size_t i) { Work(i); });
    if (stop_)
      return Status(StatusCode::kInterrupted, "ingest", "asked to stop");
    for (const Status& status : statuses_)
      if (!status.ok()) return status;
    return Pack();
  }

 private:
  void Work(std::size_t i) {
    if (stop_) return;
    try {
      statuses_[i] = DecodeOne(i);
    } catch (const std::bad_alloc&) {
      statuses_[i] = Status(StatusCode::kUnavailable, plan_.files[i].name,
                            "no memory to decode it",
                            "give the run more memory or fewer threads");
    }
    const double share =
        static_cast<double>(++done_) / static_cast<double>(plan_.files.size());
    if (progress_ && progress_(share)) stop_ = true;
  }

  Status DecodeOne(std::size_t i) {
    const FileTask& task = plan_.files[i];
    PixelRecord& record = records_[i];
    record.content = task.content;
    const Result<DecodedImage> image =
        task.generator.is_null() ? Decode(task, plan_) : Draw(task, render_);
    if (!image.ok()) {
      // An image's own error has no place; all others are about the task.
      const bool bad_image = image.status().code() == StatusCode::kFailed &&
                             image.status().place().empty();
      if (!bad_image) return image.status();
      record.error = image.status().cause();
      return Status::Ok();
    }
    record.mode = image->mode;
    record.source_width = image->file_width;
    record.source_height = image->file_height;
    record.channels = image->channels;
    pixels_[i] = ResizeImage(*image, plan_.resize);
    thumbnails_[i] = MakeThumbnail(*image);
    record.hash = PerceptualHash(thumbnails_[i]);
    return Status::Ok();
  }

  StageOutput Pack() {
    std::size_t errors = 0;
    for (const PixelRecord& record : records_) errors += !record.error.empty();
    StageOutput output;
    output.blobs.emplace("thumbnails", PackThumbnails());
    std::string shard =
        PixelShard::Pack(plan_.resize.size, std::move(records_), pixels_);
    output.counters = {{"images", plan_.files.size() - errors},
                       {"errors", errors},
                       {"bytes", shard.size()}};
    output.blobs.emplace("pixels", std::move(shard));
    return output;
  }

  std::string PackThumbnails() const {
    std::vector<ThumbnailRecord> records;
    std::vector<Thumbnail> thumbnails;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const PixelRecord& record = records_[i];
      if (!record.error.empty()) continue;
      records.push_back({record.content, record.source_width,
                         record.source_height, record.hash});
      thumbnails.push_back(thumbnails_[i]);
    }
    return ThumbnailShard::Pack(records, thumbnails);
  }

  const Plan& plan_;
  const PhantomRender& render_;
  const std::function<bool(double)>& progress_;
  std::vector<PixelRecord> records_;
  std::vector<std::vector<std::uint8_t>> pixels_;
  std::vector<Thumbnail> thumbnails_;
  std::vector<Status> statuses_;
  std::atomic<std::size_t> done_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace

Result<StageOutput> IngestStage::Run(const StageInput& input) {
  BESOM_ASSIGN_OR_RETURN(const Plan plan, ReadPlan(input.params, input.hints));
  return Decoding(plan, render_, input.progress).Run();
}

}  // namespace besom::stages
