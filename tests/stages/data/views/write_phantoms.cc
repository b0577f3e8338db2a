// write_phantoms FOLDER SOURCE_JSON: sample pictures, for checks that compare
// with the outside world. Classes are the kinds.
#include <cstdio>

#include "stages/data/phantom.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto source = besom::ParseJson(argv[2], "SOURCE_JSON");
  if (!source.ok()) return 2;
  const auto written = besom::stages::WritePhantomFolder(
      *source, {"clear", "consolidation", "hazy"}, argv[1]);
  if (!written.ok()) {
    std::fprintf(stderr, "%s\n", written.status().ToString().c_str());
    return 1;
  }
  std::printf("%d\n", *written);
  return 0;
}
