#include "stages/model/backbone_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/base/files.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

TEST(BackboneTableTest, ThePageHasTheCatalogsTables) {
  const auto page = ReadFile(Path(BESOM_MODEL_FOLDER) / "BACKBONES.md");
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  const std::string mark = "<!-- tables: printed by besom_backbone_table -->\n";
  const std::size_t at = page->find(mark);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(page->substr(at + mark.size()), BackboneTables())
      << "build besom_backbone_table and put its output into the page";
}

// As torchvision documents it: 4.09 GFLOPS and 25557032 parameters, of which
// the classifier has 2048 * 1000 + 1000.
TEST(BackboneTableTest, SaysWhatIsPublished) {
  EXPECT_THAT(BackboneTables(),
              HasSubstr("| `resnet50` | 224 | 2048 x 7 x 7 | 4.09 | 23.51 | "
                        "torchvision |\n"));
  EXPECT_THAT(BackboneTables(),
              HasSubstr("| `vit_b_16` | `stem` 768 x 14 x 14 · `block1` 768 x "
                        "14 x 14 ·"));
}

}  // namespace
}  // namespace besom::stages
