#include "pipeline/store/lock_holder.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

TEST(LockHolderTest, PeopleReadItAndItReadsBack) {
  const LockHolder alone{"node-1", 7, "", "", 0};
  EXPECT_EQ(alone.ToText(), "host node-1, pid 7");
  EXPECT_EQ(LockHolder::Parse(alone.ToText()), alone);
  const LockHolder job{"node-1", 7, "12", "", 0};
  EXPECT_EQ(job.ToText(), "host node-1, pid 7, Slurm job 12");
  EXPECT_EQ(LockHolder::Parse(job.ToText()), job);
  const LockHolder all{"node-1", 7, "12", "alpha", 2};
  EXPECT_EQ(all.ToText(),
            "host node-1, pid 7, Slurm job 12 of alpha, restart 2");
  EXPECT_EQ(LockHolder::Parse(all.ToText()), all);
}

TEST(LockHolderTest, WhatCannotBeReadStaysEmpty) {
  EXPECT_EQ(LockHolder::Parse(""), LockHolder());
  EXPECT_EQ(LockHolder::Parse("gc on host 3"), LockHolder());
  EXPECT_EQ(LockHolder::Parse("host a, pid x7, restart -").host, "a");
  EXPECT_EQ(LockHolder::Parse("host a, pid x7, restart -").pid, 0);
}

}  // namespace
}  // namespace besom
