#include "pipeline/cli/machine/fetch/download.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <deque>
#include <vector>

#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One answer of a server, or the lack of one.
struct Answer {
  HttpResponse response;
  std::string body;
  HttpOutcome end;
};

/// Gives the answers in turn and remembers what was asked.
class ScriptedClient final : public HttpClient {
 public:
  HttpOutcome Get(const HttpRequest& request,
                  const HttpEvents& events) override {
    asked.push_back(fmt::format("{} {}", request.from, request.if_range));
    const Answer answer = answers.front();
    answers.pop_front();
    if (answer.response.status != 0) {
      if (!events.begin(answer.response) || !events.tick() ||
          (!answer.body.empty() && !events.data(answer.body)))
        return {HttpOutcome::Kind::kStopped, ""};
    }
    return answer.end;
  }

  std::deque<Answer> answers;
  std::vector<std::string> asked;
};

class DownloadTest : public besom::testing::ImageTree {
 protected:
  Status Run(std::uint64_t most = 100) {
    return Download({.url = "http://x.example/w",
                     .part = root_ / "w.part",
                     .most_bytes = most,
                     .retries = 2},
                    {.http = client_,
                     .wait =
                         [this](double seconds) {
                           waits_.push_back(seconds);
                           return true;
                         },
                     .stopped = [] { return false; },
                     .progress = [](const DownloadProgress&) {},
                     .note = [](const std::string&) {}});
  }
  std::string Part() { return ReadFile(root_ / "w.part").value(); }

  ScriptedClient client_;
  std::vector<double> waits_;
};

const HttpOutcome kCut{HttpOutcome::Kind::kBroken, "cut"};

TEST_F(DownloadTest, APartGoesOnWithTheVersionThatItIsOf) {
  client_.answers = {
      {{.status = 200, .etag = "\"a\"", .length = 6}, "abc", kCut},
      {{.status = 206, .content_range = "bytes 3-5/6"}, "def", {}}};
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Part(), "abcdef");
  EXPECT_THAT(client_.asked, ElementsAre("0 ", "3 \"a\""));
}

TEST_F(DownloadTest, AWeakTagNamesNoBytes) {
  client_.answers = {{{.status = 200,
                       .etag = "W/\"a\"",
                       .last_modified = "Mon, 30 Mar 2020 12:00:00 GMT",
                       .length = 6},
                      "abc",
                      kCut},
                     {{.status = 200, .length = 6}, "ABCDEF", {}}};
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Part(), "ABCDEF");
  EXPECT_EQ(client_.asked[1], "3 Mon, 30 Mar 2020 12:00:00 GMT");
}

TEST_F(DownloadTest, AWholePartIsKnownByItsLength) {
  Put("w.part", "abcdef");
  Put("w.part.json", R"({"url":"http://x.example/w","validator":""})");
  client_.answers = {{{.status = 416, .content_range = "bytes */6"}, "", {}}};
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Part(), "abcdef");
}

TEST_F(DownloadTest, APartOfAnotherAddressIsNotGoneOnFrom) {
  Put("w.part", "old");
  Put("w.part.json", R"({"url":"http://y.example/w","validator":"\"a\""})");
  client_.answers = {{{.status = 200, .length = 3}, "new", {}}};
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Part(), "new");
  EXPECT_THAT(client_.asked, ElementsAre("0 "));
}

TEST_F(DownloadTest, AnotherPartThanAskedForIsNotTaken) {
  for (const char* range : {"bytes 2-5/6", "bytes 3-5", "", "bytes x-5/6"}) {
    client_ = {};
    client_.answers = {{{.status = 200, .length = 6}, "abc", kCut},
                       {{.status = 206, .content_range = range}, "def", {}},
                       {{.status = 200, .length = 6}, "ABCDEF", {}}};
    ASSERT_TRUE(Run().ok()) << range;
    EXPECT_EQ(Part(), "ABCDEF") << range;
    EXPECT_EQ(client_.asked[2], "0 ");
    RemovePart(root_ / "w.part");
  }
}

TEST_F(DownloadTest, WaitsLongerEachTimeAndGivesUp) {
  client_.answers = {{{.status = 503}, "", {}},
                     {{.status = 503}, "", {}},
                     {{.status = 503}, "", {}}};
  const Status status = Run();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.cause(), HasSubstr("503"));
  EXPECT_THAT(waits_, ElementsAre(1, 2));
  EXPECT_FALSE(std::filesystem::exists(root_ / "w.part"));
}

TEST_F(DownloadTest, AFileThatIsTooLongIsNotKept) {
  client_.answers = {{{.status = 200}, "abcdef", {}}};
  EXPECT_EQ(Run(5).code(), StatusCode::kCorrupt);
  EXPECT_TRUE(std::filesystem::is_empty(root_));
  client_.answers = {{{.status = 200, .length = 6}, "abcdef", {}}};
  EXPECT_EQ(Run(5).code(), StatusCode::kCorrupt);
}

}  // namespace
}  // namespace besom::cli
