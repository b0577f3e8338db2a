// Prints what putting and getting a 4 KiB blob costs. Not a test: the figures
// depend on the disk. Usage: store_put_benchmark FOLDER
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/base/check.h"
#include "pipeline/store/blob_store.h"

namespace besom {
namespace {

constexpr int kBlobs = 1000;

template <typename Body>
void Time(const char* what, const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kBlobs; ++i) body(i);
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  fmt::print("{:<28} {:9.2f} us\n", what, 1e6 * took.count() / kBlobs);
}

void Measure(const Path& root) {
  std::filesystem::remove_all(root);
  std::vector<std::string> blobs;
  for (int i = 0; i < kBlobs; ++i) blobs.push_back(fmt::format("{:04096}", i));
  std::vector<BlobRef> refs(kBlobs);
  const auto put = [&](BlobStore& store, int i) {
    const Result<BlobRef> ref = store.Put(blobs[static_cast<std::size_t>(i)]);
    BESOM_CHECK(ref.ok(), ref.status().ToString());
    refs[static_cast<std::size_t>(i)] = *ref;
  };
  const auto get = [&](BlobStore& store, int i) {
    const auto got = store.Get(refs[static_cast<std::size_t>(i)]);
    BESOM_CHECK(got.ok(), got.status().ToString());
  };
  const WorkspaceLayout layout(root);
  const auto none = [](int) { return 0; };
  BlobStore store(layout), fresh(layout), reader(layout),
      unsynced(WorkspaceLayout(root / "unsynced"), {none, ::rename});
  // A workspace in use has its 256 folders.
  for (const BlobStore* each : {&store, &unsynced}) {
    for (int i = 0; i < 256; ++i) {
      const Path folder = each->layout().blobs() / fmt::format("{:02x}", i);
      BESOM_CHECK(MakeFolders(folder).ok(), folder.string());
    }
  }
  Time("put", [&](int i) { put(store, i); });
  Time("put, without syncing", [&](int i) { put(unsynced, i); });
  Time("put, known here", [&](int i) { put(store, i); });
  Time("put, there already", [&](int i) { put(fresh, i); });
  Time("get, first time", [&](int i) { get(reader, i); });
  Time("get, known here", [&](int i) { get(reader, i); });
  Time("fsync of a clean folder",
       [&](int) { BESOM_CHECK(SyncFolder(layout.blobs()).ok(), "sync"); });
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace besom

int main(int argc, char** argv) {
  besom::Measure(besom::Path(argc > 1 ? argv[1] : ".") / "besom_put_benchmark");
}
