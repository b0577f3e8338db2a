// Prints the metrics of the confusion matrices on stdin, one JSON line each:
// what the parity test compares with scikit-learn.
#include <cstdio>
#include <iostream>
#include <string>

#include "stages/metric/metrics.h"

int main() {
  using besom::Json;
  for (std::string line; std::getline(std::cin, line);) {
    const auto counts = Json::parse(line).get<besom::stages::ConfusionCounts>();
    std::vector<std::string> classes;
    for (std::size_t i = 0; i < counts.size(); ++i)
      classes.push_back(std::to_string(i));
    Json row = Json::array();
    for (const auto& m :
         besom::stages::MetricsOf(classes, counts, std::nullopt))
      row.push_back({m.name, m.cls ? Json(*m.cls) : Json(),
                     m.value ? Json(*m.value) : Json()});
    std::puts(besom::CanonicalText(row).c_str());
  }
}
