#include "memory.h"

#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace paceline {
namespace {

Error outOfMemory(size_t bytes) {
  return Error("runtime", "cannot allocate " + std::to_string(bytes) + " bytes");
}

#ifdef _WIN32

uint8_t* allocate(size_t bytes) {
  void* data = _aligned_malloc(bytes, 64);
  if (data) std::memset(data, 0, bytes);
  return static_cast<uint8_t*>(data);
}

void release(uint8_t* data, size_t) { _aligned_free(data); }

#else

// From this size on memory comes from the system in whole pages, and goes back to it when freed.
constexpr size_t kMapped = size_t{1} << 21;

uint8_t* map(size_t bytes) {
  // Starts at a multiple of 2 MB, so that huge pages fit: a pass over all weights then misses the TLB 512 times less.
  constexpr size_t huge = size_t{1} << 21;
  void* whole = mmap(nullptr, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED) return nullptr;
  uint8_t* begin = static_cast<uint8_t*>(whole);
  uint8_t* data = reinterpret_cast<uint8_t*>(roundUp(reinterpret_cast<uintptr_t>(begin), huge));
  if (data != begin) munmap(begin, data - begin);
  if (data + bytes != begin + bytes + huge) munmap(data + bytes, begin + huge - data);
#ifdef MADV_HUGEPAGE
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

// Whole pages of 64 kB at most, which is a multiple of every page size in use.
size_t mappedBytes(size_t bytes) { return roundUp(bytes, size_t{1} << 16); }

uint8_t* allocate(size_t bytes) {
  if (bytes >= kMapped) return map(mappedBytes(bytes));
  void* data = std::aligned_alloc(64, roundUp(bytes, 64));
  if (data) std::memset(data, 0, bytes);
  return static_cast<uint8_t*>(data);
}

void release(uint8_t* data, size_t bytes) {
  if (bytes >= kMapped) {
    munmap(data, mappedBytes(bytes));
  } else {
    std::free(data);
  }
}

#endif

}  // namespace

void releaseFreeMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

Buffer::Buffer(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes > (SIZE_MAX >> 2)) throw outOfMemory(bytes);
  data_ = allocate(bytes);
  if (!data_) throw outOfMemory(bytes);
}

Buffer::~Buffer() {
  if (data_) release(data_, size_);
}

}  // namespace paceline
