#include "pipeline/base/file_system.h"

#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace besom {
namespace {

/// As the kernel and the file systems' own sources name them; most are in no
/// header that every machine has.
constexpr std::uint64_t kNetworkTypes[] = {
    0x6969,      // NFS
    0x0BD00BD0,  // Lustre
    0x47504653,  // GPFS
    0x19830326,  // BeeGFS
    0xFF534D42,  // CIFS
    0xFE534D42,  // SMB2
    0x517B,      // SMB
    0x00C36400,  // CephFS
    0x65735546,  // FUSE
    0x01021997,  // 9P
    0x5346414F,  // AFS
    0x6B414653,  // kAFS
    0x73757245,  // Coda
    0x20030528,  // OrangeFS
    0xAAD7AAEA,  // PanFS
    0x01161970,  // GFS2
    0x7461636F,  // OCFS2
};

}  // namespace

bool IsNetworkFileSystem(std::uint64_t type) {
  return std::ranges::find(kNetworkTypes, type) != std::end(kNetworkTypes);
}

bool IsOnNetworkFileSystem(const Path& path) {
  std::error_code failed;
  Path folder = std::filesystem::absolute(path, failed);
  struct statfs info {};
  while (::statfs(folder.c_str(), &info) != 0) {
    if (errno == EINTR) continue;
    if (errno != ENOENT || !folder.has_relative_path()) return false;
    folder = folder.parent_path();
  }
  // 32 bits count: the field is signed on some machines.
  return IsNetworkFileSystem(static_cast<std::uint32_t>(info.f_type));
}

}  // namespace besom
