#include "cluster/job_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::cluster {
namespace {

using Job = LinkFacts::Job;
using Kind = NextLink::Kind;

/// A run that was stopped near the end of its job's time, with news.
LinkFacts StoppedAtLimit() {
  LinkFacts facts;
  facts.job = Job::kRunning;
  facts.may_requeue = true;
  facts.seconds_left = 100;
  facts.seconds_needed = 240;
  facts.progress = true;
  facts.max_links = 10;
  return facts;
}

TEST(NextLinkTest, NothingFollowsACompleteSweep) {
  LinkFacts facts = StoppedAtLimit();
  facts.complete = true;
  facts.run_code = 1;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kNone);
}

TEST(NextLinkTest, WhatTheSpecsOwnLimitsStoppedIsNotStartedAgain) {
  LinkFacts facts = StoppedAtLimit();
  facts.seconds_left = 3000;
  facts.limit = "more trials failed than limits.failures allows";
  const NextLink next = DecideNextLink(facts);
  EXPECT_EQ(next.kind, Kind::kGiveUp);
  EXPECT_EQ(next.why, facts.limit);
}

TEST(NextLinkTest, ARunThatWasStoppedAtTheLimitIsQueuedAgain) {
  EXPECT_EQ(DecideNextLink(StoppedAtLimit()).kind, Kind::kRequeue);
}

TEST(NextLinkTest, WhereAJobMayNotBeRequeuedAnotherOneFollows) {
  LinkFacts facts = StoppedAtLimit();
  facts.may_requeue = false;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kSubmit);
}

TEST(NextLinkTest, WithTimeLeftItGoesOnInTheSameJobWhateverTheSignalWas) {
  LinkFacts facts = StoppedAtLimit();
  facts.seconds_left = 3000;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kRunAgain);
}

TEST(NextLinkTest, PreemptedBeforeAnythingWasFinishedIsNoReasonToGiveUp) {
  LinkFacts facts = StoppedAtLimit();
  facts.seconds_left = 3000;
  facts.progress = false;
  facts.preempted = true;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kRequeue);
  facts.job = Job::kEnding;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kSubmit);
}

TEST(NextLinkTest, ALostNodeIsNoReasonToGiveUp) {
  LinkFacts facts = StoppedAtLimit();
  facts.seconds_left = 3000;
  facts.progress = false;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kGiveUp);
  facts.node_lost = true;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kRunAgain);
}

TEST(NextLinkTest, AChainWithoutProgressEndsWithACure) {
  LinkFacts facts = StoppedAtLimit();
  facts.progress = false;
  const NextLink next = DecideNextLink(facts);
  EXPECT_EQ(next.kind, Kind::kGiveUp);
  EXPECT_THAT(next.why, ::testing::HasSubstr("nothing was finished"));
  EXPECT_THAT(next.cure, ::testing::HasSubstr("slurm.time"));
}

TEST(NextLinkTest, AChainHasAMostLength) {
  LinkFacts facts = StoppedAtLimit();
  facts.links = 9;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kRequeue);
  facts.links = 10;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kGiveUp);
}

TEST(NextLinkTest, WhatWouldFailTheSameWayIsNotTriedAgain) {
  for (const int code : {2, 4, 70}) {
    LinkFacts facts = StoppedAtLimit();
    facts.run_code = code;
    EXPECT_EQ(DecideNextLink(facts).kind, Kind::kGiveUp) << code;
  }
}

TEST(NextLinkTest, ACancelledJobIsNotFollowed) {
  LinkFacts facts = StoppedAtLimit();
  facts.cancelled = true;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kNone);
  // Through Slurm: it ends a job that had time left.
  facts = StoppedAtLimit();
  facts.job = Job::kEnding;
  facts.seconds_left = 3000;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kNone);
}

TEST(NextLinkTest, AJobThatSlurmEndsAtItsLimitIsFollowedByAnother) {
  LinkFacts facts = StoppedAtLimit();
  facts.job = Job::kEnding;
  facts.seconds_left = -1;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kSubmit);
  facts.progress = false;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kGiveUp);
}

TEST(NextLinkTest, AJobThatSlurmHasQueuedAgainIsLeftToIt) {
  LinkFacts facts = StoppedAtLimit();
  facts.job = Job::kEnding;
  facts.requeued = true;
  facts.seconds_left = 3000;
  facts.progress = false;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kSlurm);
}

TEST(NextLinkTest, APreemptedJobGivesItsNodesBack) {
  LinkFacts facts = StoppedAtLimit();
  facts.preempted = true;
  facts.seconds_left = 3000;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kRequeue);
  facts.may_requeue = false;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kSubmit);
  facts.job = Job::kEnding;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kSubmit);
}

TEST(NextLinkTest, WithoutAWordOfSlurmTheJobIsQueuedAgain) {
  LinkFacts facts = StoppedAtLimit();
  facts.job = Job::kUnknown;
  facts.seconds_left = 0;
  EXPECT_EQ(DecideNextLink(facts).kind, Kind::kRequeue);
}

}  // namespace
}  // namespace besom::cluster
