/* A clock that a test sets: preloaded (ld.so(8)) into the program under test and its children, it adds to what the kernel tells.
 *
 * $TEST_CLOCK names a file with two numbers of 64 bits: by how many nanoseconds the time of day has jumped, and the clock that goes on
 * while the host sleeps. Programs ask the vDSO (vdso(7)), some of them without the C library, so it is there that the question is caught. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jumped;

static long kernel(long number, long first, long second) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
#endif
}

static int tell(clockid_t clock, struct timespec *time) {
    long result = kernel(SYS_clock_gettime, clock, (long)time);
    if (result != 0) return result;
    int64_t more = 0;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) more = jumped[0];
    if (clock == CLOCK_BOOTTIME) more = jumped[1];
    int64_t all = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + more;
    time->tv_sec = all / 1000000000;
    time->tv_nsec = all % 1000000000;
    return 0;
}

static int tell_day(struct timeval *day, void *zone) {
    struct timespec time;
    (void)zone;
    if (day != NULL) {
        tell(CLOCK_REALTIME, &time);
        day->tv_sec = time.tv_sec;
        day->tv_usec = time.tv_nsec / 1000;
    }
    return 0;
}

static time_t tell_seconds(time_t *seconds) {
    struct timespec time;
    tell(CLOCK_REALTIME, &time);
    if (seconds != NULL) *seconds = time.tv_sec;
    return time.tv_sec;
}

/* Has a function of the vDSO go on in ours. */
static void lead(void *vdso, const char *name, void *to) {
    unsigned char *from = dlsym(vdso, name);
    if (from == NULL) return;
#if defined(__x86_64__)
    unsigned char jump[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* mov rax, to; jmp rax */
    memcpy(jump + 2, &to, sizeof to);
#else
    unsigned char jump[16] = {0x50, 0, 0, 0x58, 0, 0x02, 0x1f, 0xd6}; /* ldr x16, to; br x16 */
    memcpy(jump + 8, &to, sizeof to);
#endif
    uintptr_t page = (uintptr_t)from & ~(uintptr_t)4095;
    if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) != 0 && mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        abort();
    memcpy(from, jump, sizeof jump);
    __builtin___clear_cache((char *)from, (char *)from + sizeof jump);
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TEST_CLOCK");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    jumped = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (jumped == MAP_FAILED || vdso == NULL) abort();
#if defined(__x86_64__)
    lead(vdso, "__vdso_clock_gettime", tell);
    lead(vdso, "__vdso_gettimeofday", tell_day);
    lead(vdso, "__vdso_time", tell_seconds);
#else
    lead(vdso, "__kernel_clock_gettime", tell);
    lead(vdso, "__kernel_gettimeofday", tell_day);
    (void)tell_seconds;
#endif
}
