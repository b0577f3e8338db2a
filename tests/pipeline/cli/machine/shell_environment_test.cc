#include "pipeline/cli/machine/shell_environment.h"

#include <gmock/gmock.h>

#include "pipeline/base/subprocess.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What /bin/sh prints after it has evaluated `lines`.
std::string Evaluate(const std::string& lines, const std::string& then) {
  const auto outcome = RunProcess(
      {"env", "-i", "PATH=/usr/bin:/bin", "/bin/sh", "-euc", lines + then});
  return outcome.ok() ? outcome->output : outcome.status().ToString();
}

TEST(ShellEnvironmentTest, WordsReadBackAsWritten) {
  for (const std::string text : {"plain", "a b", "it's", "$HOME `id` \"x\"",
                                 "new\nline", "*", "", "~", "-n", "a;b"}) {
    EXPECT_EQ(Evaluate("", "printf %s " + ShellWord(text)), text);
  }
}

TEST(ShellEnvironmentTest, FoldersLeadThePathOnce) {
  ShellEnvironment environment;
  environment.launcher_folder = "/opt/my besom";
  environment.mpirun_folder = "/opt/mpi/bin";
  environment.variables["PATH"] = "/usr/bin:/bin";
  EXPECT_EQ(Evaluate(ExportLines(environment), "printf %s \"$PATH\""),
            "/opt/my besom:/opt/mpi/bin:/usr/bin:/bin");
  environment.variables["PATH"] = "/opt/my besom:/opt/mpi/bin:/usr/bin:/bin";
  EXPECT_THAT(ExportLines(environment), Not(HasSubstr("PATH")));
}

TEST(ShellEnvironmentTest, MpirunStartsAnyNumberOfRanksUnbound) {
  const std::string lines = ExportLines({});
  EXPECT_EQ(Evaluate(lines,
                     "echo $PRTE_MCA_rmaps_default_mapping_policy "
                     "$PRTE_MCA_hwloc_default_binding_policy $OMPI_MCA_btl"),
            ":oversubscribe none sm,tcp,self\n");
  EXPECT_THAT(lines, Not(HasSubstr("ROOT")));
}

TEST(ShellEnvironmentTest, OnlyRootIsAllowedToRunAsRoot) {
  ShellEnvironment environment;
  environment.as_root = true;
  EXPECT_EQ(Evaluate(ExportLines(environment),
                     "echo $OMPI_ALLOW_RUN_AS_ROOT"
                     "$OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"),
            "11\n");
}

TEST(ShellEnvironmentTest, TheSiteChoosesTheNetworkBetweenNodes) {
  ShellEnvironment environment;
  environment.several_nodes = true;
  EXPECT_THAT(ExportLines(environment), Not(HasSubstr("OMPI_MCA")));
}

TEST(ShellEnvironmentTest, WhatTheUserHasSetStays) {
  ShellEnvironment environment;
  environment.variables = {{"OMPI_MCA_pml", "ucx"}, {"BESOM_MPI", "/my mpi"}};
  const std::string lines = ExportLines(environment);
  EXPECT_THAT(lines, Not(HasSubstr("OMPI_MCA_pml")));
  EXPECT_EQ(Evaluate(lines, "echo $BESOM_MPI"), "/my mpi\n");
}

TEST(ShellEnvironmentTest, LinesAlsoWorkWithoutQuotesAroundThem) {
  const std::string lines = ExportLines({.as_root = true});
  EXPECT_EQ(Evaluate("", "eval $(printf '%s' " + ShellWord(lines) +
                             "); echo $OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"),
            "1\n");
}

}  // namespace
}  // namespace besom::cli
