#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "stages/data/phantom.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kClasses = {"clear", "consolidation", "hazy"};

std::vector<ScanEntry> Scan(const Json& marker) {
  const Json source = {
      {"name", "p"}, {"images", 300}, {"size", 64}, {"marker", marker}};
  return ScanPhantom(source, kClasses).value();
}

int Marked(const std::vector<ScanEntry>& entries, const std::string& label) {
  int marked = 0;
  for (const ScanEntry& entry : entries)
    marked += entry.label == label && entry.generator.contains("planted");
  return marked;
}

TEST(PhantomMarkerTest, StandsOnTheShareOfTheImagesThatIsAskedFor) {
  const auto entries = Scan({{"hazy", 0.8}, {"clear", 1.0}});
  EXPECT_EQ(Marked(entries, "clear"), 102);  // All: 34 patients of 3 images.
  EXPECT_EQ(Marked(entries, "consolidation"), 0);
  EXPECT_NEAR(Marked(entries, "hazy"), 0.8 * 99, 12);
}

TEST(PhantomMarkerTest, WithoutItPicturesAndTheirNamesAreTheSame) {
  const auto plain = Scan(Json::object()), marked = Scan({{"hazy", 1.0}});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(plain[i].path, marked[i].path);
    EXPECT_EQ(plain[i].content == marked[i].content, plain[i].label != "hazy");
  }
}

TEST(PhantomMarkerTest, ChangesNoPixelOutsideOfTheCorner) {
  const auto plain = Scan(Json::object()), marked = Scan({{"hazy", 1.0}});
  for (const std::size_t image : {6, 7, 15}) {
    ASSERT_EQ(plain[image].label, "hazy");
    int width = 0, height = 0, changed = 0;
    const auto before =
        RenderPhantom(plain[image].generator, &width, &height).value();
    const auto after =
        RenderPhantom(marked[image].generator, &width, &height).value();
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        if (before[y * width + x] == after[y * width + x]) continue;
        ++changed;
        EXPECT_GE(std::min(x, y), 0.875 * width) << image;
      }
    EXPECT_GT(changed, 4) << image;
  }
}

TEST(PhantomMarkerTest, UnknownKindsAndSharesAreErrors) {
  for (const Json& marker :
       {Json({{"covid", 0.5}}), Json({{"hazy", 2}}), Json("hazy")}) {
    const Json source = {{"name", "p"}, {"marker", marker}};
    const auto entries = ScanPhantom(source, kClasses);
    ASSERT_FALSE(entries.ok()) << marker.dump();
    EXPECT_THAT(entries.status().ToString(), HasSubstr("marker"));
  }
}

}  // namespace
}  // namespace besom::stages
