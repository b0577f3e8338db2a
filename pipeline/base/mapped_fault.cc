#include "pipeline/base/mapped_fault.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "pipeline/base/check.h"

namespace besom {

/// One guarded map. The signal handler walks the list of slots without a lock,
/// so slots are never freed, only used again; it reads the atomic members only.
struct MapGuard::Slot {
  std::atomic<std::uintptr_t> begin{0};  ///< 0 = no map.
  std::atomic<std::size_t> size{0};
  std::atomic<bool> hit{false};
  bool told = false;           // Guarded by Registry::mutex.
  std::filesystem::path path;  // Guarded by Registry::mutex.
  Slot* next = nullptr;        ///< Fixed once the slot is in the list.

  bool Covers(std::uintptr_t address) const {
    const std::uintptr_t first = begin.load();
    return first != 0 && address >= first && address - first < size.load() &&
           begin.load() == first;
  }
};

namespace {

// A signal handler belongs to the process and gets no argument of ours: the
// state below cannot be anybody's member.

std::atomic<void*> g_slots{nullptr};  ///< Head of the list of MapGuard::Slot.
std::atomic<int> g_untold{0};         ///< Maps hit and not told yet.

/// What the handler does not touch.
struct Registry {
  std::mutex mutex;
  /// Files hit, not told, no longer mapped.
  std::vector<std::filesystem::path> gone;
  /// Slots without a map.
  std::vector<void*> free;
};

/// Never destroyed: maps held by static objects end after our own statics.
Registry& TheRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

std::uintptr_t g_page = 0;
struct sigaction g_previous {};

/// Puts a page of zeros where `address` lies; false when that fails. The bare
/// system call: what stands between (a sanitizer's mmap) is not made for
/// signal handlers.
bool CoverWithZeros(std::uintptr_t address) {
  const std::uintptr_t page = address & ~(g_page - 1);
  return ::syscall(SYS_mmap, page, g_page, PROT_READ,
                   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0) == static_cast<long>(page);
}

/// Does with a fault that is not ours what would have been done without us.
void Forward(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0)
    return g_previous.sa_sigaction(signal, info, context);
  const bool from_kernel = info->si_code > 0;
  if (g_previous.sa_handler == SIG_IGN && !from_kernel) return;
  if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN)
    return g_previous.sa_handler(signal);
  // The faulting instruction runs again, or the signal is sent again: now it
  // ends the process, with the core dump that it would have left.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);
  if (!from_kernel) ::raise(signal);
}

template <typename Slot>
void OnBusError(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  auto* slot = static_cast<Slot*>(g_slots.load());
  while (slot != nullptr && !(info->si_code > 0 && slot->Covers(address)))
    slot = slot->next;
  if (slot == nullptr || !CoverWithZeros(address))
    return Forward(signal, info, context);
  if (!slot->hit.exchange(true)) g_untold.fetch_add(1);
  errno = saved_errno;
}

template <typename Slot>
void InstallHandler() {
  g_page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction ours {};
  ours.sa_sigaction = OnBusError<Slot>;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  ::sigaction(SIGBUS, nullptr, &g_previous);
  const int code = ::sigaction(SIGBUS, &ours, nullptr);
  BESOM_CHECK(code == 0, "SIGBUS can be caught");
}

}  // namespace

MapGuard::MapGuard(std::span<const std::byte> bytes,
                   std::filesystem::path path) {
  static std::once_flag once;
  std::call_once(once, InstallHandler<Slot>);
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const bool fresh = registry.free.empty();
  if (fresh) {
    slot_ = new Slot;
  } else {
    slot_ = static_cast<Slot*>(registry.free.back());
    registry.free.pop_back();
  }
  slot_->path = std::move(path);
  slot_->told = false;
  slot_->hit = false;
  slot_->size = bytes.size();
  slot_->begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (!fresh) return;
  slot_->next = static_cast<Slot*>(g_slots.load());
  g_slots = slot_;
}

MapGuard::~MapGuard() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (slot_->hit.load() && !slot_->told)
    registry.gone.push_back(std::move(slot_->path));
  slot_->begin = 0;
  registry.free.push_back(slot_);
}

bool MapGuard::faulted() const { return slot_->hit.load(); }

std::optional<std::filesystem::path> TakeMapFault() {
  if (g_untold.load() == 0) return std::nullopt;
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (!registry.gone.empty()) {
    auto path = std::move(registry.gone.back());
    registry.gone.pop_back();
    g_untold.fetch_sub(1);
    return path;
  }
  for (auto* slot = static_cast<MapGuard::Slot*>(g_slots.load());
       slot != nullptr; slot = slot->next) {
    if (slot->begin.load() == 0 || !slot->hit.load() || slot->told) continue;
    slot->told = true;
    g_untold.fetch_sub(1);
    return slot->path;
  }
  return std::nullopt;
}

}  // namespace besom
