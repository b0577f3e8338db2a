// Preloaded into a program, makes every file system one without locks of open
// file descriptions (fcntl: F_OFD_*), as Lustre is without -o flock. SQLite's
// own locks go on working.
#include <dlfcn.h>
#include <fcntl.h>

#include <cerrno>
#include <cstdarg>

namespace {

int Control(const char* name, int fd, int command, void* argument) {
  if (command == F_OFD_SETLK || command == F_OFD_SETLKW ||
      command == F_OFD_GETLK) {
    errno = ENOLCK;
    return -1;
  }
  using Function = int (*)(int, int, ...);
  const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
  return real(fd, command, argument);
}

}  // namespace

extern "C" int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return Control("fcntl", fd, command, argument);
}

extern "C" int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return Control("fcntl64", fd, command, argument);
}
