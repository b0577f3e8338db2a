// Prints besom's classification report and confusion matrix of the counts on
// stdin: the number of classes, their names one a line, then the rows.
#include <cstdio>
#include <iostream>
#include <string>

#include "pipeline/cli/reading/class_report.h"

int main() {
  std::size_t n = 0;
  std::cin >> n >> std::ws;
  std::vector<std::string> classes(n);
  for (auto& name : classes) std::getline(std::cin, name);
  besom::cli::Counts counts(n, std::vector<std::int64_t>(n));
  for (auto& row : counts) {
    for (auto& count : row) std::cin >> count;
  }
  if (!std::cin) return 2;
  std::cout << besom::cli::ReportText(
      besom::cli::ReportOfCounts(classes, counts));
  return 0;
}
