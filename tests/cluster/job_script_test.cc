#include "cluster/job_script.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace besom::cluster {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

SweepJob Job() {
  SweepJob job;
  job.name = "covid-xray";
  job.besom = "/opt/besom/besom";
  job.folder = "/home/a b";
  job.log = "/data/runs/slurm/covid-xray-%j.log";
  job.run = {"/data/it's.yaml", "--workspace", "/data/runs"};
  job.after = {"--max-links", "3"};
  return job;
}

std::vector<std::string> LinesOf(const std::string& script) {
  std::istringstream stream(script);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(JobScriptTest, AsksForWhatTheRequestSays) {
  SlurmRequest request;
  request.partition = "gpu";
  request.account = "lung";
  request.time = "04:00:00";
  request.memory = "64G";
  request.nodes = 2;
  request.gpus_per_node = 4;
  request.cpus_per_node = 32;
  EXPECT_THAT(
      LinesOf(JobScript(request, Job())),
      IsSupersetOf({"#SBATCH --job-name=covid-xray", "#SBATCH --partition=gpu",
                    "#SBATCH --account=lung", "#SBATCH --time=04:00:00",
                    "#SBATCH --mem=64G", "#SBATCH --nodes=2",
                    "#SBATCH --gpus-per-node=4", "#SBATCH --cpus-per-task=32",
                    "#SBATCH --ntasks-per-node=1", "#SBATCH --requeue",
                    "#SBATCH --signal=B:USR1@120",
                    "#SBATCH --output=/data/runs/slurm/covid-xray-%j.log"}));
}

TEST(JobScriptTest, WhatIsNotAskedForIsLeftToTheSite) {
  const std::string script = JobScript({}, Job());
  for (const char* option : {"--partition", "--account", "--time", "--mem",
                             "--gpus", "--cpus", "--array"})
    EXPECT_THAT(script, Not(HasSubstr(std::string("#SBATCH ") + option)))
        << option;
}

TEST(JobScriptTest, ExtraOptionsComeLastSoThatTheyWin) {
  SlurmRequest request;
  request.requeue = false;
  request.extra = {"--qos=long", "--requeue"};
  const std::string script = JobScript(request, Job());
  EXPECT_THAT(LinesOf(script), Contains("#SBATCH --qos=long"));
  EXPECT_LT(script.find("#SBATCH --no-requeue"),
            script.find("#SBATCH --requeue"));
}

TEST(JobScriptTest, WordsAreQuotedForTheShell) {
  const std::vector<std::string> lines = LinesOf(JobScript({}, Job()));
  EXPECT_THAT(lines, Contains("cd \"/home/a b\" || exit 4"));
  EXPECT_THAT(lines, Contains("sweep=(\"/data/it's.yaml\" --workspace "
                              "/data/runs)"));
  EXPECT_THAT(lines, Contains("after=(--max-links 3)"));
  EXPECT_EQ(ShellWord(""), "\"\"");
  EXPECT_EQ(ShellWord("$HOME"), "\"\\$HOME\"");
  EXPECT_EQ(ShellWord("a`b\\\"c"), "\"a\\`b\\\\\\\"c\"");
}

TEST(JobScriptTest, TheSetupRunsBeforeTheSweep) {
  SlurmRequest request;
  request.setup = {"module load cuda",
                   "export BESOM_RANK_PREFIX='apptainer "
                   "exec --nv besom.sif'"};
  const std::string script = JobScript(request, Job());
  EXPECT_LT(script.find("\nmodule load cuda\n"), script.find("\" run \""));
}

TEST(JobScriptTest, AnArrayTellsEachOfItsJobsItsShard) {
  SweepJob job = Job();
  job.shards = 3;
  const std::vector<std::string> lines = LinesOf(JobScript({}, job));
  EXPECT_THAT(lines, Contains("#SBATCH --array=0-2"));
  EXPECT_THAT(lines, Contains("sweep+=(--shard \"$SLURM_ARRAY_TASK_ID/3\")"));
}

TEST(JobScriptTest, TheCodeThatRunsItAgainIsTheOneOfTheProgram) {
  EXPECT_THAT(JobScript({}, Job()),
              HasSubstr(fmt::format("$code != {} ]]", kRunAgain)));
}

}  // namespace
}  // namespace besom::cluster
