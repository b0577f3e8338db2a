#include "pipeline/run/task_messages.h"

#include <gtest/gtest.h>

namespace besom::run {
namespace {

const BlobRef kBlob{DigestOf(std::string_view("blob")), 4};

TEST(TaskMessagesTest, RequestsComeBackEqual) {
  TaskRequest request;
  request.task = 7;
  request.attempt = 2;
  request.key = DigestOf(std::string_view("key"));
  request.stage = "features";
  request.params = {{"views", {1, 2}}, {"x", 0.1}};
  request.hints = {{"threads", 2}};
  request.inputs["pixels"] = {kBlob, kBlob};
  request.companions.push_back(
      {8, 3, DigestOf(std::string_view("other")), {{"cut", "x"}}, {kBlob}});
  const auto back = std::get<TaskRequest>(*Decode(Encode(request)));
  EXPECT_EQ(back.task, 7u);
  EXPECT_EQ(back.attempt, 2);
  EXPECT_EQ(back.key, request.key);
  EXPECT_EQ(back.stage, "features");
  EXPECT_EQ(back.params, request.params);
  EXPECT_EQ(back.hints, request.hints);
  EXPECT_EQ(back.inputs, request.inputs);
  ASSERT_EQ(back.companions.size(), 1u);
  EXPECT_EQ(back.companions[0].task, 8u);
  EXPECT_EQ(back.companions[0].key, request.companions[0].key);
  EXPECT_EQ(back.companions[0].params, request.companions[0].params);
  EXPECT_EQ(back.companions[0].prior, request.companions[0].prior);
}

TEST(TaskMessagesTest, ReportsKeepStatusBlobsAndCounters) {
  TaskReport report;
  report.task = 3;
  report.status = IoError("place", "cause", "cure");
  report.broken_input = kBlob;
  report.outputs = {{"out", kBlob}};
  report.counters["images"] = 12;
  report.seconds = 1.25;
  report.host = "h";
  const auto back = std::get<TaskReport>(*Decode(Encode(report)));
  EXPECT_EQ(back.status.ToString(), report.status.ToString());
  EXPECT_EQ(back.status.code(), StatusCode::kIo);
  EXPECT_EQ(back.broken_input, kBlob);
  EXPECT_EQ(back.outputs, report.outputs);
  EXPECT_EQ(back.counters, report.counters);
  EXPECT_EQ(back.seconds, 1.25);
  EXPECT_EQ(back.host, "h");
}

TEST(TaskMessagesTest, ControlMessagesAndGarbage) {
  EXPECT_TRUE(std::holds_alternative<Shutdown>(*Decode(Encode(Shutdown{}))));
  EXPECT_TRUE(std::holds_alternative<Interrupt>(*Decode(Encode(Interrupt{}))));
  EXPECT_EQ(
      std::get<TaskProgress>(*Decode(Encode(TaskProgress{1, 2, 0.5}))).share,
      0.5);
  const auto returned =
      std::get<TaskReturned>(*Decode(Encode(TaskReturned{4, 5})));
  EXPECT_EQ(returned.task, 4u);
  EXPECT_EQ(returned.attempt, 5);
  const auto recall = std::get<Recall>(*Decode(Encode(Recall{6, 7})));
  EXPECT_EQ(recall.task, 6u);
  EXPECT_EQ(recall.attempt, 7);
  const auto asked =
      std::get<TokenAsked>(*Decode(Encode(TokenAsked{{"a", "b"}})));
  EXPECT_EQ(asked.token, (WorkspaceToken{"a", "b"}));
  const auto sight =
      std::get<TokenAnswer>(*Decode(Encode(TokenAnswer{true, "h"})));
  EXPECT_TRUE(sight.sees);
  EXPECT_EQ(sight.host, "h");
  const BlobRef blob{DigestOf(std::string_view("b")), 7};
  const PieceAsked piece{3, blob, PieceAsked::What::kFile, "/f", 9};
  const auto piece_asked = std::get<PieceAsked>(*Decode(Encode(piece)));
  EXPECT_EQ(piece_asked.blob, blob);
  EXPECT_EQ(piece_asked.what, PieceAsked::What::kFile);
  EXPECT_EQ(piece_asked.file, "/f");
  EXPECT_EQ(piece_asked.offset, 9u);
  const std::string any_bytes("\0\xff z", 4);
  const auto sent = std::get<PieceSent>(*Decode(
      Encode(PieceSent{4, IoError("place", "cause", "cure"), 5, any_bytes})));
  EXPECT_EQ(sent.number, 4);
  EXPECT_EQ(sent.status.ToString(),
            IoError("place", "cause", "cure").ToString());
  EXPECT_EQ(sent.size, 5u);
  EXPECT_EQ(sent.bytes, any_bytes);
  const auto given = std::get<PieceGiven>(
      *Decode(Encode(PieceGiven{5, blob, blob.digest, 6, any_bytes})));
  EXPECT_EQ(given.blob, blob);
  EXPECT_EQ(given.checkpoint, blob.digest);
  EXPECT_EQ(given.offset, 6u);
  EXPECT_EQ(given.bytes, any_bytes);
  const auto taken =
      std::get<PieceTaken>(*Decode(Encode(PieceTaken{6, Status::Ok(), true})));
  EXPECT_TRUE(taken.status.ok());
  EXPECT_TRUE(taken.complete);
  EXPECT_EQ(Decode("garbage").status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(Decode("").status().code(), StatusCode::kCorrupt);
}

}  // namespace
}  // namespace besom::run
