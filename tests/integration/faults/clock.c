/* The time of day, moved by as many seconds as the file named by CLOCK_FILE says. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (clock != CLOCK_REALTIME) {
    return result;
  }
  char text[32] = {0};
  int file = open(CLOCK_FILE, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    if (read(file, text, sizeof text - 1) > 0) {
      now->tv_sec += atol(text);
    }
    close(file);
  }
  return result;
}
