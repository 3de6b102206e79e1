// Preloaded into Debian's adbd, for four things that Android has and Debian stubs out or lacks:
// property files, one loopback address to listen on, the socket by which unknown keys are asked about,
// and shells that do not inherit this preload.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#define EXPORTED __attribute__((visibility("default")))

namespace {

// The first file that has a property wins; in a file, its last line.
const char* const kFiles[] = {"/data/property/props", "/vendor/build.prop", "/system/build.prop"};
// The properties of a replayed phone. Of those the daemon has the model and nothing else: keys that a real phone asks for, and
// ports that it listens on, are the handset's own.
const char kReplayed[] = "/system/etc/replay/values";
const char kProduct[] = "ro.product.";
// Not Android's name, because a handset must not show the property where its phone has none.
const char kListens[] = "service.adb.listen_addrs";
const char kOwnListens[] = "ro.handset.listen_addrs";

bool Look(const char* path, const std::string& key, std::string* value) {
  FILE* file = fopen(path, "re");
  if (!file) return false;
  char line[1024];
  bool found = false;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\r\n")] = 0;
    if (!strncmp(line, key.c_str(), key.size()) && line[key.size()] == '=') {
      *value = line + key.size() + 1;
      found = true;
    }
  }
  fclose(file);
  return found;
}

__attribute__((constructor)) void CleanEnvironment() { unsetenv("LD_PRELOAD"); }

}  // namespace

// On Debian these two are an in-process map that nothing fills.
namespace android {
namespace base {

EXPORTED std::string GetProperty(const std::string& key, const std::string& fallback) {
  std::string value;
  if (key == kListens) return GetProperty(kOwnListens, fallback);
  if (!key.compare(0, sizeof kProduct - 1, kProduct) && !Look(kFiles[0], key, &value) &&
      Look(kReplayed, key, &value)) {
    return value.empty() ? fallback : value;
  }
  for (const char* path : kFiles) {
    if (Look(path, key, &value)) return value.empty() ? fallback : value;
  }
  return fallback;
}

EXPORTED bool SetProperty(const std::string& key, const std::string& value) {
  FILE* file = fopen(kFiles[0], "ae");
  if (!file) return false;
  fprintf(file, "%s=%s\n", key.c_str(), value.c_str());
  fclose(file);
  return true;
}

}  // namespace base
}  // namespace android

// adbd listens on all addresses of the host; "any" becomes the handset's own, ro.handset.bind.
extern "C" EXPORTED int bind(int fd, const struct sockaddr* address, socklen_t length) {
  static auto real =
      reinterpret_cast<int (*)(int, const struct sockaddr*, socklen_t)>(dlsym(RTLD_NEXT, "bind"));
  const std::string own = android::base::GetProperty("ro.handset.bind", "");
  if (!own.empty() && address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 six;
    memcpy(&six, address, sizeof six);
    if (IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr) &&
        inet_pton(AF_INET6, ("::ffff:" + own).c_str(), &six.sin6_addr) == 1) {
      return real(fd, reinterpret_cast<sockaddr*>(&six), sizeof six);
    }
  }
  if (!own.empty() && address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in four;  // a host without IPv6
    memcpy(&four, address, sizeof four);
    if (four.sin_addr.s_addr == INADDR_ANY && inet_pton(AF_INET, own.c_str(), &four.sin_addr) == 1) {
      return real(fd, reinterpret_cast<sockaddr*>(&four), sizeof four);
    }
  }
  return real(fd, address, length);
}

// On Android init makes this socket and hands it down; adbd listens, and Android's framework connects.
extern "C" EXPORTED int android_get_control_socket(const char* name) {
  sockaddr_un place = {};
  place.sun_family = AF_UNIX;
  snprintf(place.sun_path, sizeof place.sun_path, "/dev/socket/%s", name);
  unlink(place.sun_path);  // of a daemon that died
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&place), sizeof place) != 0) {
    close(fd);
    return -1;
  }
  chmod(place.sun_path, 0660);
  return fd;
}
