#include "pipeline/graph/task_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/small_graph.h"

namespace besom {
namespace {

using ::testing::ElementsAre;

//   a[1] -- b[5] --+
//      \           d[2]
//       c[1] ------+
TEST(TaskGraphTest, ReadersAndCriticalPathsFollowTheEdges) {
  const TaskGraph graph = testing::MakeGraph(
      {{"a", 1, {}}, {"b", 5, {"a"}}, {"c", 1, {"a"}}, {"d", 2, {"b", "c"}}});
  EXPECT_THAT(graph.readers(0), ElementsAre(1, 2));
  EXPECT_THAT(graph.readers(3), ElementsAre());
  EXPECT_THAT(graph.CriticalPaths(), ElementsAre(8, 7, 3, 2));
}

TEST(TaskGraphTest, EqualKeysAreOneTask) {
  TaskGraph graph = testing::MakeGraph({{"a"}, {"b", 1, {"a"}}});
  TaskNode again;
  again.key = graph[1].key;
  EXPECT_EQ(graph.Add(again), 1u);
  EXPECT_EQ(graph.size(), 2u);
}

TEST(TaskGraphTest, DotNamesEveryTaskAndEdge) {
  const std::string dot = testing::MakeGraph({{"a"}, {"b", 1, {"a"}}}).Dot();
  EXPECT_THAT(dot, ::testing::HasSubstr("t0 -> t1;"));
  EXPECT_THAT(dot, ::testing::HasSubstr("label=\"b\""));
}

}  // namespace
}  // namespace besom
