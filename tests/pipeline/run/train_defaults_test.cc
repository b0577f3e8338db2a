// sweeps/ and stages/ do not see each other; the defaults that both have must
// agree: a key that is left out, and one that says its default, are one fit.
#include <gtest/gtest.h>

#include "stages/model/head/head_settings.h"
#include "sweeps/schema.h"

namespace besom::run {
namespace {

using stages::ScheduleKind;
using stages::ScheduleSettings;
using stages::TrainSettings;

/// The map that stands for a type of `section`, with all its parameters.
Json Written(const std::string& section, const std::string& type) {
  Json map{{"type", type}};
  for (const sweeps::Key& key : sweeps::SweepSchema().keys())
    for (const std::string& format : key.formats)
      if (key.path.starts_with(section + ".") && format == type)
        map[key.name()] = *key.fallback;
  return map;
}

std::vector<std::string> TypesOf(const std::string& section) {
  std::vector<std::string> types;
  for (const sweeps::Word& word :
       sweeps::SweepSchema().Find(section)->forms.front().words)
    types.push_back(word.name);
  return types;
}

Json DefaultTrain() {
  Json train = Json::object();
  for (const sweeps::Key& key : sweeps::SweepSchema().keys()) {
    const std::string parent = key.path.substr(0, key.path.rfind('.'));
    // Those below a key are of a map that is a word here.
    if (!key.path.starts_with("train.") ||
        sweeps::SweepSchema().Find(parent) != nullptr)
      continue;
    Json* at = &train;
    std::string rest = key.path.substr(6);
    for (std::size_t dot = rest.find('.'); dot != std::string::npos;
         dot = rest.find('.')) {
      at = &(*at)[rest.substr(0, dot)];
      rest = rest.substr(dot + 1);
    }
    (*at)[rest] = *key.fallback;
  }
  return train;
}

TEST(TrainDefaultsTest, AreThoseOfTheStage) {
  const auto read = TrainSettings::FromJson(DefaultTrain());
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, TrainSettings());
}

TEST(TrainDefaultsTest, AScheduleWrittenOutIsItsName) {
  const std::vector<std::string> types = TypesOf("train.schedule");
  EXPECT_EQ(types.size(), 6u);
  for (const std::string& type : types) {
    const auto written =
        ScheduleSettings::FromJson(Written("train.schedule", type));
    ASSERT_TRUE(written.ok()) << written.status().ToString();
    EXPECT_EQ(*written, *ScheduleSettings::FromJson(type)) << type;
  }
}

TEST(TrainDefaultsTest, ALossWrittenOutIsItsName) {
  for (const std::string& type : TypesOf("train.loss")) {
    Json named = DefaultTrain(), written = DefaultTrain();
    named["loss"] = type;
    written["loss"] = Written("train.loss", type);
    EXPECT_EQ(*TrainSettings::FromJson(named),
              *TrainSettings::FromJson(written));
  }
}

}  // namespace
}  // namespace besom::run
