// Preloaded into the programs of a handset that replays a phone (/etc/ld.so.preload): what they read below /proc is the
// phone's, as far as its snapshot has it, and the cores are the phone's in number.
//
// - /proc/FILE is the file of that name in the replay, where there is one, with the owner and mode that it has there.
// - Cpus_allowed and Cpus_allowed_list in /proc/PID/status are those of the phone's shell, or what the phone's taskset
//   pinned the process to (in its environment); what it runs on are cores of this machine, in turn.
// - /proc/stat has a line for each core that is online. It starts at the snapshot's values and moves as this machine's
//   do, from the first program of /data on: until then a snapshot of the replay is that of the phone.
//
// Programs of /data, which are measured, are left alone.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

const char kReplay[] = "/system/etc/replay/proc/";
const char kAllowed[] = "/system/etc/replay/allowed";  // cores of the phone: a mask, in hexadecimal
const char kOnline[] = "/system/etc/replay/online";
const char kMachine[] = "/system/etc/replay/machine";  // cores of this machine: a list with blanks
const char kBase[] = "/data/system/hs/stat";           // this machine's /proc/stat at the first program
const char kPinned[] = "HANDSET_CORES=";
const int kColumns = 10, kMost = 64, kText = 1 << 16;

bool g_measured = false;

