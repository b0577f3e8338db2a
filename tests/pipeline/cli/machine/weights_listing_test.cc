#include "pipeline/cli/machine/weights_listing.h"

#include <gmock/gmock.h>

#include "tests/pipeline/cli/machine/small_weights.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRegistry = R"([
  {"name": "vgg16.a", "backbone": "vgg16", "imagenet": true,
   "publisher": "p", "url": "https://x.example/a.pth",
   "sha256_prefix": "0123abcd", "mebibytes": 12.5, "preprocessing": "torch",
   "input_size": 224, "license": "MIT", "citation": "c"},
  {"name": "vgg16.b", "backbone": "vgg16", "publisher": "p",
   "url": "https://x.example/b.pth", "sha256_prefix": "0123abcd",
   "preprocessing": "caffe", "input_size": 224, "license": "MIT",
   "citation": "c"},
  {"name": "alexnet.a", "backbone": "alexnet", "imagenet": true,
   "publisher": "p", "url": "https://x.example/c.pth",
   "sha256_prefix": "0123abcd", "preprocessing": "torch", "input_size": 224,
   "license": "MIT", "citation": "c"}])";

class WeightsListingTest : public besom::testing::WeightsTree {
 protected:
  std::string Csv() {
    return WeightsTable(ListWeights(registry_), TableFormat::kCsv);
  }
  int ExitCode(const std::string& name) {
    return ExitCodeOf(FindNamedWeights(name, registry_).status());
  }

  const stages::WeightsRegistry registry_ =
      stages::WeightsRegistry::Parse(kRegistry, "r").value();
};

TEST_F(WeightsListingTest, TellsWhatIsNotHere) {
  EXPECT_EQ(Csv(),
            "backbone,weights,imagenet,state,mebibytes,license,digest,source,"
            "path\n"
            "vgg16,vgg16.a,yes,not here,12.5,MIT,sha256:0123abcd...,"
            "https://x.example/a.pth,\n"
            "vgg16,vgg16.b,no,not here,,MIT,sha256:0123abcd...,"
            "https://x.example/b.pth,\n"
            "alexnet,alexnet.a,yes,not built yet,,MIT,sha256:0123abcd...,"
            "https://x.example/c.pth,\n");
}

TEST_F(WeightsListingTest, AFileIsTheEntryWhoseSourceItNames) {
  const auto path = MakeWeights("weights/vgg16.safetensors", "vgg16", 1,
                                {{"source", "https://x.example/b.pth"}});
  EXPECT_THAT(Csv(), HasSubstr("vgg16.a,no,not here"));
  EXPECT_THAT(Csv(), HasSubstr("vgg16.b,yes,present"));
  EXPECT_THAT(Csv(), HasSubstr(path.string() + "\n"));
  EXPECT_EQ(*FindNamedWeights("vgg16", registry_), path);
}

TEST_F(WeightsListingTest, OtherFilesStandBelow) {
  MakeWeights("weights/vgg16.safetensors", "vgg16", 1,
              {{"source", "a friend"}, {"architecture", "vgg16"}});
  const auto tuned = MakeWeights("weights/tuned.safetensors", "vgg16", 2,
                                 {{"architecture", "vgg16"}});
  Put("weights/broken.safetensors", "no weights");
  Put("weights/notes.txt");
  EXPECT_THAT(Csv(), HasSubstr("vgg16.a,no,not here"));
  EXPECT_THAT(Csv(), HasSubstr("\n,broken,no,present,"));
  EXPECT_THAT(Csv(), HasSubstr("\nvgg16,tuned,no,present,"));
  EXPECT_THAT(Csv(), HasSubstr("\nvgg16,vgg16,yes,present,"));
  EXPECT_THAT(Csv(), Not(HasSubstr("notes")));
  EXPECT_EQ(*FindNamedWeights("tuned", registry_), tuned);
  EXPECT_EQ(ExitCode("broken"), 2);
}

TEST_F(WeightsListingTest, MissingWeightsNameTheCommandThatBringsThem) {
  ::setenv("BESOM_WEIGHTS_REGISTRY", (root_ / "r.json").c_str(), 1);
  Put("r.json", kRegistry);
  EXPECT_THAT(FindNamedWeights("vgg16", registry_).status().cure(),
              HasSubstr("besom weights fetch vgg16"));
  EXPECT_THAT(FindNamedWeights("vgg16.b", registry_).status().cure(),
              HasSubstr("besom weights fetch vgg16.b"));
  EXPECT_EQ(ExitCode("vgg16"), 4);
  EXPECT_EQ(ExitCode("vgg16.b"), 4);
  EXPECT_EQ(ExitCode("alexnet.a"), 2);
  EXPECT_EQ(ExitCode("vgg17"), 2);
  EXPECT_EQ(ExitCode("../weights/vgg16"), 2);
  ::unsetenv("BESOM_WEIGHTS_REGISTRY");
}

}  // namespace
}  // namespace besom::cli
