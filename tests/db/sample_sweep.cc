#include "tests/db/sample_sweep.h"

#include <fmt/format.h>

namespace besom::db::testing {

ScratchFolder::ScratchFolder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name =
      fmt::format("{}.{}", test->test_suite_name(), test->name());
  for (char& c : name) {
    if (c == '/') c = '_';
  }
  path_ = Path(::testing::TempDir()) / ("besom_" + name);
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() { std::filesystem::remove_all(path_); }

SweepRow SampleSweep(const std::string& name) {
  SweepRow sweep;
  sweep.name = name;
  sweep.spec_yaml = "name: " + name + "\n";
  sweep.spec_json = R"({"name":")" + name + "\"}";
  sweep.seed = 20200330;
  sweep.numerics = "cpu/torch-2.15/fp32/avx2";
  sweep.metric = {"recall/covid", "recall", "covid", true};
  sweep.split = "validation";
  sweep.then = {{"balanced_accuracy", "balanced_accuracy", "", true}};
  sweep.version = "0.1.0";
  sweep.time = 1000;
  return sweep;
}

std::string SampleTrialId(int i) { return fmt::format("{:016x}", i); }

TrialRow SampleTrial(int i, int fits) {
  TrialRow trial;
  trial.trial = SampleTrialId(i);
  trial.ordinal = i;
  trial.parameters = {{"model.dropout", 0.1 * i}, {"model.head", {64}}};
  trial.config = fmt::format(R"({{"n":{}}})", i);
  trial.backbone = "vgg16";
  trial.head = "[64]";
  trial.dropout = 0.1 * i;
  trial.fits = fits;
  return trial;
}

FitRow SampleFit(const std::string& trial, const Figures& figures, int repeat,
                 int fold) {
  FitRow fit;
  fit.trial = trial;
  fit.repeat = repeat;
  fit.fold = fold;
  fit.classes = {"covid", "normal"};
  fit.chosen_epoch = 3;
  fit.seconds = 2.5;
  SetRow validation;
  validation.split = "validation";
  validation.metrics = {
      {"recall", "covid", figures.recall},
      {"recall", "normal", 0.75},
      {"recall", "macro avg", 0.6},
      {"precision", "covid", 0.5},
      {"precision", "normal", 0.25},
      {"f1", "covid", 0.125},
      {"f1", "normal", 0.375},
      {"support", "covid", 4.0},
      {"support", "normal", 8.0},
      {"accuracy", "", 0.625},
      {"balanced_accuracy", "", figures.balanced_accuracy},
      {"loss", "", figures.loss},
  };
  if (figures.predicted_classes)
    validation.metrics.push_back(
        {"predicted_classes", "", figures.predicted_classes});
  validation.confusion = {{2, 2}, {1, 7}};
  validation.predictions = {{"cohen", "a.png", 0, 1, {0.25, 0.75}}};
  SetRow test = validation;
  test.split = "test";
  test.metrics[0].value = figures.test_recall;
  test.confusion = {{1, 0}, {0, 1}};
  test.predictions = {{"cohen", "b.png", 1, 1, {0.5, 0.5}}};
  fit.sets = {validation, test};
  fit.history = {{"train", 0, "loss", "", 1.5}, {"train", 1, "loss", "", 1.0}};
  return fit;
}

ImageRow SampleImage(const std::string& path, const std::string& split) {
  ImageRow image;
  image.source = "cohen";
  image.path = path;
  image.label = "covid";
  image.patients = "cohen";
  image.group = "p1";
  if (split.empty()) {
    image.left_out = "duplicate of a.png";
  } else {
    image.width = 320;
    image.height = 240;
    image.mode = "L";
  }
  image.content = std::string(64, 'c');
  image.sets = {split};
  return image;
}

std::string ValidUtf8(const std::string& text) {
  return Json::parse(CanonicalText(Json(text))).get<std::string>();
}

CommitBatch Done(const std::vector<FitRow>& fits) {
  CommitBatch batch;
  batch.fits = fits;
  for (const FitRow& fit : fits) {
    batch.trials.push_back({fit.trial, TrialState::kDone, ""});
  }
  return batch;
}

std::vector<std::string> Lines(const Path& database, const std::string& sql) {
  const auto reader = Reader::Open(database);
  if (!reader.ok()) return {reader.status().ToString()};
  const auto table = (*reader)->Query(sql);
  if (!table.ok()) return {table.status().ToString()};
  std::vector<std::string> lines;
  for (const auto& row : table->rows) {
    std::string line;
    for (const Cell& cell : row) {
      if (!line.empty()) line += '|';
      if (IsNull(cell)) {
        line += "NULL";
      } else if (std::holds_alternative<std::string>(cell)) {
        line += TextOf(cell);
      } else {
        line += fmt::format("{}", NumberOf(cell));
      }
    }
    lines.push_back(line);
  }
  return lines;
}

std::string NameOfMode(const ::testing::TestParamInfo<JournalMode>& mode) {
  return mode.param == JournalMode::kWal ? "Wal" : "Delete";
}

}  // namespace besom::db::testing