int Open(const char* path, int flags, mode_t mode) {
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

// Returns the length of a file's text, which is cut at the buffer's end; -1 if it cannot be read.
ssize_t Read(const char* path, char* text, size_t size) {
  const int fd = Open(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  size_t used = 0;
  for (ssize_t got; used + 1 < size && (got = read(fd, text + used, size - 1 - used)) > 0;) used += got;
  close(fd);
  text[used] = 0;
  return static_cast<ssize_t>(used);
}

// The file that a text can be read from; it has no name.
int FileOf(const char* text, size_t size, int flags) {
  const int fd = static_cast<int>(syscall(SYS_memfd_create, "proc", flags & O_CLOEXEC ? MFD_CLOEXEC : 0));
  if (fd < 0) return -1;
  while (size > 0) {
    const ssize_t done = write(fd, text, size);
    if (done <= 0) break;
    text += done, size -= done;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

unsigned long long MaskIn(const char* path) {
  char text[64];
  return Read(path, text, sizeof text) > 0 ? strtoull(text, nullptr, 16) : 0;
}

unsigned long long PinnedTo(const char* process) {
  static char text[kText];
  char path[PATH_MAX];
  snprintf(path, sizeof path, "/proc/%s/environ", process);
  const ssize_t size = Read(path, text, sizeof text);
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(strlen(text + at)) + 1) {
    if (!strncmp(text + at, kPinned, sizeof kPinned - 1)) return strtoull(text + at + sizeof kPinned - 1, nullptr, 16);
  }
  return 0;
}

void List(unsigned long long mask, char* text, size_t size) {
  size_t used = 0;
  for (int core = 0; core < kMost && used + 8 < size; core++) {
    if (!(mask >> core & 1)) continue;
    int last = core;
    while (last + 1 < kMost && mask >> (last + 1) & 1) last++;
    used += snprintf(text + used, size - used, last > core ? "%s%d-%d" : "%s%d", used ? "," : "", core, last);
    core = last;
  }
}

int Status(const char* process, const char* path, int flags) {
  static char text[kText];
  static char changed[kText];
  const unsigned long long pinned = PinnedTo(process);
  const unsigned long long mask = pinned ? pinned : MaskIn(kAllowed);
  const ssize_t size = Read(path, text, sizeof text);
  if (!mask || size < 0) return Open(path, flags, 0);
  char list[256] = "";
  List(mask, list, sizeof list);
  size_t used = 0;
  for (char* line = strtok(text, "\n"); line && used < sizeof changed; line = strtok(nullptr, "\n")) {
    char* const to = changed + used;
    const size_t room = sizeof changed - used;
    if (!strncmp(line, "Cpus_allowed:", 13)) {
      used += snprintf(to, room, "Cpus_allowed:\t%llx\n", mask);
    } else if (!strncmp(line, "Cpus_allowed_list:", 18)) {
      used += snprintf(to, room, "Cpus_allowed_list:\t%s\n", list);
    } else {
      used += snprintf(to, room, "%s\n", line);
    }
  }
  return FileOf(changed, used, flags);
}

struct Ticks {
  unsigned long long of[kMost + 1][kColumns];  // of each core; the last ones are of all
};

void Parse(const char* text, Ticks* ticks) {
  memset(ticks, 0, sizeof *ticks);
  for (const char* line = text; line && !strncmp(line, "cpu", 3); line = strchr(line, '\n'), line += line ? 1 : 0) {
    char* at = const_cast<char*>(line) + 3;
    const long core = *at == ' ' ? kMost : strtol(at, &at, 10);
    if (core < 0 || core > kMost) continue;
    for (int column = 0; column < kColumns && *at && *at != '\n'; column++) {
      ticks->of[core][column] = strtoull(at, &at, 10);
    }
  }
}

int Stat(int flags) {
  static char now_text[kText], base_text[kText], phone_text[kText], out[kText];
  static Ticks now, base, phone;
  const unsigned long long online = MaskIn(kOnline);
  int machine[kMost], cores = 0;
  char text[256];
  if (Read(kMachine, text, sizeof text) > 0) {
    for (char* at = strtok(text, " \n"); at && cores < kMost; at = strtok(nullptr, " \n")) machine[cores++] = atoi(at);
  }
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%sstat", kReplay);
  const ssize_t given = Read(path, phone_text, sizeof phone_text);
  if (given < 0 && errno != ENOENT) return -1;
  if (!online || !cores || Read("/proc/stat", now_text, sizeof now_text) < 0) {
    return Open(given < 0 ? "/proc/stat" : path, flags, 0);
  }
  Parse(now_text, &now);
  memset(&base, 0, sizeof base);
  memset(&phone, 0, sizeof phone);
  if (given >= 0) {
    Parse(phone_text, &phone);
    if (Read(kBase, base_text, sizeof base_text) < 0) return FileOf(phone_text, given, flags);
    Parse(base_text, &base);
  }
  size_t used = 0;
  for (int line = -1; line < kMost; line++) {
    if (line >= 0 && !(online >> line & 1)) continue;
    const int of_phone = line < 0 ? kMost : line;
    const int of_machine = line < 0 ? kMost : machine[line % cores];
    used += line < 0 ? snprintf(out + used, sizeof out - used, "cpu ")
                     : snprintf(out + used, sizeof out - used, "cpu%d", line);
    for (int column = 0; column < kColumns; column++) {
      used += snprintf(out + used, sizeof out - used, " %llu",
                       phone.of[of_phone][column] + now.of[of_machine][column] - base.of[of_machine][column]);
    }
    used += snprintf(out + used, sizeof out - used, "\n");
  }
  const char* rest = strstr(given >= 0 ? phone_text : now_text, "\nintr");
  if (rest) used += snprintf(out + used, sizeof out - used, "%s", rest + 1);
  return FileOf(out, used < sizeof out ? used : sizeof out - 1, flags);
}

// Returns whether a path is /proc/PROCESS/status, and which process it names.
bool IsStatus(const char* path, char* process, size_t size) {
  const char* slash = strchr(path, '/');
  if (!slash || strcmp(slash, "/status") || static_cast<size_t>(slash - path) >= size) return false;
  memcpy(process, path, slash - path);
  process[slash - path] = 0;
  return !strcmp(process, "self") || !strcmp(process, "thread-self") ||
         strspn(process, "0123456789") == strlen(process);
}

// Returns a file that is the phone's, -2 where the path is none of those.
int Replayed(const char* path, int flags) {
  if (g_measured || strncmp(path, "/proc/", 6) || (flags & O_ACCMODE) != O_RDONLY) return -2;
  const char* name = path + 6;
  char process[32];
  if (IsStatus(name, process, sizeof process)) return Status(process, path, flags);
  if (!strcmp(name, "stat")) return Stat(flags);
  char replay[PATH_MAX];
  struct stat found;
  snprintf(replay, sizeof replay, "%s%s", kReplay, name);
  if (strstr(name, "..") || lstat(replay, &found) || S_ISDIR(found.st_mode)) return -2;
  return Open(replay, flags, 0);
}

__attribute__((constructor)) void Begin() {
  char program[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
  if (size <= 0) return;
  program[size] = 0;
  g_measured = !strncmp(program, "/data/", 6);
  if (!g_measured) return;
  static char text[kText];
  const int fd = Open(kBase, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return;
  const ssize_t length = Read("/proc/stat", text, sizeof text);
  if (length > 0 && write(fd, text, length) != length) unlink(kBase);
  close(fd);
}

}  // namespace

#define MODE_OF(flags)                       \
  mode_t mode = 0;                           \
  if ((flags) & (O_CREAT | O_TMPFILE)) {     \
    va_list arguments;                       \
    va_start(arguments, flags);              \
    mode = va_arg(arguments, mode_t);        \
    va_end(arguments);                       \
  }

EXPORTED int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  const int fd = Replayed(path, flags);
  return fd == -2 ? Open(path, flags, mode) : fd;
}

EXPORTED int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  const int fd = Replayed(path, flags);
  return fd == -2 ? Open(path, flags | O_LARGEFILE, mode) : fd;
}

EXPORTED int openat(int folder, const char* path, int flags, ...) {
  MODE_OF(flags)
  const int fd = *path == '/' ? Replayed(path, flags) : -2;
  return fd == -2 ? static_cast<int>(syscall(SYS_openat, folder, path, flags, mode)) : fd;
}

EXPORTED int openat64(int folder, const char* path, int flags, ...) {
  MODE_OF(flags)
  const int fd = *path == '/' ? Replayed(path, flags) : -2;
  return fd == -2 ? static_cast<int>(syscall(SYS_openat, folder, path, flags | O_LARGEFILE, mode)) : fd;
}

EXPORTED int __open_2(const char* path, int flags) { return open(path, flags); }
EXPORTED int __open64_2(const char* path, int flags) { return open64(path, flags); }

EXPORTED FILE* fopen(const char* path, const char* mode) {
  static auto real = reinterpret_cast<FILE* (*)(const char*, const char*)>(dlsym(RTLD_NEXT, "fopen"));
  const int fd = *mode == 'r' && !strchr(mode, '+') ? Replayed(path, O_RDONLY) : -2;
  if (fd == -2) return real(path, mode);
  return fd < 0 ? nullptr : fdopen(fd, mode);
}

EXPORTED FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }
